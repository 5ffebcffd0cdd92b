"""Census 2000 Summary File 1: download, generation, reading and digests of its files."""
