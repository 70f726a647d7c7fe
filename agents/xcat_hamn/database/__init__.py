"""The databases that can hold xCAT's tables: observations, decisions, actions."""
