"""The door to the operating system: processes, files, locks, the network."""
