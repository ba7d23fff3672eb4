"""Footage to nearness: a monocular depth estimator on the pixels, scaled once a clip (AaS 3.1)."""
