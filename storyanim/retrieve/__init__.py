"""Query to footage: an index of captioned video windows, searched by vectors and words (AaS 3.1)."""
