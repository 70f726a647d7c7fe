"""The operator's takeover: may a node get the role, what would be lost, and the move itself."""
