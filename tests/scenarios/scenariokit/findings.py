"""Gathers what the audits look at, on the nodes of a real cluster."""

from __future__ import annotations

import concurrent.futures
import json
import os
import time

from labkit import provision

from scenariokit import audit
from scenariokit.audit import Findings
from scenariokit.world import MEMBERS, World
from scenariokit.writers import Writers

_HERE = os.path.dirname(os.path.abspath(__file__))
ADDRESSES = (provision.SERVICE_ADDRESS, provision.SERVICE_ADDRESS_6)
#: An agent that is just running is no leftover; one that is still there after this long is.
_PATIENCE = 4.0


def gather(world: World, writers: Writers, active: str, since: float) -> Findings:
    """Return the findings on a cluster whose role is on `active`; logs count from `since` on."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        wire = pool.submit(on_wire, world)
        left = {name: pool.submit(_left_processes, world, name) for name in MEMBERS}
        journals = {name: pool.submit(_errors, world, name, since) for name in MEMBERS}
        writable = {name: pool.submit(world.takes_writes, name) for name in MEMBERS}
        # What was acknowledged is asked before what is there, or the newest would look missing.
        acknowledged = writers.acknowledged()
        rows = world.sql(active, "SELECT writer || ' ' || number FROM acknowledged").splitlines()
        missing = audit.missing(acknowledged, rows)
        writers.report(missing)
        cib = world.node(active).output("cibadmin", "--query", "--scope=constraints")
        status = world.status(active)
        return Findings(
            on_wire=wire.result(),
            owners={hardware(name): name for name in ("mn1", "mn2", "cn1")},
            active=active,
            writable={name: bool(found.result()) for name, found in writable.items()},
            constraints=audit.constraints(cib),
            failures=[] if status is None else audit.failures(status),
            processes={name: found.result() for name, found in left.items()},
            errors={name: found.result() for name, found in journals.items()},
            missing=missing,
            acknowledged=sum(map(len, acknowledged.values())),
        )


def hardware(name: str) -> str:
    """Return the hardware address that the lab gives a node."""
    from labkit.disk import ADDRESSES as NUMBERS

    return f"02:00:0a:0b:00:{NUMBERS[name]:02x}"


def on_wire(world: World) -> dict[str, list[str]]:
    """Return who answers on the wire for each service address and for DHCP."""
    said = _run(world, "cn1", "on_wire.py", "eth0", *ADDRESSES)
    found: dict[str, list[str]] = json.loads(said)
    return found


def _left_processes(world: World, name: str) -> list[str]:
    """Return what is left of agents, and still is after a while."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = json.loads(_run(world, name, "on_node.py"))
        if not found or time.monotonic() > deadline:
            return [f"{one['name']} {one['pid']}: {one['command']}" for one in found]
        time.sleep(0.5)


def _errors(world: World, name: str, since: float) -> list[str]:
    read = ["journalctl", "-o", "json", "--no-pager", "-p", "err", f"--since=@{int(since)}"]
    fields = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM"
    lines = world.node(name).run([*read, fields]).stdout.splitlines()
    return audit.errors(lines, since)


def _run(world: World, node: str, program: str, *words: str) -> str:
    with open(f"{_HERE}/{program}", encoding="utf-8") as stream:
        source = stream.read()
    return world.node(node).run(["/usr/bin/python3", "-I", "-", *words], stdin=source).stdout
