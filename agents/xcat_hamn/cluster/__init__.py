"""The cluster as agents and administrators see it: attributes and scores; CIB and status."""
