"""Proof that the database of this node can be read and written, without touching anybody's data."""
