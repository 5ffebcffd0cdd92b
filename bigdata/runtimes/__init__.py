"""How N workers are started, fed with records, joined and, when one of them fails, stopped."""
