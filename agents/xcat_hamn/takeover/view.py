"""What the takeover looks at: the cluster, and how far the data of its nodes goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from lxml import etree

from xcat_hamn.cluster.cib import parse
from xcat_hamn.cluster.status import CLONE, DATABASE, GROUP, Member, Status
from xcat_hamn.cluster.vocabulary import DATABASE as WORD
from xcat_hamn.cluster.vocabulary import DATABASE_LIMIT, GATE
from xcat_hamn.database.postgresql import survey
from xcat_hamn.database.postgresql.decision import PEER_UNKNOWN
from xcat_hamn.takeover.engines import POSTGRESQL, Engine, engine_in
from xcat_hamn.takeover.loss import CONSENT, END, End, read_end

#: Other names under which a node tells how far its data goes, and which database it is.
_POSITION, _SYSTEM, _TIMELINE = (
    f"{DATABASE}-{name}" for name in (survey.POSITION, survey.SYSTEM, survey.TIMELINE)
)
_HINT = ", or see what would be lost with "
#: The constraints that `pcs resource move` writes, by id, with the resource of each.
_PREFER = {f"cli-prefer-{name}": name for name in (GROUP, CLONE)}


class Asks(Protocol):
    """What is asked of ``cluster.pacemaker.Pacemaker``."""

    def status(self) -> Status:
        """Return the cluster's status."""

    def query(self) -> str:
        """Return the CIB."""

    def private(self, name: str, node: str) -> str:
        """Return a private attribute of a node."""


@dataclass(frozen=True)
class View:
    """The cluster at one moment, as far as it concerns a takeover by ``node``.

    ``end``, ``other_end``: how far the data goes here and on the other node, where known.
    ``unread``: the other node is there, and nobody can tell what its database is.
    ``consent``: what an operator has agreed to already.  ``foreign``: two different databases.
    ``moves``: the nodes that a `pcs resource move` of the role prefers now.  ``accepted``: the
    operator accepts a loss.  ``engine``: which database it is.
    """

    node: str
    status: Status
    end: End | None = None
    other_end: End | None = None
    consent: str = ""
    foreign: bool = False
    unread: bool = False
    moves: tuple[str, ...] = ()
    accepted: bool = False
    engine: Engine = POSTGRESQL

    @property
    def known(self) -> bool:
        """Tell whether the cluster has this node."""
        return self.node in self.status.members

    @property
    def me(self) -> Member:
        """Return this node."""
        return self.status.members.get(self.node) or Member(self.node)

    @property
    def other(self) -> Member:
        """Return the other node that matters most: with a primary, else one that is there."""
        members = [one for one in self.status.members.values() if one.name != self.node]
        members.sort(key=lambda one: (not is_primary(one), not one.online, one.name))
        return members[0] if members else Member("the other node")

    @property
    def word(self) -> str:
        """Return what the database here is."""
        return self.me.attributes.get(WORD, "")

    @property
    def limit(self) -> str:
        """Return why the database here is not promoted by itself, without a hint at this tool."""
        return self.limited.partition(_HINT)[0] or "it does not say why"

    @property
    def limited(self) -> str:
        """Return what the agent says of a promotion here, empty when it has nothing to say."""
        return self.me.attributes.get(DATABASE_LIMIT, "")

    @property
    def complete(self) -> bool:
        """Tell whether the agent says that nothing is missing, though it does not promote."""
        return self.engine.is_complete(self.limited, peer=self.other.name, node=self.node)

    @property
    def lossy(self) -> bool:
        """Tell whether this node can be promoted only with a loss that was, or is, agreed to."""
        agreed = self.end is not None and self.consent == self.end.consent
        return self.me.gated or agreed

    @property
    def unnoticed(self) -> bool:
        """Tell whether the database here still holds the connection to a primary that is gone.

        It does for 10 s (Db2: for HADR_TIMEOUT).  Until then, or until its agent has looked at the
        loss, it shows no end of its data.  Before that look it may even seem ready.
        """
        waits = self.word in ("standby", "catching-up") or (
            self.word == "disconnected" and self.me.gated
        )
        return waits and self.end is None and not self.other.online

    @property
    def gate(self) -> str:
        """Return what a fencing waits for, empty when none does."""
        members = self.status.members.values()
        return next((m.attributes[GATE] for m in members if m.attributes.get(GATE)), "")

    @property
    def arriving(self) -> bool:
        """Tell whether the database is being promoted here, or the rest of the role follows."""
        return self.node in self.status.primaries() and self.status.busy()


def is_primary(member: Member) -> bool:
    """Tell whether a node is there and its database is a primary of whatever kind."""
    return member.online and member.attributes.get(WORD, "").startswith("primary")


def look(cluster: Asks, node: str, *, accepted: bool = False) -> View:
    """Look at the cluster.  Raises HamnError when it does not answer."""
    return look_at(cluster, cluster.status(), cluster.query(), node, accepted=accepted)


def look_at(cluster: Asks, status: Status, cib: str, node: str, *, accepted: bool = False) -> View:
    """Look from one node at a cluster whose status and configuration are known already."""
    moves = tuple(sorted({to for _resource, to in moves_in(cib)}))
    seen = View(node, status, moves=moves, accepted=accepted, engine=engine_in(cib))
    if not seen.known or not seen.me.online:
        return seen
    other = seen.other
    own = replace(
        seen,
        end=read_end(cluster.private(END, node)),
        consent=cluster.private(CONSENT, node),
    )
    if not other.online:
        return own
    said = cluster.private(END, other.name) or cluster.private(_POSITION, other.name)
    systems = {cluster.private(_SYSTEM, name) for name in (node, other.name)}
    role = survey.role_of(other.attributes.get(WORD), cluster.private(_TIMELINE, other.name))
    return replace(
        own,
        other_end=read_end(said),
        foreign=len(systems - {""}) > 1,
        unread=role == PEER_UNKNOWN,
    )


def moves_in(cib: str) -> Iterator[tuple[str, str]]:
    """Yield resource and node of each move of the role that a CIB still holds."""
    for constraint in parse(cib).iterfind("configuration/constraints/rsc_location"):
        resource = _PREFER.get(constraint.get("id", ""))
        if resource:
            yield resource, _node_of(constraint)


def _node_of(constraint: etree._Element) -> str:
    # With a lifetime, the node stands in a rule.
    named = constraint.find(".//expression[@attribute='#uname']")
    if named is not None:
        return named.get("value", "")
    return constraint.get("node", "")
