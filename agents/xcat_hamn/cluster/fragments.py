"""The cluster configuration as fragments that a person can read, and how they are filled.

A fragment is a file in constraints/: a <configuration> with the sections it adds to.  Two things
are filled in: an attribute that is ``${section.key}``, and an element with ``if="section.key"``,
which stays only while that value says something.  An element with an attribute that fills to
nothing is left out (a parameter that the site file does not give).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from xcat_hamn.cluster import xml
from xcat_hamn.cluster.site import fragment_values
from xcat_hamn.cluster.sitefile import Site
from xcat_hamn.errors import HamnError

_PLACEHOLDER = re.compile(r"\$\{([a-z_]+\.[a-z_]+)\}")
_SAYS_NOTHING = frozenset({"", "false"})


@dataclass(frozen=True)
class Fragment:
    """A fragment file and the condition under which a site uses it."""

    file: str
    used: Callable[[Site], bool]


#: Every fragment there is, in the order in which their elements join the configuration.
FRAGMENTS = (
    Fragment("cluster-properties.xml", lambda site: True),  # noqa: ARG005
    Fragment(
        "database-postgresql.xml", lambda site: site.text("database", "engine") == "postgresql"
    ),
    Fragment("database-db2.xml", lambda site: site.text("database", "engine") == "db2"),
    Fragment("management-node.xml", lambda site: True),  # noqa: ARG005
    Fragment("files.xml", lambda site: site.flag("files", "enabled")),
    Fragment("fencing.xml", lambda site: True),  # noqa: ARG005
)


def directory() -> str:
    """Return the directory of the fragments: it stands beside the package's parent directory.

    That is so in the source tree (agents/ and constraints/) and in the package (python/ and
    constraints/ in /usr/share/xcat-hamn).
    """
    return os.path.abspath(os.path.join(os.path.dirname(__file__), "../../../constraints"))


def fragments_of(site: Site, where: str) -> list[etree._Element]:
    """Return the filled fragments that ``site`` uses, from directory ``where``."""
    values = fragment_values(site)
    return [_fill(_load(where, f.file), values, f.file) for f in FRAGMENTS if f.used(site)]


def owned_ids(where: str) -> frozenset[str]:
    """Return the ids of all resources and constraints that any fragment can bring.

    What has such an id in a live cluster is ours to change, and to remove when it is not used.
    """
    return frozenset(
        element.get("id", "")
        for fragment in FRAGMENTS
        for element in _top_level(_load(where, fragment.file))
        if element.tag != "cluster_property_set"
    )


def _top_level(configuration: etree._Element) -> Iterator[etree._Element]:
    for section in configuration:
        yield from section


def _load(where: str, file: str) -> etree._Element:
    path = os.path.join(where, file)
    try:
        with open(path, encoding="utf-8") as stream:
            return xml.parse(stream.read(), comments=False)
    except (OSError, etree.XMLSyntaxError) as problem:
        raise HamnError(
            f"{path} is missing or damaged ({problem}): reinstall the package xcat-hamn"
        ) from None


def _fill(root: etree._Element, values: Mapping[str, str], file: str) -> etree._Element:
    for element in list(root.iter(etree.Element)):
        condition = element.attrib.pop("if", "")
        if condition and _value(str(condition), values, file) in _SAYS_NOTHING:
            _drop(element)
            continue
        for name, text in element.attrib.items():
            filled = _PLACEHOLDER.sub(lambda m: _value(m.group(1), values, file), str(text))
            if text and not filled:
                _drop(element)
                break
            element.set(str(name), filled)
    return root


def _value(name: str, values: Mapping[str, str], file: str) -> str:
    try:
        return values[name]
    except KeyError:
        raise HamnError(
            f'{file} asks for "{name}", which the site file does not know: reinstall the package '
            "xcat-hamn"
        ) from None


def _drop(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def parameters_of(resource: etree._Element) -> dict[str, str]:
    """Return the parameters (instance attributes) of a primitive."""
    found: Sequence[etree._Element] = resource.findall("instance_attributes/nvpair")
    return {nvpair.get("name", ""): nvpair.get("value", "") for nvpair in found}
