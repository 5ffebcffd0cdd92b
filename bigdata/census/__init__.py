"""Census 2000 Summary File 1: fetching, generating, reading and digesting its files."""
