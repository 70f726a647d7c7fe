"""A program, run as the instance's owner: SQL through ibm_db.  Standard library and ibm_db only.

It reads {"database", "statements", "accept"} as JSON on standard input and prints the rows of the
last statement, one line each.  Exit codes: 0; 1 with Db2's message on stderr; 3 without ibm_db.
The connection is a local one, so there is no password.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def _rows(driver: Any, connection: Any, statement: str, accept: list[str]) -> list[str]:
    try:
        answer = driver.exec_immediate(connection, statement)
    except Exception as problem:
        if any(code in str(problem) for code in accept):
            return []
        raise
    if not driver.num_fields(answer):
        return []
    found = []
    while row := driver.fetch_tuple(answer):
        found.append(" ".join(str(value) for value in row))
    return found


def main() -> int:
    """Do what is asked on standard input."""
    try:
        import ibm_db as driver  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as problem:
        sys.stderr.write(f"{problem}\n")
        return 3
    asked = json.load(sys.stdin)
    try:
        connection = driver.connect(asked["database"], "", "")
        try:
            found: list[str] = []
            for statement in asked["statements"]:
                found = _rows(driver, connection, statement, asked["accept"])
        finally:
            driver.close(connection)
    except Exception as problem:  # noqa: BLE001 - ibm_db raises plain Exceptions
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write("".join(f"{row}\n" for row in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
