"""Gives a management node the Db2 stand-in: what R 5.1 finds, as xCAT's db2sqlsetup leaves it.

`node` is a booted node of the lab, or whatever else runs commands as root.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from . import install as installation

HOME, INSTANCE, DATABASE = "/var/lib/db2", "xcatdb", "XCATDB"
#: As db2sqlsetup writes them; the first four are the range of FCM, not for HADR or clients.
SERVICES = """\
DB2_xcatdb 60000/tcp
DB2_xcatdb_1 60001/tcp
DB2_xcatdb_2 60002/tcp
DB2_xcatdb_END 60003/tcp
db2c_xcatdb 50001/tcp
"""


class Machine(Protocol):
    """What is asked of a node (labkit's Node)."""

    def run(
        self,
        command: Sequence[str],
        *,
        check: bool = True,
        stdin: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Any: ...


def as_owner(*command: str) -> list[str]:
    """Return the command line that runs a program of the instance as its owner."""
    program = f"{HOME}/sqllib/bin/{command[0]}"
    return ["runuser", "-u", INSTANCE, "--", program, *command[1:]]


def install(node: Machine, password: str) -> None:
    """Install the stand-in, its user and instance; the instance is stopped, without a database."""
    node.run(["tar", "-C", "/", "-xf", "-"], stdin=installation.archive(installation.layout()))
    node.run(["useradd", "--system", "--create-home", "--home-dir", HOME, INSTANCE])
    node.run([f"{installation.PREFIX}/instance/db2icrt", INSTANCE])
    node.run(["tee", "-a", "/etc/services"], stdin=SERVICES)
    secrets = f"{HOME}/sqllib/standin/passwords.json"
    node.run(["dd", "status=none", f"of={secrets}"], stdin=json.dumps({INSTANCE: password}))
    node.run(as_owner("db2", "update", "dbm", "cfg", "using", "SVCENAME", "db2c_xcatdb"))
    # xCAT's db2sqlsetup leaves it on: whoever sets high availability up turns it off
    node.run(as_owner("db2iauto", "-on", INSTANCE))
    node.run(["install", "-m", "600", "/dev/stdin", "/etc/xcat/cfgloc"], stdin=cfgloc(password))


def install_client(node: Machine) -> None:
    """Give a node the library with which programs reach an instance elsewhere."""
    node.run(["tar", "-C", "/", "-xf", "-"], stdin=installation.archive(installation.modules()))


def cfgloc(password: str) -> str:
    """Return the text of /etc/xcat/cfgloc."""
    return f"DB2:{INSTANCE}|{INSTANCE}|{password}"


def fill(node: Machine, initdb: Sequence[str], definitions: Sequence[Sequence[str]] = ()) -> None:
    """Create the database with xCAT's tables on `node`; the instance is stopped afterwards.

    `initdb` is the command line of xcat-standin-initdb, `definitions` are those of mkdef.
    """
    node.run(as_owner("db2start"))
    node.run(as_owner("db2", f"create db {DATABASE}"))
    node.run(initdb)
    for command in definitions:
        node.run(command, env={"XCATBYPASS": "1"})
    node.run(as_owner("db2stop", "force"))


def empty(node: Machine) -> None:
    """Leave `node` with an instance that has no database, as a new standby is."""
    node.run(["rm", "-rf", f"{HOME}/{INSTANCE}/NODE0000"])
    node.run(["install", "-d", "-o", INSTANCE, f"{HOME}/{INSTANCE}/NODE0000"])


def trust(one: Machine, others: Mapping[str, Machine]) -> None:
    """Let root of `one` log in on `others`, by address, without a password: R 4.0.

    The key is made when there is none; the host keys come from the nodes themselves.
    """
    key = "/root/.ssh/id_ed25519"
    one.run(["install", "-d", "-m", "700", "/root/.ssh"])
    if one.run(["test", "-e", key], check=False).returncode:
        one.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
    public = one.run(["cat", f"{key}.pub"]).stdout
    for address, node in others.items():
        node.run(["install", "-d", "-m", "700", "/root/.ssh"])
        node.run(["tee", "-a", "/root/.ssh/authorized_keys"], stdin=public)
        kind, text = node.run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.split()[:2]
        one.run(["tee", "-a", "/root/.ssh/known_hosts"], stdin=f"{address} {kind} {text}\n")
