"""Measurement: a judge that reads clips, metrics from arrays to numbers, and what `python -m storybook eval`
does with them."""
