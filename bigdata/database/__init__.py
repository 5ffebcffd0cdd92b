"""The database: its URL, tables and statements, and checks of what a load left in it."""
