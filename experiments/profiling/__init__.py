"""One cell in detail: profiles, flame graphs and counters."""
