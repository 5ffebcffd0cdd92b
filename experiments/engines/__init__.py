"""Engines: each launches loaders and serves PostgreSQL in its own way, behind the protocols of ``protocol``."""
