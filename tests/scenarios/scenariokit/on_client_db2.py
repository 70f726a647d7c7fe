"""The program that writes to the Db2 stand-in and tells what was acknowledged.

`on_client_db2.py NAME`: as on_client.py; the first line of standard input is a JSON object: user,
password, and host and port, or the home of the local instance. A local client looks before it
connects: with Db2, a connection would make a primary of a database that only has been one.
"""

from __future__ import annotations

import json
import sys
import threading
import time

sys.path.append("/opt/ibm/db2/standin/lib")

from db2_standin import client
from db2_standin.home import Home, read_json

DATABASE = "xcatdb"
INTERVAL = 0.05
RETRY = 0.3


def connect(where: dict[str, str]) -> client.Connection:
    """Return a connection to the primary.  Raises client.Down or client.Refusal."""
    user, password = where["user"], where["password"]
    if "host" in where:
        return client.dial(DATABASE, where["host"], int(where["port"]), user, password)
    shown = read_json(Home(where["home"]).shared_memory, {}).get("databases", {})
    role = (shown.get(DATABASE.upper(), {}).get("hadr") or {}).get("role")
    if role != "PRIMARY":
        raise client.Down(f"the database here is {role or 'not active'}")
    return client.connect(DATABASE, where["home"], user, password)


def write(name: str, where: dict[str, str]) -> None:
    """Commit for ever."""
    number, connection, said = 0, None, ""
    while True:
        try:
            if connection is None:
                connection = connect(where)
                highest = "SELECT coalesce(max(number), 0) FROM acknowledged WHERE writer = ?"
                number = max(number, connection.execute(highest, [name])[0][0])
            number += 1
            connection.execute("INSERT INTO acknowledged VALUES (?, ?)", [name, number])
            print(number, flush=True)
            said = ""
            time.sleep(INTERVAL)
        except (client.Down, client.Refusal, OSError, ValueError) as problem:
            reason = " ".join(str(problem).split())
            if reason != said:
                print(f"- {reason}", file=sys.stderr, flush=True)
                said = reason
            if connection is not None:
                connection.abandon()
            connection = None
            time.sleep(RETRY)


def main() -> None:
    """Write until standard input ends."""
    where = json.loads(sys.stdin.readline())
    threading.Thread(target=write, args=(sys.argv[1], where), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
