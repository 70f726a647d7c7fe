"""The program that writes to the database at the service address and tells what was acknowledged.

`on_client.py NAME`: the first line of standard input is the connection string. Each commit adds the
next number; the number is printed once the database has confirmed the commit, and a number whose
outcome is unknown is never used again. The end of standard input ends the program.
"""

from __future__ import annotations

import sys
import threading
import time

import psycopg2

INTERVAL = 0.05
RETRY = 0.3
#: A database that is gone is noticed so soon, one that lets a commit wait is not given up.
PATIENCE = {
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 4000,
}


def write(name: str, where: str) -> None:
    """Commit for ever."""
    number, connection, said = 0, None, ""
    while True:
        try:
            if connection is None:
                connection = psycopg2.connect(where, **PATIENCE)
                connection.autocommit = True
                cursor = connection.cursor()
                cursor.execute(
                    "SELECT coalesce(max(number), 0) FROM acknowledged WHERE writer = %s", [name]
                )
                number = max(number, cursor.fetchone()[0])
            number += 1
            cursor.execute("INSERT INTO acknowledged VALUES (%s, %s)", [name, number])
            print(number, flush=True)
            said = ""
            time.sleep(INTERVAL)
        except psycopg2.Error as problem:
            reason = " ".join(str(problem).split())
            if reason != said:
                print(f"- {reason}", file=sys.stderr, flush=True)
                said = reason
            connection = None
            time.sleep(RETRY)


def main() -> None:
    """Write until standard input ends."""
    where = sys.stdin.readline().strip()
    threading.Thread(target=write, args=(sys.argv[1], where), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
