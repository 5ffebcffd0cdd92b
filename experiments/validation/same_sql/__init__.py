"""The statement log: all loaders send the same statements."""
