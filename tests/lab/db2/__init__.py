"""The Db2 stand-in of the lab: a test double, not Db2.  See README.md."""
