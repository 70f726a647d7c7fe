"""docs/takeover.md: what `xcat-hamn takeover` does in each case, from its own table."""

from __future__ import annotations

from xcat_hamn.cluster.status import GROUP
from xcat_hamn.takeover.decision import TABLE, Row

#: What stands in the sentences of the table for names that only a real case has.
_NAMES = {
    "node": "mn2",
    "other": "mn1",
    "nodes": "mn1, mn2",
    "group": GROUP,
    "moves": "mn2",
    "stopped": GROUP,
    "limit": "*xcat-db-limit*",
}

_HEAD = """\
# Taking over

This page is generated from `agents/xcat_hamn/takeover/`.

    pcs resource move xcat-mn mn2

is the command, whether the active management node lives or not; it never loses committed data.
`xcat-hamn takeover mn2` does the same, step by step before your eyes, and works where pcs refuses
because the role runs nowhere. It leaves no constraint behind, also when it is interrupted.

When mn2 may not be promoted because commits of mn1 would be lost, both refuse. `xcat-hamn takeover
mn2` then says where mn2's data ends, when it last heard of the primary, and how nothing need be
lost. Only

    xcat-hamn takeover mn2 --accept-data-loss

goes on, after the node's name was typed (`--yes` where there is no terminal). The consent holds for
exactly the end of data that was shown, only while no primary is to be seen, and is withdrawn if it
does not come to a promotion. It says nothing about the other node's power: that is the fencing's
matter, and the move is its approval ([the gate](fencing.md)).

## What it does

The first row that applies decides. Example: `xcat-hamn takeover mn2`, with mn1 as the other node.

| case | it does | sentence | why |
|---|---|---|---|
"""


def page() -> str:
    """Return docs/takeover.md."""
    return _HEAD + "".join(f"{line}\n" for line in map(_line, TABLE))


def _line(row: Row) -> str:
    return f"| {row.name} | {row.act.value} | {row.sentence.format(**_NAMES)} | {row.why} |"
