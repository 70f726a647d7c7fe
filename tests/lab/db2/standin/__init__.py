"""Db2 stand-in: a test double, not Db2.

It keeps the command lines, messages, exit codes, output layouts, ports and refusals of Db2's HADR
as they are documented and recorded, so that what is refused here is refused by the real one too.
Its rows lie in SQLite.
"""

LABEL = "Db2 stand-in: test double, not Db2"
