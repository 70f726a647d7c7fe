"""The identity of the management node: service addresses and host name."""
