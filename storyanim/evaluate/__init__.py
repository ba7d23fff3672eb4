"""Measurement: a judge that reads clips, metrics from arrays to numbers, and what `storyanim eval` does with them."""
