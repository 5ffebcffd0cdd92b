"""Validation of the loaders: same_sql (all send the same statements), overhead (none adds cost of its own)."""
