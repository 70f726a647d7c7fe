"""Db2 with HADR."""
