"""The program that runs one statement on the Db2 stand-in of a management node.

`on_db2.py HOME`: the statement is standard input; the rows are printed, their values with blanks
between them.
"""

from __future__ import annotations

import sys

sys.path.append("/opt/ibm/db2/standin/lib")

from db2_standin import client


def main() -> None:
    """Run it."""
    with open("/etc/xcat/cfgloc", encoding="utf-8") as stream:
        name, user, password = stream.read().strip().partition(":")[2].split("|")
    connection = client.connect(name, sys.argv[1], user, password)
    for row in connection.execute(sys.stdin.read().strip()):
        print(*row)
    connection.close()


if __name__ == "__main__":
    main()
