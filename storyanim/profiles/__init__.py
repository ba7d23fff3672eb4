"""Profiles: TOML files that name a family of models and its settings."""
