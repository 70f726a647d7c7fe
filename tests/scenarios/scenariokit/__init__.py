"""Scenarios as data: what is done to a real cluster, what must be seen, and what is audited."""
