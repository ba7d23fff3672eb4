"""Sound of a film: narration, music, ambience, and their mix."""
