"""What a node needs for copying file sets: programs, keys, definitions."""

from __future__ import annotations

import os
from collections.abc import Sequence

from xcat_hamn.errors import HamnError, MissingTool, NodeError
from xcat_hamn.files.connection import alias
from xcat_hamn.files.places import RECEIVER, Places
from xcat_hamn.files.refusals import admitted
from xcat_hamn.files.setfiles import load
from xcat_hamn.system.files import read_text
from xcat_hamn.system.runner import find_executable

#: What makes the keys of both nodes and exchanges them.
COMMAND = "xcat-hamn setup files"


def missing_keys(places: Places, peers: Sequence[str]) -> list[str]:
    """Return a sentence for each thing that this node lacks for reaching any of ``peers``."""
    found = []
    if not (os.path.isfile(f"{places.keys}/id") and os.path.isfile(f"{places.keys}/id.pub")):
        found.append(f"this node has no key for copying files ({places.keys}/id): run `{COMMAND}`")
    known = {line.split(" ", 1)[0] for line in _lines(f"{places.keys}/known_hosts")}
    if not known & {alias(peer) for peer in peers}:
        found.append(
            f"{places.keys}/known_hosts has no host key of {' or '.join(peers)}: run `{COMMAND}`"
        )
    return found


def _lines(path: str) -> list[str]:
    return (read_text(path) or "").splitlines()


def problems(places: Places, here: str, peer: str, *, home: str = "/root") -> list[HamnError]:
    """Return what is wrong with node ``here`` as the source or the replica of ``peer``."""
    found: list[HamnError] = [NodeError(text) for text in missing_keys(places, [peer])]
    authorized = _lines(f"{home}/.ssh/authorized_keys")
    mark = f" xcat-filesync {peer}"
    if not any(line.endswith(mark) and not line.startswith("#") for line in authorized):
        found.append(
            NodeError(
                f"{home}/.ssh/authorized_keys has no line for the key of {peer}, so {here} cannot "
                f"receive its files: run `{COMMAND}`"
            )
        )
    for name in ("rsync", "ssh", RECEIVER):
        try:
            find_executable(name)
        except MissingTool as problem:
            found.append(problem)
    sets = admitted(load(places.definitions))
    found.extend(NodeError(text) for text in sets.problems)
    if not sets.sets:
        found.append(
            NodeError(
                f"no file set is defined in {' and '.join(places.definitions)}: reinstall the "
                "package xcat-hamn, or define one"
            )
        )
    return found
