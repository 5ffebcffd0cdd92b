"""The answer on the front page."""
