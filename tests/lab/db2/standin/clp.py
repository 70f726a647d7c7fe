"""The command line processor `db2`."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from .client import ask
from .home import Home, read_json, write_json
from .messages import Refused, done, exit_code, wrap

OPTION = re.compile(r"[-+][acdefiklmnopqrstvwxz]+[0-9]*", re.IGNORECASE)
PASSWORD = re.compile(r"(\bUSING\s+)(\S+)(?=\s|$)", re.IGNORECASE)
#: Without SQLSTATE while the instance is down (recorded for START HADR).
BARE = re.compile(r"\s*(START|STOP|TAKEOVER)\s+HADR|\s*(DE)?ACTIVATE", re.IGNORECASE)
GET_CFG = re.compile(
    r'GET\s+(?:DB|DATABASE)\s+(?:CFG|CONFIG|CONFIGURATION)\s+FOR\s+"?(\w+)"?', re.IGNORECASE
)


MANAGER = r"(?:DBM|DATABASE MANAGER) (?:CFG|CONFIG|CONFIGURATION)"
UPDATE_MANAGER = re.compile(f"UPDATE {MANAGER} USING (\\w+) (\\S+)", re.IGNORECASE)
GET_MANAGER = re.compile(f"GET {MANAGER}", re.IGNORECASE)


def main(home: Home, arguments: list[str]) -> int:
    """Run `db2`."""
    options: set[str] = set()
    file = ""
    words = list(arguments)
    while words and OPTION.fullmatch(words[0]):
        word = words.pop(0)
        letters = word[1:].lower()
        change = options.update if word[0] == "-" else options.difference_update
        change(letters)
        options.update("+" + letter for letter in letters if word[0] == "+")
        if word[0] == "-" and letters.endswith("f"):
            file = words.pop(0)
    if words:
        # db2 joins its arguments: quotes are the shell's business
        return _run(home, " ".join(words), options)
    return _script(home, file, options)


def _script(home: Home, file: str, options: set[str]) -> int:
    if file and file != "-":
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
    else:
        text = sys.stdin.read()
    statements = text.split(";") if "t" in options else text.split("\n")
    result = 0
    for statement in (" ".join(s.split("\n")).strip() for s in statements):
        if not statement or statement.startswith("--"):
            continue
        if statement.upper() in ("QUIT", "EXIT"):
            break
        if "v" in options:
            print(statement)
        code = _run(home, statement, options)
        result |= code
        if code >= 4 and "s" in options:
            break
    return result


def _run(home: Home, text: str, options: set[str]) -> int:
    text = text.strip()
    bare = text.upper().split()
    home.journal(
        "db2 " + PASSWORD.sub(r"\1(a word)", text) if " USER " in text.upper() else f"db2 {text}"
    )
    if bare[0] in ("DB2START", "DB2STOP"):
        from . import tools

        return tools.through_clp(home, bare)
    code = _manager(home, " ".join(text.split()))
    if code is None:
        code = _ask(home, text, options)
    return code if not ("+w" in options and code in (1, 2)) else 0


def _ask(home: Home, text: str, options: set[str]) -> int:
    request: dict[str, Any] = {
        "verb": "command",
        "text": text,
        "values": [],
        "session": [os.getppid(), "db2bp"],
        "confirmed": False,
        "bare": "x" in options,
    }
    reply = ask(home, request)
    if reply is None:
        return _offline(home, text)
    if "prompt" in reply:
        print(reply["prompt"])
        print("Do you want to continue ? (y/n) ", end="", flush=True)
        if sys.stdin.readline().strip().lower() != "y":
            return _print(Refused("SQL2001N"), home)
        reply = ask(home, {**request, "confirmed": True})
        if reply is None:
            return _offline(home, text)
    print(reply["text"])
    return int(reply["rc"])


def _manager(home: Home, text: str) -> int | None:
    """Do what concerns the configuration of the instance: that works while it is down, too."""
    found, path = UPDATE_MANAGER.fullmatch(text), f"{home.own}/manager.json"
    values = read_json(path, {})
    if found:
        write_json(path, {**values, found.group(1).upper(): found.group(2)})
        print(wrap(done("UPDATE DATABASE MANAGER CONFIGURATION")))
        return 0
    if GET_MANAGER.fullmatch(text):
        print("\n          Database Manager Configuration\n")
        for name, value in {"SVCENAME": "", **values}.items():
            print(f" {name.ljust(40)} ({name}) = {value}".rstrip())
        return 0
    return None


def _print(refused: Refused, home: Home, *, state: bool = True) -> int:
    print(wrap(refused.text(home.release, state=state)))
    return exit_code(refused.code)


def _offline(home: Home, text: str) -> int:
    """Answer while the instance is down."""
    from . import database, shown

    words = " ".join(text.upper().split())
    if words == "TERMINATE":
        print(done("TERMINATE"))
        return 0
    if words == "CONNECT RESET":
        return _print(Refused("SQL1024N"), home)
    if re.fullmatch(r"LIST (DB|DATABASE) DIRECTORY", words):
        print(shown.directory(home, database.names(home)))
        return 0
    asked = GET_CFG.fullmatch(text)
    if asked and home.settings()["dbcfg_offline"]:
        name = asked.group(1).upper()
        if name not in database.names(home):
            return _print(Refused("SQL1013N", name), home)
        print(shown.database_configuration(database.Database(home, name), home.release))
        return 0
    return _print(Refused("SQL1032N"), home, state=BARE.match(text) is None)
