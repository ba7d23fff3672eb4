"""Depth, prompt and tokens to frames."""
