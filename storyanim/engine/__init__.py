"""Run folders: steps, keys, resume."""
