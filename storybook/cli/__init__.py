"""The lab's command line: one file a command group."""
