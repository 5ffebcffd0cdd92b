"""Validation of the loaders: same_sql (all send the same statements)."""
