"""Footage to inverse depth: a monocular depth estimator on the pixels, scaled once a clip (AaS 3.1)."""
