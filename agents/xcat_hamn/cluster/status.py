"""The cluster's status as crm_mon gives it in XML, read into plain data; all of it is pure.

The XML is that of Pacemaker 2.1.5 and 3.0.0 (recorded answers of both stand beside the tests of
the gate).  An operation under way shows as a role that ends in "ing"; what runs on a node that was
lost is still listed there until that node is fenced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from xcat_hamn.cluster import xml
from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.errors import CommandFailed

#: Ids of the management node's role in the fragments of constraints/.
GROUP, DATABASE, FILES = "xcat-mn", "xcat-db", "xcat-files"
CLONE, FILES_CLONE = f"{DATABASE}-clone", f"{FILES}-clone"
_UNDER_WAY = frozenset({"Starting", "Stopping", "Promoting", "Demoting"})


@dataclass(frozen=True)
class Member:
    """A node of the cluster and what it shows; ``standby`` is Pacemaker's, not the database's."""

    name: str
    online: bool = False
    pending: bool = False
    unclean: bool = False
    standby: bool = False
    maintenance: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Tell whether the cluster can use it."""
        return self.online and not self.pending and not self.unclean

    @property
    def score(self) -> str:
        """Return the promotion score of its database, empty when there is none."""
        return self.attributes.get(f"master-{DATABASE}", "")

    @property
    def gated(self) -> bool:
        """Tell whether its database must not be promoted, whatever anybody asks."""
        return self.score == GATED


@dataclass(frozen=True)
class Instance:
    """A resource, or one instance of a clone: its role and where."""

    resource: str
    role: str
    node: str = ""
    managed: bool = True
    failed: bool = False

    @property
    def under_way(self) -> bool:
        """Tell whether an operation that changes its role is running."""
        return self.role in _UNDER_WAY


@dataclass(frozen=True)
class Failure:
    """An operation that failed and has not been cleaned up."""

    operation: str
    node: str
    reason: str


@dataclass(frozen=True)
class Status:
    """The cluster at one moment; ``group`` is None when there is no such group.

    ``stopped``: what the operator has stopped (group, database).  ``fencing``: the nodes that are
    waiting to be fenced.  ``fences``: the cluster fences at all (stonith-enabled); without that
    nothing proves that a lost node is down.
    """

    members: Mapping[str, Member]
    group: tuple[Instance, ...] | None = None
    database: tuple[Instance, ...] = ()
    quorum: bool = True
    maintenance: bool = False
    fences: bool = True
    stopped: tuple[str, ...] = ()
    fencing: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    files: tuple[Instance, ...] = ()

    @property
    def role(self) -> tuple[Instance, ...]:
        """Return everything of which the role consists."""
        return (*self.database, *(self.group or ()))

    def group_nodes(self) -> list[str]:
        """Return the nodes with a member of the group, lost nodes included."""
        return sorted({one.node for one in self.group or () if one.node})

    def primaries(self) -> list[str]:
        """Return the nodes whose database is promoted, or on the way to or from it."""
        roles = ("Promoted", "Promoting", "Demoting")
        return sorted({one.node for one in self.database if one.role in roles and one.node})

    def source(self) -> str:
        """Return the node whose files are copied to the other one, empty when none is."""
        return next((one.node for one in self.files if one.role == "Promoted"), "")

    def holder(self) -> str:
        """Return the node that has the role or a part of it, empty when nobody has."""
        return next(iter([*self.primaries(), *self.group_nodes()]), "")

    def active_on(self) -> str:
        """Return the node on which all of the role is up, as far as anybody knows, or empty."""
        nodes = {one.node if one.role == "Started" else "" for one in self.group or ()}
        node = nodes.pop() if len(nodes) == 1 else ""
        primary = any((one.role, one.node) == ("Promoted", node) for one in self.database)
        return node if primary or not self.database else ""

    def busy(self) -> bool:
        """Tell whether a part of the role is changing on a node that is there."""
        lost = {name for name, member in self.members.items() if not member.healthy}
        return any(one.under_way and one.node not in lost for one in self.role)


def read_status(text: str) -> Status:
    """Return what ``crm_mon --one-shot --output-as=xml`` says.

    Raises CommandFailed when it is something else.
    """
    try:
        root = xml.parse(text)
    except etree.XMLSyntaxError as problem:
        raise CommandFailed(
            f"crm_mon gave no readable answer ({problem}): run it by hand to see why"
        ) from None
    options = root.find("summary/cluster_options")
    quorum = root.find("summary/current_dc")
    group = _by_id(root, "group", GROUP)
    clone = _by_id(root, "clone", CLONE)
    files = _by_id(root, "clone", FILES_CLONE)
    parts = [part for part in (group, clone) if part is not None]
    return Status(
        members={member.name: member for member in _members(root)},
        group=None if group is None else tuple(_instances(group)),
        database=() if clone is None else tuple(_instances(clone)),
        quorum=quorum is None or quorum.get("with_quorum") != "false",
        maintenance=options is not None and _is(options, "maintenance-mode"),
        fences=options is None or options.get("stonith-enabled") != "false",
        stopped=tuple(part.get("id", "") for part in parts if _is(part, "disabled")),
        fencing=tuple(_pending_fencing(root)),
        failures=tuple(_failures(root)),
        files=() if files is None else tuple(_instances(files)),
    )


def _is(element: etree._Element, name: str) -> bool:
    return element.get(name) == "true"


def _by_id(root: etree._Element, tag: str, identifier: str) -> etree._Element | None:
    found = root.iterfind(f"resources//{tag}")
    return next((one for one in found if one.get("id") == identifier), None)


def _members(root: etree._Element) -> Iterator[Member]:
    shown: dict[str, dict[str, str]] = {}
    for node in root.iterfind("node_attributes/node"):
        pairs = {one.get("name", ""): one.get("value", "") for one in node.iterfind("attribute")}
        shown[node.get("name", "")] = pairs
    for node in root.iterfind("nodes/node"):
        if node.get("type", "member") != "member":
            continue
        name = node.get("name", "")
        yield Member(
            name,
            online=_is(node, "online"),
            pending=_is(node, "pending"),
            unclean=_is(node, "unclean"),
            standby=_is(node, "standby"),
            maintenance=_is(node, "maintenance"),
            attributes=shown.get(name, {}),
        )


def _instances(parent: etree._Element) -> Iterator[Instance]:
    for one in parent.iterfind(".//resource"):
        name, role = one.get("id", "").partition(":")[0], one.get("role", "")
        state = (one.get("managed") != "false", _is(one, "failed"))
        nodes = [node.get("name", "") for node in one.iterfind("node")]
        for node in nodes or [""]:
            yield Instance(name, role, node, *state)


def _pending_fencing(root: etree._Element) -> Iterator[str]:
    for event in root.iterfind("fence_history/fence_event"):
        if event.get("status") == "pending":
            yield event.get("target", "")


def _failures(root: etree._Element) -> Iterator[Failure]:
    for one in root.iterfind("failures/failure"):
        name = one.get("op_key", "") or one.get("id", "")
        reason = one.get("exitreason", "") or one.get("exitstatus", "")
        yield Failure(name, one.get("node", ""), reason)
