"""Where an instance keeps its things, its settings, the clock it lives by, and faults on request.

Settings (`sqllib/standin/settings.json`): `release` (9.7, 10.1 or 11.5: layout of db2pd and rules),
`scale` (factor of every duration, for tests), `dbcfg_offline` (whether GET DB CFG answers while the
instance is down: not verified on a real one, so refused by default).  Passwords of users:
`sqllib/standin/passwords.json`, mode 0600.
Faults (`sqllib/standin/faults/COMMAND`): `hang`, `slow SECONDS`, `refuse CODE [REASON]`, `garbage`;
`crash` ends the daemon there.  `clock` holds an offset in seconds.  Faults of HADR: `link` `cut`
(nothing goes out or comes in: a partition), `local-catchup` and `catchup` `hold` (the state stays),
`congested` (the primary says so), `switch` `crash` (the standby dies while it becomes primary).
"""

from __future__ import annotations

import json
import os
import pwd
import time
from typing import Any

from .messages import Refused

DEFAULTS: dict[str, Any] = {"release": "11.5", "scale": 1.0, "dbcfg_offline": False}


class Home:
    """An instance's home directory."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.sqllib = f"{self.path}/sqllib"
        self.own = f"{self.sqllib}/standin"
        self.nodes = f"{self.sqllib}/db2nodes.cfg"
        self.diagnostics = f"{self.sqllib}/db2dump"
        self.shared_memory = f"{self.own}/memory.json"
        self.databases = f"{self.path}/{self.instance}/NODE0000"

    @property
    def instance(self) -> str:
        """Return the instance's name: the one it was created with."""
        return str(self.settings().get("instance") or os.path.basename(self.path))

    def settings(self) -> dict[str, Any]:
        """Return the settings as they are now."""
        return {**DEFAULTS, **read_json(f"{self.own}/settings.json", {})}

    def passwords(self) -> dict[str, str]:
        """Return the passwords of users; the real one asks the system."""
        return dict(read_json(f"{self.own}/passwords.json", {}))

    @property
    def release(self) -> str:
        """Return the release whose layouts and rules are kept."""
        return str(self.settings()["release"])

    @property
    def scale(self) -> float:
        """Return the factor of durations."""
        return float(self.settings()["scale"])

    def now(self) -> float:
        """Return this host's clock: the fault `clock` puts it off."""
        return time.time() + float(read_text(f"{self.own}/faults/clock").strip() or 0)

    def fault(self, command: str) -> str:
        """Suffer the fault that is asked for; return `garbage` when that is it.  Raises Refused."""
        while True:
            words = read_text(f"{self.own}/faults/{command}").split()
            if not words:
                return ""
            if words[0] != "hang":
                break
            time.sleep(0.05)
        if words[0] == "crash":
            os._exit(9)
        if words[0] == "slow":
            time.sleep(float(words[1]))
        if words[0] == "refuse":
            raise Refused(words[1], reason=int(words[2]) if words[2:] else None)
        return words[0]

    def has_fault(self, name: str) -> bool:
        """Tell whether a lasting fault is asked for."""
        return os.path.exists(f"{self.own}/faults/{name}")

    def owner(self) -> str:
        """Return the name of the instance's owner."""
        return user_name(os.stat(self.sqllib).st_uid)

    def check_authority(self) -> None:
        """Raise Refused unless the caller is the instance's owner."""
        if os.geteuid() != os.stat(self.sqllib).st_uid:
            raise Refused("SQL1092N", user_name(os.geteuid()).upper())

    def registry(self) -> dict[str, str]:
        """Return the registry variables that db2set set."""
        return dict(read_json(f"{self.own}/registry.json", {}))

    def diagnose(self, text: str) -> None:
        """Add an entry to db2diag.log."""
        stamp = time.strftime("%Y-%m-%d-%H.%M.%S", time.localtime(self.now()))
        self._append("db2diag.log", f"{stamp} {text}\n")

    def journal(self, command: str) -> None:
        """Remember a command, so that a test can tell what was asked."""
        self._append("standin-commands.log", f"{time.time():.3f} {command}\n")

    def _append(self, name: str, text: str) -> None:
        try:
            with open(f"{self.diagnostics}/{name}", "a", encoding="utf-8") as stream:
                stream.write(text)
        except PermissionError:
            return  # a client that is not the owner leaves no trace


def user_name(uid: int) -> str:
    """Return a user's name, or the number of one without."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def read_text(path: str) -> str:
    """Return a file's text, or nothing."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ""


def read_json(path: str, otherwise: Any) -> Any:
    """Return what a file holds, or `otherwise`."""
    text = read_text(path)
    return json.loads(text) if text else otherwise


def write_json(path: str, value: Any, *, durable: bool = True) -> None:
    """Replace a file; durably, so that a loss of power leaves the old or the new one."""
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(value, stream)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    os.replace(temporary, path)
    if durable:
        sync_directory(os.path.dirname(path))


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
