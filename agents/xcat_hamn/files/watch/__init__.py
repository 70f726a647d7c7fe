"""What changes beneath the paths of the file sets, as the kernel tells it."""
