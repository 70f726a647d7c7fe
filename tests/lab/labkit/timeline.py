"""What happened during a move, from Pacemaker's records and from the prober's: pure functions.

Where the times come from (tried on Pacemaker 2.1.5 and 3.0.0): pacemaker-controld of the node that
runs an operation writes "Requesting local execution of ..." and "Result of ..." to the journal,
with microseconds; the CIB holds how long the agent itself ran ("exec-time", in milliseconds) but
its completion in whole seconds only, and only of the last operation of a resource on a node. So an
operation ends when its result is logged, and begins its exec-time earlier, or, where the CIB has
forgotten it, when its execution was requested. All nodes of a lab share one clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from xml.etree import ElementTree

#: The operations that a move consists of; monitors and probes are left out.
ACTIONS = ("stop", "demote", "promote", "start")

_REQUEST = re.compile(r"Requesting local execution of (\S+) operation for (\S+) on (\S+)")
_RESULT = re.compile(r"Result of (\S+) operation for (\S+) on (\S+): (.+)")


@dataclass(frozen=True)
class Answer:
    """The outcome of one question; times are wall times in seconds, `why` is empty when ok."""

    probe: str
    sent: float
    done: float
    monotonic: float
    ok: bool
    why: str = ""


@dataclass(frozen=True)
class Operation:
    """One operation of one resource on one node; wall times in seconds."""

    node: str
    resource: str
    action: str
    began: float
    ended: float
    result: str = "ok"

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.result == "ok"


@dataclass(frozen=True)
class Outage:
    """A time in which a service gave no good answer; `until` is None when it never came back.

    It lies between two good answers, and so is too long by one interval at either end at most.
    """

    service: str
    since: float
    until: float | None
    why: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it was."""
        return None if self.until is None else self.until - self.since


@dataclass(frozen=True)
class Timeline:
    """One move: what the cluster did, and what a compute node saw of it."""

    command: str
    source: str
    target: str
    typed: float
    returned: float
    operations: Sequence[Operation]
    outages: Sequence[Outage]
    answers: Sequence[Answer] = field(default=(), repr=False)

    @property
    def end(self) -> float:
        """The wall time at which everything was over."""
        times = [self.returned, *(operation.ended for operation in self.operations)]
        return max([*times, *(outage.until or outage.since for outage in self.outages)])

    def outage(self, service: str) -> float | None:
        """Return the longest outage of a service in seconds: 0 for none, None for ever."""
        found = [outage for outage in self.outages if outage.service == service]
        if any(outage.until is None for outage in found):
            return None
        return max((outage.seconds or 0.0 for outage in found), default=0.0)


def operations(journal: Iterable[str], since: float, until: float) -> list[Operation]:
    """Return the operations that ended in a span of time, from lines of `journalctl -o json`.

    The journals of several nodes may follow one another; each operation is logged where it runs.
    """
    requested: dict[tuple[str, str, str], float] = {}
    found = []
    for time, host, text in _messages(journal):
        asked, told = _REQUEST.search(text), _RESULT.search(text)
        if asked and asked[3] == host:
            requested[asked[3], asked[2], asked[1]] = time
        elif told and told[3] == host and told[1] in ACTIONS and since <= time <= until:
            key = (told[3], told[2], told[1])
            began = requested.pop(key, time)
            result = told[4].strip()
            # "ok" in Pacemaker 2.1, "OK" in 3.0.
            result = "ok" if result.lower() == "ok" else result
            found.append(Operation(*key, began, time, result))
    return sorted(found, key=lambda operation: (operation.began, operation.ended))


def _messages(journal: Iterable[str]) -> Iterable[tuple[float, str, str]]:
    """Give time, node and text of the lines that are entries; a journal may hold others."""
    for line in journal:
        try:
            entry = json.loads(line)
            stamp = entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry["__REALTIME_TIMESTAMP"]
            text, host = entry["MESSAGE"], entry["_HOSTNAME"]
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if isinstance(text, str):
            yield int(stamp) / 1e6, host, text


def refine(found: Sequence[Operation], status: ElementTree.Element) -> list[Operation]:
    """Begin each operation its agent's own time before its end, where the CIB still has that."""
    known: dict[tuple[str, str, str], tuple[float, float]] = {}
    for state in status.iter("node_state"):
        for resource in state.iter("lrm_resource"):
            for record in resource.iterfind("lrm_rsc_op[@interval='0']"):
                name = resource.get("id", "").partition(":")[0]
                key = (state.get("uname", ""), name, record.get("operation", ""))
                lasted = int(record.get("exec-time", "0")) / 1000
                known[key] = (int(record.get("last-rc-change", "0")), lasted)
    refined = []
    for operation in found:
        key = (operation.node, operation.resource, operation.action)
        changed, lasted = known.get(key, (0.0, 0.0))
        # The record of another run of the same operation has another time; whole seconds differ.
        if min(abs(changed - operation.began), abs(changed - operation.ended)) < 2 and lasted:
            operation = replace(operation, began=operation.ended - lasted)  # noqa: PLW2901
        refined.append(operation)
    return sorted(refined, key=lambda operation: (operation.began, operation.ended))


def outages(answers: Iterable[Answer], since: float, until: float) -> list[Outage]:
    """Return the outages that overlap a span of time: between good answers, with bad ones inside.

    Questions count in the order in which they were asked: an old one may still run out of time
    while a newer one has been answered. The prober's wall times are its monotonic ones plus a
    constant, so a step of the clock changes no duration.
    """
    by_service: dict[str, list[Answer]] = {}
    for answer in answers:
        by_service.setdefault(answer.probe, []).append(answer)
    found = []
    for service, results in by_service.items():
        results.sort(key=lambda answer: answer.sent)
        last: Answer | None = None
        bad: list[Answer] = []
        for answer in results:
            if not answer.ok:
                bad.append(answer)
                continue
            if bad:
                began = last.done if last else bad[0].sent
                found.append(Outage(service, began, answer.done, bad[0].why))
            last, bad = answer, []
        if bad:
            found.append(Outage(service, last.done if last else bad[0].sent, None, bad[0].why))
    inside = [
        outage
        for outage in found
        if outage.since <= until and (outage.until is None or outage.until >= since)
    ]
    return sorted(inside, key=lambda outage: outage.since)


def order(found: Sequence[Operation], resources: Sequence[str], node: str) -> list[str]:
    """Return the resources that did something on a node, in the order of `resources`."""
    active = {operation.resource for operation in found if operation.node == node}
    return [name for name in resources if name in active] + sorted(active - set(resources))


def document(timelines: Sequence[Timeline], facts: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of timeline.json; times are seconds after the command was typed."""
    return {"facts": dict(facts), "moves": [_move(timeline) for timeline in timelines]}


def _move(timeline: Timeline) -> dict[str, Any]:
    def after(moment: float | None) -> float | None:
        return None if moment is None else round(moment - timeline.typed, 3)

    return {
        "command": timeline.command,
        "source": timeline.source,
        "target": timeline.target,
        "typed": timeline.typed,
        "returned_after": after(timeline.returned),
        "operations": [
            {
                **{k: v for k, v in asdict(operation).items() if k not in ("began", "ended")},
                "began": after(operation.began),
                "ended": after(operation.ended),
                "seconds": round(operation.seconds, 3),
            }
            for operation in timeline.operations
        ],
        "outages": [
            {
                "service": outage.service,
                "since": after(outage.since),
                "until": after(outage.until),
                "seconds": None if outage.seconds is None else round(outage.seconds, 3),
                "why": outage.why,
            }
            for outage in timeline.outages
        ],
    }
