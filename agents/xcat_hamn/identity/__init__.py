"""The identity of the management node: its service addresses and its host name."""
