"""What the gate sees of the cluster, read from Pacemaker's own answers; all of it is pure.

The XML of ``crm_mon --output-as=xml`` is that of Pacemaker 2.1.5 and 3.0.0; the recorded answers
of both stand beside the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lxml import etree

from xcat_hamn.cluster import xml
from xcat_hamn.cluster.vocabulary import DATABASE_LIMIT
from xcat_hamn.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Our own fence agent: a level whose devices are all of this kind switches nothing off.
AGENT = "fence_xcat_operator"
_PROMOTED = frozenset({"Promoted", "Promoting", "Demoting"})
#: Ids of the constraints that `pcs resource move`, `pcs resource ban` and `crm_resource` write.
_PREFER, _BAN = "cli-prefer-", "cli-ban-"


class Presence(Enum):
    """Where the node that is to be switched off stands."""

    LOST = "lost"
    HERE = "here"  # a member, or about to become one again
    STUCK = "stuck"  # a member that must go because something could not be stopped on it
    UNKNOWN = "unknown"  # no node of this cluster


class Role(Enum):
    """Who holds the role of the management node, as far as this part of the cluster knows."""

    HELD = "held"  # the node that is to be switched off
    ELSEWHERE = "elsewhere"  # a member that is online here
    NOWHERE = "nowhere"  # nobody is known to


@dataclass(frozen=True)
class Target:
    """What is asked: the node, and by which group and database the role is known."""

    node: str
    group: str
    database: str = ""


@dataclass(frozen=True)
class Observation:
    """The cluster at one moment, as far as it concerns the node.

    ``others``: the members online here.  ``wishes``: moves of the group away from the node, as
    texts that differ when anything about the constraint does.  ``confirmations``: the times at
    which a person confirmed that the node is off.  ``ordered``: a person's own fencing command for
    it is under way.  ``power``: a real power device stands in the levels of the node.  ``gated``:
    the database of every member says that it cannot be promoted.  ``pressing``: one that can says
    something all the same: with Db2, until when.
    """

    presence: Presence
    role: Role
    group: bool
    others: tuple[str, ...] = ()
    wishes: frozenset[str] = frozenset()
    confirmations: frozenset[str] = frozenset()
    ordered: bool = False
    power: bool = False
    gated: bool = False
    pressing: bool = False


def observe(status: str, configuration: str, target: Target) -> Observation:
    """Return what crm_mon's XML and the CIB's configuration say.  Raises CommandFailed."""
    seen, cib = _parse(status, "crm_mon"), _parse(configuration, "cibadmin")
    nodes = {node.get("name", ""): node for node in seen.iterfind("nodes/node")}
    others = tuple(name for name, node in nodes.items() if name != target.node and _healthy(node))
    ready = [n for n in others if not _is_gated(seen, _primitive(cib, target), n)]
    return Observation(
        presence=_presence(nodes.get(target.node)),
        role=_role(seen, target, others),
        group=_by_id(cib, "group", target.group) is not None,
        others=others,
        wishes=frozenset(_wishes(cib, target)),
        confirmations=frozenset(_confirmations(seen, target.node)),
        ordered=any(_is_order(event, target.node) for event in _events(seen)),
        power=_has_power(cib, target.node),
        gated=bool(others) and not ready,
        pressing=any(_attribute(seen, name, DATABASE_LIMIT) for name in ready),
    )


def wishes_in(configuration: str, target: Target) -> frozenset[str]:
    """Return the moves away from the node that a CIB holds.  Raises CommandFailed."""
    return frozenset(_wishes(_parse(configuration, "cibadmin"), target))


def primitive_of(configuration: str, clone: str) -> str:
    """Return the id of the resource that a clone multiplies, empty without one.

    Raises CommandFailed.
    """
    return _primitive(_parse(configuration, "cibadmin"), Target("", "", clone))


def nodes_of(status: str) -> dict[str, bool]:
    """Return for each node whether it is a member.  Raises CommandFailed."""
    seen = _parse(status, "crm_mon")
    return {node.get("name", ""): _is_member(node) for node in seen.iterfind("nodes/node")}


def _parse(text: str, tool: str) -> etree._Element:
    try:
        return xml.parse(text)
    except etree.XMLSyntaxError as problem:
        raise CommandFailed(
            f"{tool} gave no readable answer ({problem}): run it by hand to see why"
        ) from None


def _is(node: etree._Element, name: str) -> bool:
    return node.get(name) == "true"


def _is_member(node: etree._Element) -> bool:
    return _is(node, "online") or _is(node, "pending")


def _healthy(node: etree._Element) -> bool:
    return _is(node, "online") and not _is(node, "unclean")


def _presence(node: etree._Element | None) -> Presence:
    if node is None:
        return Presence.UNKNOWN
    if not _is_member(node):
        return Presence.LOST
    # A node that comes back is pending, and may count as unclean until it has joined.
    if _is(node, "unclean") and not _is(node, "pending"):
        return Presence.STUCK
    return Presence.HERE


def _role(seen: etree._Element, target: Target, others: tuple[str, ...]) -> Role:
    holders = set(_holders(seen, target))
    if target.node in holders:
        return Role.HELD
    return Role.ELSEWHERE if holders.intersection(others) else Role.NOWHERE


def _holders(seen: etree._Element, target: Target) -> Iterator[str]:
    """Yield the nodes with a member of the group or the promoted database.

    An unclean node's resources are still listed, and so is what is only starting or stopping.  A
    demotion under way names no node: nobody is known to hold the role then.
    """
    group = _by_id(seen, "group", target.group)
    for resource in () if group is None else group.iterfind("resource"):
        yield from (node.get("name", "") for node in resource.iterfind("node"))
    database = _by_id(seen, "clone", target.database) if target.database else None
    for resource in () if database is None else database.iterfind(".//resource"):
        if resource.get("role") in _PROMOTED:
            yield from (node.get("name", "") for node in resource.iterfind("node"))


def _by_id(root: etree._Element, tag: str, identifier: str) -> etree._Element | None:
    return next((e for e in root.iter(tag) if e.get("id") == identifier), None)


def _wishes(cib: etree._Element, target: Target) -> Iterator[str]:
    nodes = {node.get("uname") for node in cib.iter("node")}
    names = {target.group}
    group = _by_id(cib, "group", target.group)
    parent = group.getparent() if group is not None else None
    if parent is not None and parent.tag == "clone":
        names.add(parent.get("id", ""))
    for constraint in cib.iter("rsc_location"):
        identifier = constraint.get("id", "")
        if constraint.get("rsc") not in names:
            continue
        # With a lifetime, the node and the end stand in a rule.
        named = constraint.find(".//expression[@attribute='#uname']")
        node = constraint.get("node") or (named.get("value", "") if named is not None else "")
        ends = constraint.find(".//date_expression")
        away = (identifier.startswith(_PREFER) and node in nodes and node != target.node) or (
            identifier.startswith(_BAN) and node == target.node
        )
        if away:
            until = f" until {ends.get('end')}" if ends is not None else ""
            yield f"{identifier} ({node}{until})"


def _events(seen: etree._Element) -> Iterator[etree._Element]:
    return seen.iterfind("fence_history/fence_event")


def _is_order(event: etree._Element, node: str) -> bool:
    """Tell whether this is fencing under way that a person asked for by stonith_admin or pcs."""
    return (
        event.get("target") == node
        and event.get("status") == "pending"
        and event.get("client", "").startswith("stonith_admin")
    )


def _confirmations(seen: etree._Element, node: str) -> Iterator[str]:
    for event in _events(seen):
        if event.get("target") == node and event.get("delegate") == "a human":
            yield event.get("completed", "")


def _primitive(cib: etree._Element, target: Target) -> str:
    found = _by_id(cib, "clone", target.database) if target.database else None
    primitive = found.find("primitive") if found is not None else None
    return primitive.get("id", "") if primitive is not None else ""


def _is_gated(seen: etree._Element, database: str, node: str) -> bool:
    return bool(database) and _attribute(seen, node, f"master-{database}") == "-INFINITY"


def _attribute(seen: etree._Element, node: str, name: str) -> str:
    found = seen.find(f"node_attributes/node[@name='{node}']/attribute[@name='{name}']")
    return found.get("value", "") if found is not None else ""


def _has_power(cib: etree._Element, node: str) -> bool:
    gates = {
        primitive.get("id", "")
        for primitive in cib.iter("primitive")
        if primitive.get("class") == "stonith" and primitive.get("type") == AGENT
    }
    devices = {
        device.strip()
        for level in cib.iter("fencing-level")
        if level.get("target") == node
        for device in level.get("devices", "").split(",")
    }
    return bool(devices - gates)
