"""Proofs about the loaders: the same SQL, and no overhead of their own."""
