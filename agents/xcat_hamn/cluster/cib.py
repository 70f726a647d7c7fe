"""The cluster information base (CIB) as a tree: our part put into a live one, and what changed.

Everything here is a pure function of trees.  Only what the fragments declare is touched: top-level
elements with our ids, and the cluster properties they name.  What the operator's own commands put
on our resources (stopped, unmanaged, traced) is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence

from lxml import etree

from xcat_hamn.cluster import xml
from xcat_hamn.cluster.difference import canonical, configuration
from xcat_hamn.errors import HamnError

#: Set by `pcs resource disable`, `unmanage`, `maintenance` and by tracing, never by a fragment.
OPERATORS = frozenset({"target-role", "is-managed", "maintenance", "trace_ra", "trace_file"})
_SWITCHED_OFF = {
    ("target-role", "stopped"): "stopped",
    ("target-role", "unpromoted"): "kept from being promoted",
    ("is-managed", "false"): "taken out of the cluster's management",
    ("maintenance", "true"): "put into maintenance",
}
#: The roles Promoted and Unpromoted entered the configuration's schema with this version.
OLDEST_SCHEMA = (3, 7)


def parse(text: str) -> etree._Element:
    """Return the tree of a CIB.  Raises HamnError when it is none."""
    try:
        root = xml.parse(text)
    except etree.XMLSyntaxError as problem:
        raise HamnError(
            f"the cluster's configuration is not readable XML ({problem}): try again, and look at "
            "`crm_verify --live-check` if it stays so"
        ) from None
    if root.tag != "cib" or root.find("configuration") is None:
        raise HamnError(
            f"what the cluster gave is a <{root.tag}>, not a configuration: look at `cibadmin -Q`"
        )
    return root


def serialize(cib: etree._Element) -> str:
    """Return the text of a CIB."""
    return etree.tostring(cib, encoding="unicode", pretty_print=True)


def too_old(cib: etree._Element) -> str | None:
    """Return why this CIB cannot hold our configuration, or None."""
    schema = cib.get("validate-with", "")
    numbers = schema.rpartition("-")[2].split(".")
    if all(part.isdigit() for part in numbers) and tuple(map(int, numbers)) < OLDEST_SCHEMA:
        wanted = ".".join(map(str, OLDEST_SCHEMA))
        return (
            f"the cluster's configuration follows the old schema {schema}, which does not know "
            f"the role Promoted (pacemaker-{wanted} does): run `cibadmin --upgrade --force` once"
        )
    return None


def node_names(cib: etree._Element) -> list[str]:
    """Return the names of the cluster's own nodes (remote nodes carry no role of ours)."""
    return [
        node.get("uname", "")
        for node in cib.findall("configuration/nodes/node")
        if node.get("type", "member") == "member"
    ]


def fence_devices(cib: etree._Element) -> list[str]:
    """Return the ids of the fence devices that the cluster has."""
    found = cib.xpath("configuration/resources//primitive[@class='stonith']/@id")
    return [str(device) for device in found] if isinstance(found, list) else []


def foreign_levels(
    cib: etree._Element, nodes: Collection[str], owned: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield id and node of each fencing level of ``nodes`` that is somebody else's."""
    for level in cib.iterfind("configuration/fencing-topology/fencing-level"):
        if level.get("target") in nodes and level.get("id") not in owned:
            yield level.get("id", ""), level.get("target", "")


def merge(
    live: etree._Element, fragments: Sequence[etree._Element], owned: Collection[str]
) -> etree._Element:
    """Return a copy of ``live`` with our part replaced by ``fragments``.

    Raises HamnError when an id of ours is in use for something of somebody else's.
    """
    cib = copy.deepcopy(live)
    wanted: dict[str, etree._Element] = {}
    for fragment in fragments:
        for section in fragment:
            target = _section(cib, section.tag)
            for element in section:
                if element.tag == "cluster_property_set":
                    _set_properties(target, element)
                else:
                    wanted[element.get("id", "")] = element
                    _put(target, element)
    for section in configuration(cib):
        for element in list(section.iterchildren(etree.Element)):
            identifier = element.get("id", "")
            if identifier in owned and identifier not in wanted:
                section.remove(element)
    _refuse_duplicates(cib)
    return cib


def _section(cib: etree._Element, tag: str) -> etree._Element:
    parent = configuration(cib)
    found = parent.find(tag)
    return etree.SubElement(parent, tag) if found is None else found


def _put(target: etree._Element, wanted: etree._Element) -> None:
    """Put ``wanted`` into its section, in the place of the element with its id if there is one."""
    new = copy.deepcopy(wanted)
    old = next((e for e in target if e.get("id") == new.get("id")), None)
    if old is None:
        target.append(new)
        return
    _keep_operators(old, new)
    if canonical(old) != canonical(new):
        target.replace(old, new)


def _keep_operators(old: etree._Element, new: etree._Element) -> None:
    """Copy what the operator's commands have set on ``old`` and its members to ``new``."""
    for nvpair in old.iter("nvpair"):
        attributes = nvpair.getparent()
        resource = attributes.getparent() if attributes is not None else None
        if attributes is None or resource is None or nvpair.get("name") not in OPERATORS:
            continue
        same = [e for e in new.iter(str(resource.tag)) if e.get("id") == resource.get("id")]
        if not same:
            continue
        target = same[0].find(str(attributes.tag))
        if target is None:
            target = etree.Element(str(attributes.tag), id=attributes.get("id", ""))
            same[0].insert(_place_of(same[0], str(attributes.tag)), target)
        target.append(copy.deepcopy(nvpair))


def operators_settings(
    cib: etree._Element, owned: Collection[str]
) -> Iterator[tuple[str, str, str, str]]:
    """Yield what the operator's commands have set on our resources: id, name, value, in words."""
    for resource in cib.iterfind("configuration/resources/*"):
        if resource.get("id") not in owned:
            continue
        for nvpair in resource.iter("nvpair"):
            words = _SWITCHED_OFF.get((nvpair.get("name", ""), nvpair.get("value", "").lower()))
            parent = nvpair.getparent()
            holder = parent.getparent() if parent is not None else None
            if words and holder is not None:
                yield (
                    holder.get("id", ""),
                    nvpair.get("name", ""),
                    nvpair.get("value", ""),
                    words,
                )


def _place_of(resource: etree._Element, tag: str) -> int:
    """Return where a new set of attributes goes: the schema wants meta attributes first."""
    if tag == "meta_attributes":
        return 0
    return sum(1 for child in resource if child.tag == "meta_attributes")


def _set_properties(target: etree._Element, wanted: etree._Element) -> None:
    """Set cluster properties by name in the set that Pacemaker prefers, as pcs does.

    Pacemaker takes ``cib-bootstrap-options`` before any other set: one of ours would lose.
    """
    identifier = wanted.get("id", "")
    found = next((e for e in target if e.get("id") == identifier), None)
    if found is None:
        found = etree.Element("cluster_property_set", id=identifier)
        target.insert(0, found)
    for nvpair in wanted:
        old = next((e for e in found if e.get("name") == nvpair.get("name")), None)
        if old is None:
            found.append(copy.deepcopy(nvpair))
        else:
            old.set("value", nvpair.get("value", ""))


def _refuse_duplicates(cib: etree._Element) -> None:
    seen: dict[str, etree._Element] = {}
    for element in configuration(cib).iter(etree.Element):
        identifier = element.get("id")
        if not identifier or element.tag in ("role", "obj_ref", "resource_ref"):
            continue
        if identifier in seen:
            raise HamnError(
                f'the id "{identifier}" is used by a <{seen[identifier].tag}> and a '
                f"<{element.tag}>, and xcat-hamn made only one of them: rename or delete the other"
            )
        seen[identifier] = element
