"""Makes a HADR pair of one Db2 database and an instance on another node: requirement 5.1."""
