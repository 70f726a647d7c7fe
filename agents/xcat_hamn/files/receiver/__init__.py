"""The receiving side: what sshd runs, as root, for the key of the other node."""
