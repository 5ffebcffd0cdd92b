"""Overhead of the project itself: loaders compared with minimal scripts, reading with a bare loop."""
