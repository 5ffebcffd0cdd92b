"""The answer to the project's question: its facts, at most eight sentences and a table of settings."""
