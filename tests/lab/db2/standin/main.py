"""The entry point of the installed executables."""

from __future__ import annotations

import importlib
import os
import pwd
import sys

from .home import Home
from .messages import Refused, wrap

#: Executable -> the module that has its function; imported when it is needed, for speed.
MODULES = {"db2": "clp", "db2pd": "db2pd"}
FUNCTIONS = {"db2": "main", "db2pd": "main", "db2nkill": "db2_kill"}


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
        module = importlib.import_module(f".{MODULES.get(command, 'tools')}", __package__)
        return int(getattr(module, FUNCTIONS.get(command, command))(home, arguments))
    except Refused as refused:
        print(wrap(refused.text(home.release)))
        return 4
    except BrokenPipeError:
        sys.stderr.close()
        return 1
