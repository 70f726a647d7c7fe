"""The one process that keeps the other node's file sets fresh, and those who talk to it."""
