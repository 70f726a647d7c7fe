"""One module per resource agent: which action does what."""
