"""The answer to the project's question: its facts, at most six sentences and a table of settings."""
