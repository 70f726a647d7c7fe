"""What happens during a takeover, in sentences; pure."""

from __future__ import annotations

from collections.abc import Iterator

from xcat_hamn.cluster.status import DATABASE, Member, Status
from xcat_hamn.cluster.vocabulary import GATE


class Progress:
    """Turns each status into the sentences that are new in it."""

    def __init__(self, status: Status) -> None:
        self._known = dict(facts(status))

    def news(self, status: Status) -> list[str]:
        """Return what is different from the last status."""
        found = dict(facts(status))
        news = [text for key, text in found.items() if text and self._known.get(key) != text]
        self._known = found
        return news


def facts(status: Status) -> Iterator[tuple[str, str]]:
    """Yield each thing worth telling under a key of its own; empty when it is not worth it."""
    for member in status.members.values():
        yield f"node {member.name}", _state(member, member.name in status.fencing)
        yield f"gate {member.name}", member.attributes.get(GATE, "")
    for number, one in enumerate(status.role):
        if one.resource == DATABASE:
            # Who is a standby is not news; who is promoted or changes is.
            shown = one.under_way or one.role == "Promoted"
            yield f"db {one.node or number}", _placed(one.resource, one.role, one.node, shown)
        else:
            yield one.resource, _placed(one.resource, one.role, one.node, one.role != "Stopped")
    for failure in status.failures:
        text = f"{failure.operation} failed on {failure.node}: {failure.reason}"
        yield f"failure {failure.operation} {failure.node}", text


def _placed(resource: str, role: str, node: str, shown: bool) -> str:
    return f"{resource}: {role.lower()}{f' on {node}' if node else ''}" if shown else ""


def _state(member: Member, waits: bool) -> str:
    if member.online:
        return f"{member.name} could not stop a resource" if member.unclean else ""
    if member.unclean or waits:
        return f"{member.name} is lost and not proven to be down"
    return f"{member.name} is down"
