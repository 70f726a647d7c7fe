"""What differs between the configurations of two CIBs, in words for a person.

Compared are units: each resource, constraint, cluster property and set of defaults with its
labelled values.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lxml import etree

_UNITS = frozenset(
    {
        *("primitive", "group", "clone"),
        *("rsc_colocation", "rsc_order", "rsc_location", "fencing-level"),
    }
)
_UNORDERED = ("meta_attributes", "instance_attributes", "operations", "cluster_property_set")
_OP_SHOWN = ("timeout", "on-fail", "enabled", "start-delay")


@dataclass(frozen=True)
class Change:
    """One difference: a unit is added, changed or removed.

    ``summary`` says in a few words what the unit is, ``details`` has one line per value.
    """

    what: str
    kind: str
    id: str
    summary: str
    details: Sequence[str] = field(default_factory=tuple)


def configuration(cib: etree._Element) -> etree._Element:
    """Return the configuration of a CIB.  Raises KeyError when it has none."""
    found = cib.find("configuration")
    if found is None:
        raise KeyError("configuration")
    return found


def canonical(element: etree._Element) -> str:
    """Return a text that is equal for elements that mean the same.

    The order of XML attributes means nothing, nor does that of parameters and operations: pcs and
    Pacemaker's tools put theirs at different ends.
    """
    copied = copy.deepcopy(element)
    for unordered in copied.iter(*_UNORDERED):
        unordered[:] = sorted(unordered, key=lambda child: child.get("id", ""))
    return etree.tostring(copied, method="c14n", with_comments=False).decode()


def changes(old: etree._Element, new: etree._Element) -> list[Change]:
    """Return what differs between the configurations of two CIBs, for a person to read."""
    before, after = _units(old), _units(new)
    found = []
    for identifier, unit in after.items():
        known = before.get(identifier)
        if known is None:
            shown = tuple(f"{label}: {value}" for label, value in unit.values.items())
            found.append(Change("added", unit.kind, identifier, unit.summary(), shown))
        elif known.values != unit.values:
            shown = _differences(known.values, unit.values)
            found.append(Change("changed", unit.kind, identifier, unit.summary(), shown))
    for identifier, unit in before.items():
        if identifier not in after:
            found.append(Change("removed", unit.kind, identifier, unit.summary()))
    return found


def same_configuration(old: etree._Element, new: etree._Element) -> bool:
    """Tell whether two CIBs have the same configuration (their status may differ)."""
    return canonical(configuration(old)) == canonical(configuration(new))


@dataclass(frozen=True)
class _Unit:
    """A resource, constraint or property: its kind and labelled values."""

    kind: str
    values: dict[str, str]

    def summary(self) -> str:
        pattern = _SUMMARIES.get(self.kind, "")
        return " ".join(pattern.format_map(_Blank(self.values)).split())


class _Blank(dict[str, str]):
    """Values of which a missing one reads as nothing."""

    def __missing__(self, _key: str) -> str:
        return ""


#: Kind -> how its values read in a few words.
_SUMMARIES = {
    "primitive": "{class}:{provider}:{type}",
    "group": "of {members}",
    "clone": "of {members}",
    "colocation": "{rsc} runs where {with-rsc} is {with-rsc-role}",
    "order": "{first-action} {first}, then {then-action} {then}",
    "property": "{value}",
    "fencing level": "{index} of {target}: {devices}",
    "location": "{rsc}{rsc-pattern} on {node}: {score}",
    "defaults": "migration-threshold={migration-threshold} failure-timeout={failure-timeout}",
}
_KINDS = {
    "rsc_colocation": "colocation",
    "rsc_order": "order",
    "rsc_location": "location",
    "fencing-level": "fencing level",
}


def _units(cib: etree._Element) -> dict[str, _Unit]:
    """Return the units of a configuration by id; a property's is its name."""
    units: dict[str, _Unit] = {}
    for element in configuration(cib).iter(*_UNITS):
        kind = _KINDS.get(str(element.tag), str(element.tag))
        units[element.get("id", "")] = _Unit(kind, dict(_values(element)))
    for nvpair in configuration(cib).iterfind("crm_config/cluster_property_set/nvpair"):
        values = {"value": nvpair.get("value", "")}
        units[f"property {nvpair.get('name', '')}"] = _Unit("property", values)
    for defaults in configuration(cib).iterfind("rsc_defaults/meta_attributes"):
        units[defaults.get("id", "")] = _Unit("defaults", dict(_values(defaults)))
    return units


def _values(unit: etree._Element) -> Iterator[tuple[str, str]]:
    """Yield the labelled values of one unit, without those of the units inside it."""
    for name, value in unit.attrib.items():
        if name != "id":
            yield str(name), str(value)
    members = [child.get("id", "") for child in unit if child.tag in _UNITS]
    if members:
        yield "members", " ".join(members)
    for child in unit.iterchildren(etree.Element):
        if child.tag in _UNITS:
            continue
        for element in child.iter(etree.Element):
            if element.tag == "nvpair":
                yield element.get("name", ""), element.get("value", "")
            elif element.tag == "op":
                yield _operation(element)


def _differences(before: dict[str, str], after: dict[str, str]) -> tuple[str, ...]:
    labels = [*after, *(label for label in before if label not in after)]
    return tuple(
        f"{label}: {before.get(label, '(not set)')} -> {after.get(label, '(not set)')}"
        for label in labels
        if before.get(label) != after.get(label)
    )


def _operation(op: etree._Element) -> tuple[str, str]:
    """Return the label of an operation, with what tells it from its namesakes, and its values."""
    interval = op.get("interval", "0")
    every = "" if interval.rstrip("ms") in ("", "0") else f"every {interval}"
    label = " ".join(filter(None, (op.get("name"), op.get("role"), every)))
    return label, " ".join(f"{name}={op.get(name)}" for name in _OP_SHOWN if op.get(name))
