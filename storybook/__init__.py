"""The lab of the bundled storybook family: its world, its training and its measurement.

Run from a checkout as `python -m storybook world|train|eval`. It uses `storyanim` (all but its command
line) and is never imported by it; the wheel leaves it out.
"""
