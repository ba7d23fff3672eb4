"""Films by the dozen, again and again: over `api.make_film`, which makes one."""
