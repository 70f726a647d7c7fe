"""The entry point of the installed executables."""

from __future__ import annotations

import os
import pwd
import sys

from . import clp, db2pd, tools
from .home import Home
from .messages import Refused, wrap

ENTRIES = {
    "db2": clp.main,
    "db2pd": db2pd.main,
    "db2nkill": tools.db2_kill,
    **{
        name: getattr(tools, name)
        for name in (
            "db2start db2stop db2_kill db2nps db2gcf db2level db2ilist db2set db2iauto"
        ).split()
    },
}


def home_of(program: str) -> str:
    """Return the home of the instance whose executable `program` is, else of DB2INSTANCE."""
    place = os.path.dirname(os.path.abspath(program))
    while place != "/":
        if os.path.basename(place) == "sqllib":
            return os.path.dirname(place)
        place = os.path.dirname(place)
    return pwd.getpwnam(os.environ.get("DB2INSTANCE", "")).pw_dir


def main(program: str, arguments: list[str]) -> int:
    """Run an executable; return its exit code."""
    command = os.path.basename(program)
    try:
        home = Home(home_of(program))
    except KeyError:
        print("SQL1390C  The environment variable DB2INSTANCE is not defined or is invalid.")
        return 8
    try:
        return ENTRIES[command](home, arguments)
    except Refused as refused:
        print(wrap(refused.text(home.release)))
        return 4
    except BrokenPipeError:
        sys.stderr.close()
        return 1
