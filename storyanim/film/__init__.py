"""Frames to clips, clips to a film, and pages to look at them."""
