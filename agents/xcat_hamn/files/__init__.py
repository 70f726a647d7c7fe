"""File sets: copied from the active management node to the standby, never backwards."""
