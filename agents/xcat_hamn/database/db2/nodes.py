"""``db2nodes.cfg``: the host by whose name an instance knows itself.

A line is ``member hostname port netname resourceset``, the last three optional.  db2start refuses
when the name means no address of this host (SQL6031N reason 10); ``db2gcf -u`` writes the host's
name of now into the line and starts the instance.
"""

from __future__ import annotations

import os

from xcat_hamn.system.files import read_text


def host_of(text: str) -> str:
    """Return the host of member 0 in the text of a db2nodes.cfg, empty when it names none."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["0"] and len(words) > 1:
            return words[1]
    return ""


def same_host(one: str, other: str) -> bool:
    """Tell whether two names are the same, where one of them may lack its domain."""
    one, other = one.lower(), other.lower()
    if "." in one and "." in other:
        return one == other
    return one.partition(".")[0] == other.partition(".")[0]


def names_this_host(home: str) -> bool:
    """Tell whether the instance in ``home`` knows itself by the name that this host has now."""
    named = host_of(read_text(f"{home}/sqllib/db2nodes.cfg") or "")
    return bool(named) and same_host(named, os.uname().nodename)
