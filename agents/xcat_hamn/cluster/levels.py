"""The fencing levels that a site file asks for: which power devices switch which node off.

``devices = mn1=bmc-mn1 mn2=bmc-mn2`` is one level for each node.  ``A+B`` are two devices that must
both succeed; a node that is named again has a further level, for when the one before has failed.
"""

from __future__ import annotations

from collections.abc import Iterator

from xcat_hamn.cluster.sitefile import Site

#: The fence device that asks the operator, and the one that lets a lost standby go (fencing.xml).
GATE, STANDBY_GATE = "xcat-gate", "xcat-gate-standby"
#: Values of standby_loss.
IGNORE, POWER_OFF = "ignore", "power-off"
#: How many levels fencing.xml has room for.
MOST = 3
#: The index of the standby's level: before all others, or behind all of them (Pacemaker has 1-9).
_FIRST, _LAST = "1", "9"


def levels(site: Site, node: str) -> list[list[str]]:
    """Return the power devices of ``node``, level by level."""
    words = (word.partition("=") for word in site.words("fencing", "devices"))
    return [devices.split("+") for name, _, devices in words if name == node]


def devices(site: Site) -> list[str]:
    """Return the ids of all power devices that the site file names, each once."""
    found: dict[str, None] = {}
    for node in site.pairs("cluster", "nodes"):
        for level in levels(site, node):
            found.update(dict.fromkeys(level))
    return list(found)


def _apart(site: Site, node: str) -> str:
    """Return a pattern of the devices that switch ``node`` off and no other node, or nothing.

    Constraints know a pattern as an extended regular expression (`rsc-pattern`).
    """
    others = [name for name in site.pairs("cluster", "nodes") if name != node]
    shared = {device for name in others for level in levels(site, name) for device in level}
    own = {device for level in levels(site, node) for device in level} - shared
    names = "|".join(sorted(own)).replace(".", "[.]")
    return f"^({names})$" if own else ""


def problems(site: Site) -> Iterator[str]:
    """Yield a sentence for each thing about the devices that does not fit the rest of the file."""
    place = f"{site.path}, [fencing] devices"
    nodes = list(site.pairs("cluster", "nodes"))
    named = [word.partition("=")[0] for word in site.words("fencing", "devices")]
    for name in dict.fromkeys(named):
        if name not in nodes:
            yield f"{place}: {name} is not one of the nodes ({', '.join(nodes)}): correct its name"
        elif len(levels(site, name)) > MOST:
            yield f"{place}: {name} has more than {MOST} levels: leave the least useful out"
    for node in nodes:
        if named and node not in named:
            yield (
                f"{place}: {node} has none, so it could not be taken over from: name its device, "
                f"for example {node}=bmc-{node}"
            )
    if site.text("fencing", "standby_loss") == POWER_OFF and not named:
        yield (
            f"{site.path}, [fencing] standby_loss: {POWER_OFF} needs devices that do it: name "
            f"them, or give {IGNORE}"
        )
    for gate in (GATE, STANDBY_GATE):
        if gate in devices(site):
            yield f"{place}: {gate} is xcat-hamn's own and switches nothing off: leave it out"


def standby_loss(site: Site) -> str:
    """Return what becomes of a lost standby: POWER_OFF or IGNORE."""
    given = site.text("fencing", "standby_loss")
    if given:
        return given
    replicated = site.text("database", "engine") == "postgresql"
    return POWER_OFF if replicated and site.words("fencing", "devices") else IGNORE


def is_proven(site: Site) -> bool:
    """Tell whether the primary commits alone only when a lost standby is proven down."""
    return (
        standby_loss(site) == POWER_OFF
        and site.text("database", "engine") == "postgresql"
        and site.text("database", "synchronous") == "true"
    )


def values(site: Site) -> dict[str, str]:
    """Return what the placeholders of fencing.xml stand for."""
    nodes = list(site.pairs("cluster", "nodes"))
    power = bool(site.words("fencing", "devices"))
    # Nothing would be switched off: only the operator can say that a lost node is.
    automatic = site.text("cluster", "failover") == "automatic" and power
    ignored = standby_loss(site) == IGNORE
    # A level that switches nothing off would pass for a proof that the standby is down.
    passes = not is_proven(site)
    found = {
        "cluster.first_node": nodes[0],
        "cluster.second_node": nodes[1],
        "fencing.node_names": " ".join(nodes),
        "fencing.database": ("xcat-db-clone" if site.text("database", "engine") != "none" else ""),
        "fencing.failover": "automatic" if automatic else "manual",
        "fencing.standby_index": _FIRST if ignored else _LAST,
        "fencing.standby_level": STANDBY_GATE if passes else "",
    }
    for name, node in zip(("first", "second"), nodes):
        found[f"fencing.{name}_apart"] = _apart(site, node)
        wanted = levels(site, node) or [[]]
        for number, letter in enumerate("abc"):
            level = ",".join([GATE, *wanted[number]]) if number < len(wanted) else ""
            found[f"fencing.{name}_level_{letter}"] = level
    return found
