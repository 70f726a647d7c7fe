"""docs/status.md: what `xcat-hamn status` says, from its own table."""

from __future__ import annotations

from xcat_hamn.cluster.status import GROUP
from xcat_hamn.overview.health import TABLE, Health, Row
from xcat_hamn.overview.report import SCORES

_NAMES = {
    "group": GROUP,
    "active": "mn1",
    "lost": "mn1",
    "ready": "mn2",
    "limit": "*xcat-db-limit*",
    "files": "*xcat-files-limit*",
}

_HEAD = """\
# How it is

This page is generated from `agents/xcat_hamn/overview/`.

`xcat-hamn status` says it in one sentence and a line per node; its exit code says it to monitoring,
and `--json` all of it to programs. `xcat-hamn explain [NODE]` adds what the words mean and what
`xcat-hamn takeover` would do now, node by node. Both only look; they ask the cluster once.

Run by root on a management node, `status` also says how fresh each file set is: on the active node
what the other one lacks, on the standby up to when it has everything. `xcat-hamn report` asks both
nodes, and lists what only one of them has.

## The sentence

The first row that applies decides. Example: mn1 has the role, mn2 is the other node.

| case | exit code | sentence |
|---|---|---|
"""

_SCORES = """
## Promotion scores

| score | meaning |
|---|---|
"""


def page(codes: dict[Health, int]) -> str:
    """Return docs/status.md; ``codes``: the exit code of each health."""
    scores = [f"| {score or 'unset'} | {meaning} |\n" for score, meaning in SCORES.items()]
    return _HEAD + "".join(_line(row, codes) for row in TABLE) + _SCORES + "".join(scores)


def _line(row: Row, codes: dict[Health, int]) -> str:
    code = f"{codes[row.health]} ({row.health.value})"
    return f"| {row.name} | {code} | {row.sentence.format(**_NAMES)} |\n"
