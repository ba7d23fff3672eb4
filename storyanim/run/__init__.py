"""The way of a story to a film: read pipeline.py first."""
