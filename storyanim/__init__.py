"""storyanim."""
