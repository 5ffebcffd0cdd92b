"""The database: its URL, tables and statements, and checks of a load's result."""
