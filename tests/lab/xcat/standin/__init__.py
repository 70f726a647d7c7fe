"""xCAT stand-in: a test double, not xCAT.

It keeps xCAT's command lines, exit codes, wire protocol, unit, ports and files, and the traps
measured on a real xCAT 2.19.0, so that what runs against it can be expected to run against
the real one. It manages nothing.
"""

VERSION = "Version 2.19.0 (stand-in, not xCAT)"
LABEL = "xCAT stand-in: test double, not xCAT"
