"""A machine with an instance of the Db2 stand-in, which is no Db2: see tests/lab/db2/README.md.

Each has its own processes, /opt, /var/lib, /run and user xcatdb, like a node of the lab; the
attributes of the cluster are a stand-in's too (database_machine.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from database_machine import DatabaseMachine
from machines import wait_until

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from db2 import install

HOME = "/var/lib/db2"
USER = "xcatdb"
UID = 61000
#: Every duration of Db2 is shortened by this: HADR_TIMEOUT is 1.2 s, the peer window 15 s, of which
#: 5 s are margin.
SCALE = 0.02
TIMEOUT, WINDOW = 60, 750
PORTS = {"mn1": "55001", "mn2": "55002"}
ADDRESSES = {"mn1": "10.11.0.11", "mn2": "10.11.0.12"}
#: What moves with the role.
SERVICE_ADDRESS, SERVICE_NAME = "10.11.0.10", "xcatmn"

#: A stand-in for crm_mon and stonith_admin: prints the file of its name in the store.
CLUSTER = """#!/bin/sh
cat {store}/${{0##*/}}.xml 2>/dev/null || exit 102
"""
CLUSTER_TOOLS = ("/usr/sbin/crm_mon", "/usr/sbin/stonith_admin")


class Db2Machine(DatabaseMachine):
    """One machine; what its instance is asked goes through ``db2``."""

    def __init__(self, store: Path, name: str) -> None:
        super().__init__(store, name)
        self.run("mount", "-t", "tmpfs", "tmpfs", "/opt")
        self._bind("/etc/passwd", f"{USER}:x:{UID}:{UID}::{HOME}:/bin/sh\n")
        self._bind("/etc/group", f"{USER}:x:{UID}:\n")
        hosts = "".join(f"{address} {node}\n" for node, address in ADDRESSES.items())
        self._bind("/etc/hosts", f"{hosts}{SERVICE_ADDRESS} {SERVICE_NAME}\n")
        tool = store / "cluster-tool"
        if not tool.exists():
            tool.write_text(CLUSTER.format(store=store))
            tool.chmod(0o755)
        for path in CLUSTER_TOOLS:
            self.run("mount", "--bind", str(tool), path)
        subprocess.run(
            self.enter("tar", "-C", "/", "-xf", "-"),
            input=install.archive(install.layout()),
            check=True,
        )
        self.run("install", "-d", "-o", USER, "-g", USER, HOME, f"{HOME}/backup")
        self.run(f"{install.PREFIX}/instance/db2icrt", USER, HOME)
        self.settings(scale=SCALE)

    def _bind(self, path: str, more: str) -> None:
        """Put ``path`` with ``more`` lines in place, on this machine alone."""
        changed = self.store / f"{Path(path).name}.{self.name}"
        changed.write_text(Path(path).read_text() + more)
        changed.chmod(0o644)
        self.run("mount", "--bind", str(changed), path)

    def settings(self, **values: object) -> None:
        path = f"{HOME}/sqllib/standin/settings.json"
        self.write(path, json.dumps({"instance": USER, **values}))

    def write(self, path: str, text: str) -> None:
        subprocess.run(
            self.enter("tee", path), input=text.encode(), check=True, capture_output=True
        )

    def fault(self, command: str, text: str) -> None:
        """Let a command of Db2 suffer `text`; nothing ends it."""
        path = f"{HOME}/sqllib/standin/faults/{command}"
        if text:
            self.write(path, text)
        else:
            self.run("rm", "-f", path)

    def owner(self, program: str, *words: str, check: bool = True) -> str:
        """Run one of the instance's programs as its owner."""
        return self.as_owner(f"{HOME}/sqllib/bin/{program}", *words, check=check)

    def as_owner(self, *argv: str, check: bool = True) -> str:
        prefix = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--"]
        return self.run(*prefix, *argv, check=check)

    def db2(self, text: str) -> str:
        return self.owner("db2", text)

    def sql(self, *statements: str) -> str:
        """Run statements over one connection."""
        script = "\n".join(["connect to xcatdb;", *(f"{s};" for s in statements), "terminate;"])
        self.write(f"{HOME}/script", script)
        # A connection lives as long as the process that called db2, which must be one in here.
        command = f"{HOME}/sqllib/bin/db2 -txf {HOME}/script; exit 0"
        return self.as_owner("sh", "-c", command)

    def rows(self) -> list[str]:
        shown = self.sql("select name from nodes order by name")
        return [line.strip() for line in shown.splitlines() if line.strip().startswith("cn")]

    def state(self) -> str:
        shown = self.owner("db2pd", "-hadr", "-db", USER, check=False)
        found = dict(
            [part.strip() for part in line.split(" = ", 1)]
            for line in shown.splitlines()
            if " = " in line
        )
        parts = ("HADR_ROLE", "HADR_STATE", "HADR_CONNECT_STATUS")
        return "/".join(found[part] for part in parts) if found else "inactive"

    def wait_state(self, state: str, seconds: float = 20) -> None:
        wait_until(lambda: self.state() == state, f"{self.name}: {state}", seconds)

    def in_step(self) -> bool:
        """Tell whether the pair is connected and in PEER, in whatever layout."""
        shown = self.owner("db2pd", "-hadr", "-db", USER, check=False).upper()
        return "PEER" in shown and " CONNECTED" in shown.replace("\n", " ")

    def asked(self) -> list[str]:
        """Return what was asked of the instance, one line a command."""
        path = f"{HOME}/sqllib/db2dump/standin-commands.log"
        return self.run("cat", path, check=False).splitlines()

    def crash(self) -> None:
        """Kill the instance."""
        self.owner("db2_kill")


def make_pair(one: Db2Machine, two: Db2Machine, mode: str = "NEARSYNC") -> None:
    """Set HADR up as requirement 5.1 does, and stop both: roles PRIMARY and STANDBY on disk."""
    for machine in (one, two):
        machine.owner("db2start")
    one.db2("create db xcatdb")
    said = one.sql(
        "create table nodes (name varchar(20) primary key)", "insert into nodes values ('cn1')"
    )
    assert one.rows() == ["cn1"], said
    one.db2("update db cfg for xcatdb using LOGARCHMETH1 LOGRETAIN TRACKMOD ON LOGINDEXBUILD ON")
    one.db2(f"backup db xcatdb to {HOME}/backup/")
    image = subprocess.run(
        one.enter("tar", "-C", f"{HOME}/backup", "-cf", "-", "."), capture_output=True, check=True
    ).stdout
    subprocess.run(two.enter("tar", "-C", f"{HOME}/backup", "-xf", "-"), input=image, check=True)
    two.db2(f"restore database xcatdb from {HOME}/backup replace history file")
    for machine, other in ((one, two), (two, one)):
        machine.db2(
            f"update db cfg for xcatdb using HADR_LOCAL_HOST {ADDRESSES[machine.name]} "
            f"HADR_LOCAL_SVC {PORTS[machine.name]} HADR_REMOTE_HOST {ADDRESSES[other.name]} "
            f"HADR_REMOTE_SVC {PORTS[other.name]} HADR_REMOTE_INST {USER} "
            f"HADR_SYNCMODE {mode} HADR_TIMEOUT {TIMEOUT} HADR_PEER_WINDOW {WINDOW}"
        )
    two.db2("start hadr on db xcatdb as standby")
    one.db2("start hadr on db xcatdb as primary")
    wait_until(lambda: two.in_step(), "a pair that is connected", 20)
    for machine in (one, two):
        machine.owner("db2stop", "force")
