"""Runtimes: they start N workers, hand records to them, join them and stop them if one fails."""
