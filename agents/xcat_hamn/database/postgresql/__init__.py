"""PostgreSQL with streaming replication."""
