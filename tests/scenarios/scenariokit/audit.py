"""What must hold after every scenario: pure functions from what was found to sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

#: Whose ERRORs count: the cluster's programs, the agents, the tools that they and pcs use.
_SPEAKERS = re.compile(
    r"pacemaker|corosync|pcsd|xcat-|fence_|crm_|attrd_|cib|stonith|xcat-hamn", re.IGNORECASE
)
#: ERRORs that tell of nothing: libqb's, of a client that was gone (ended at its deadline, killed
#: with its agent) before the connection that it asked for was set up; and the fencing level of a
#: lost standby, which passes a lost holder of the role on to the next one by not succeeding.
_NO_NEWS = re.compile(
    r"Error in connection setup \(/dev/shm/qb-\S+\): Broken pipe"
    r"|Operation 'off'.* targeting \S+ using xcat-gate-standby returned"
)
#: Fence devices other than the gate: Pacemaker's own, whose failures have no exit reason at times.
_NOT_OURS = re.compile(r"bmc-")
#: Syslog priorities: 3 is an error, smaller ones are worse.
_ERROR = 3


@dataclass(frozen=True)
class Failure:
    """A failed action as crm_mon shows it."""

    node: str
    resource: str
    action: str
    reason: str

    def __str__(self) -> str:
        return f"{self.resource} {self.action} on {self.node} ({self.reason or 'no exit reason'})"


@dataclass
class Findings:
    """Everything that the audits look at, gathered when a scenario is over."""

    #: service address, or "dhcp" -> hardware addresses of all that have answered on the wire
    on_wire: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: hardware address -> node
    owners: Mapping[str, str] = field(default_factory=dict)
    #: the node that is to have the role
    active: str = ""
    #: node -> whether its database takes writes; nodes without a database are left out
    writable: Mapping[str, bool] = field(default_factory=dict)
    constraints: Sequence[str] = ()
    failures: Sequence[Failure] = ()
    #: node -> descriptions of processes that agents have left
    processes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: node -> ERROR lines of its journal
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: writer -> numbers whose commit was acknowledged and that are not there
    missing: Mapping[str, Sequence[int]] = field(default_factory=dict)
    #: how many commits were acknowledged meanwhile
    acknowledged: int = 0


def complaints(
    found: Findings, errors: Iterable[str] = (), failures: Iterable[str] = ()
) -> Iterator[str]:
    """Give a sentence for each thing that is not as it must be.

    `errors` and `failures` are what the scenario names as expected.
    """
    yield from _wire(found)
    writable = sorted(node for node, takes in found.writable.items() if takes)
    if writable != [found.active]:
        named = " and ".join(writable) or "no node"
        yield f"the database is writable on {named}, and is to be on {found.active}"
    for constraint in found.constraints:
        yield f"the constraint {constraint} of a move was left behind"
    expected = list(failures)
    for failure in found.failures:
        if not failure.reason and not _NOT_OURS.match(failure.resource):
            yield f"a failure has no exit reason: {failure}"
        if not any(re.fullmatch(name, f"{failure.resource} {failure.action}") for name in expected):
            yield f"an action failed that the scenario does not name: {failure}"
    for node, left in found.processes.items():
        for process in left:
            yield f"an agent has left a process on {node}: {process}"
    patterns = list(errors)
    for node, lines in found.errors.items():
        for line in lines:
            if not any(re.search(pattern, line) for pattern in patterns):
                yield f"an ERROR that the scenario does not name, on {node}: {line}"
    for writer, numbers in found.missing.items():
        if numbers:
            yield (
                f"acknowledged commits are missing: {len(numbers)} of the writer on {writer} "
                f"({numbers[0]} to {numbers[-1]})"
            )


def _wire(found: Findings) -> Iterator[str]:
    for name, answered in found.on_wire.items():
        what = "DHCP" if name == "dhcp" else f"the service address {name}"
        who = [found.owners.get(one, one) for one in answered]
        if who != [found.active]:
            named = " and ".join(who) or "nobody"
            yield f"{named} answers for {what}, and {found.active} alone is to"


def constraints(cib: str) -> list[str]:
    """Return the ids of constraints that moves and bans have left, from the CIB's constraints."""
    found = (element.get("id", "") for element in ElementTree.fromstring(cib).iter())
    return [name for name in found if name.startswith("cli-")]


def failures(status: ElementTree.Element) -> list[Failure]:
    """Return the failed actions in crm_mon's XML."""
    return [
        Failure(
            one.get("node", ""),
            one.get("op_key", "").rpartition("_")[0].rpartition("_")[0] or one.get("id", ""),
            one.get("task", ""),
            one.get("exitreason", "") or "",
        )
        for one in status.iterfind("failures/failure")
    ]


def errors(journal: Iterable[str], since: float) -> list[str]:
    """Return the ERRORs of cluster and agents since a time, from `journalctl -o json` lines."""
    found = []
    for line in journal:
        entry = _entry(line)
        if entry is None or int(entry.get("PRIORITY", 6)) > _ERROR:
            continue
        speaker = str(entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM") or "")
        if _NO_NEWS.search(entry["MESSAGE"]):
            continue
        if _SPEAKERS.match(speaker) and int(entry["__REALTIME_TIMESTAMP"]) / 1e6 >= since:
            found.append(f"{speaker}: {entry['MESSAGE']}")
    return found


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
        int(entry["__REALTIME_TIMESTAMP"])
        entry["MESSAGE"] = _text(entry["MESSAGE"])
    except (ValueError, KeyError, TypeError):
        return None
    return entry if isinstance(entry, dict) else None


def _text(message: Any) -> str:
    """Return a message; the journal gives one that is no plain text as a list of bytes."""
    if isinstance(message, list):
        return bytes(message).decode(errors="replace")
    return str(message)


def missing(
    acknowledged: Mapping[str, Iterable[int]], there: Iterable[str]
) -> dict[str, list[int]]:
    """Return what was acknowledged and is not there, by writer.

    `there` are the rows of the database: "WRITER NUMBER".
    """
    present: dict[str, set[int]] = {}
    for row in there:
        writer, _, number = row.rpartition(" ")
        present.setdefault(writer, set()).add(int(number))
    lost = {
        writer: sorted(set(numbers) - present.get(writer, set()))
        for writer, numbers in acknowledged.items()
    }
    return {writer: numbers for writer, numbers in lost.items() if numbers}
