"""The loader: Census 2000 SF1 files into PostgreSQL, row by row. It is what the experiment measures."""
