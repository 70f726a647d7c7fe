"""The OCF contract alone: declarations, metadata, environment, exit codes, deadline, dispatch."""
