"""The epoch: how often the source of the files has changed, and who it is now.

Each promotion raises it.  Every node keeps the newest one it has seen, durably; a copy that comes
from an older one, or from a second source in the same one, is refused (design, data rule 6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xcat_hamn.errors import NodeError
from xcat_hamn.system.files import read_text, write_text

_FORM = re.compile(r"epoch=([0-9]{1,9})\nnode=([A-Za-z0-9][A-Za-z0-9._-]{0,253}|)\n")
#: More promotions than a cluster sees; a larger number is a mistake, or malice.
LIMIT = 999_999_999


@dataclass(frozen=True, order=True)
class Epoch:
    """``number`` of the epoch and the ``node`` that is the source in it ("" before the first)."""

    number: int = 0
    node: str = ""


def read(path: str) -> Epoch:
    """Return the newest epoch that this node has seen.  Raises NodeError when it is damaged.

    A damaged one is no epoch 0: that would let an old source overwrite newer files.
    """
    text = read_text(path)
    if text is None:
        return Epoch()
    found = _FORM.fullmatch(text)
    if not found:
        raise NodeError(
            f"{path} is damaged, so nobody knows which node's files are the newest: look at the "
            "other node's, and write the larger epoch and its node there"
        )
    return Epoch(int(found[1]), found[2])


def write(path: str, epoch: Epoch) -> None:
    """Store ``epoch`` so that it survives a power loss."""
    write_text(path, f"epoch={epoch.number}\nnode={epoch.node}\n", durable=True)


def next_epoch(node: str, *known: Epoch) -> Epoch:
    """Return the epoch in which ``node`` is the source, after all that are ``known``."""
    return Epoch(max((one.number for one in known), default=0) + 1, node)


def objection(seen: Epoch, offered: Epoch, here: str) -> str | None:
    """Return why node ``here``, which has seen ``seen``, takes no files of ``offered``, or None."""
    if offered.number > LIMIT or offered.number < 1:
        return f"{offered.node} names the epoch {offered.number}, which cannot be"
    if offered.node == here:
        return f"{here} cannot be sent files in its own name"
    if offered.number < seen.number:
        who = "this node itself has" if seen.node == here else f"{seen.node} has"
        return (
            f"{who} been the source since epoch {seen.number}, and {offered.node} still copies as "
            f"the source of epoch {offered.number}: its files are older; {offered.node} must "
            "become a replica"
        )
    if offered.number == seen.number and offered.node != seen.node:
        who = here + " itself" if seen.node == here else seen.node
        return (
            f"both {who} and {offered.node} claim to be the source in epoch {seen.number}: "
            f"nothing is taken from {offered.node} before one of them is promoted again"
        )
    return None
