"""The gate's documentation, from the declarations: a page of docs/ and the manual of section 8."""

from __future__ import annotations

from xcat_hamn import __version__
from xcat_hamn.fencing.decision import TABLE, Row
from xcat_hamn.fencing.options import ACTIONS, DESCRIPTION, EXAMPLE, OPTIONS, SUMMARY, Option
from xcat_hamn.roff import plain

#: What stands in the sentences of the table for names that only a real case has.
_NAMES = {
    "node": "mn1",
    "group": "xcat-mn",
    "move": "`pcs resource move xcat-mn mn2`",
    "approved": "cli-prefer-xcat-mn (mn2)",
    "wish": "cli-prefer-xcat-mn (mn2)",
    "survivor": "mn2",
    "pressing": "",
}


def _sentence(row: Row) -> str:
    return row.sentence.format(**_NAMES)


def _meaning(option: Option) -> str:
    default = f" Default: {option.default}." if option.default else ""
    return option.help + (" Required." if option.required else default)


def page() -> str:
    """Return docs/fencing.md."""
    lines = [
        "# The operator's gate",
        "",
        "This page is generated from `agents/xcat_hamn/fencing/`.",
        "",
        *[f"{paragraph}\n" for paragraph in DESCRIPTION],
        "## Levels",
        "",
        "`xcat-hamn configure` makes these levels for each node; Pacemaker tries them in order "
        "until one succeeds as a whole.",
        "",
        "| level | devices | when it is the node's end |",
        "|---|---|---|",
        "| 1 | `xcat-gate-standby` | with `standby_loss = ignore` only: the node did not hold the "
        "role, which goes on elsewhere: nothing is switched off |",
        "| 2 | `xcat-gate`, the power device | the operator approved, or the node did not hold the "
        "role, and the device switched it off |",
        "| 3, 4 | `xcat-gate`, other power devices | the level before has failed; the approval "
        "holds for the whole loss |",
        "",
        "## What it does with a node that is to be switched off",
        "",
        "The first row that applies decides. Example: mn1 is lost, mn2 is left. The sentence of a "
        "wait stands in the node attribute `xcat-gate` of mn2 (`crm_mon -A`).",
        "",
        "| case | answer | sentence | why |",
        "|---|---|---|---|",
        *[f"| {row.name} | {row.answer.value} | {_sentence(row)} | {row.why} |" for row in TABLE],
        "",
        "## Parameters",
        "",
        "| parameter | meaning |",
        "|---|---|",
        *[f"| `{option.name}` | {_meaning(option)} |" for option in OPTIONS],
        "",
        "| action | what it does |",
        "|---|---|",
        *[f"| `{name}` | {meaning} |" for name, meaning in ACTIONS.items()],
    ]
    return "\n".join(lines) + "\n"


def manual() -> str:
    """Return the manual page fence_xcat_operator(8)."""
    lines = [
        f'.TH FENCE_XCAT_OPERATOR 8 "" "xcat-hamn {__version__}" "Fence agents"',
        ".SH NAME",
        plain(f"fence_xcat_operator - {SUMMARY[0].lower()}{SUMMARY[1:]}"),
        ".SH SYNOPSIS",
        r".B fence_xcat_operator \-o ACTION \-n NODE \-\-group=GROUP",
        "[options]",
        ".br",
        "Under Pacemaker the same come on standard input, a NAME=VALUE a line.",
        ".SH DESCRIPTION",
    ]
    for paragraph in DESCRIPTION:
        lines += [plain(paragraph), ".PP"]
    lines[-1:] = [".SH PARAMETERS"]
    for option in (
        Option("plug", "Cluster name of the node that is to be switched off."),
        *OPTIONS,
    ):
        lines += [".TP", rf".B {option.name}", plain(_meaning(option))]
    lines.append(".SH ACTIONS")
    for name, meaning in ACTIONS.items():
        lines += [".TP", rf".B {plain(name)}", plain(meaning)]
    lines.append(".SH DECISIONS")
    lines.append("The first that applies decides. Example: mn1 is lost, mn2 is left.")
    for row in TABLE:
        lines += [".TP", rf".B {plain(row.name)} ({row.answer.value})", plain(_sentence(row))]
        lines += [".br", plain(row.why)]
    lines += [".SH EXAMPLE", ".nf", *map(plain, EXAMPLE), ".fi"]
    lines += [".SH FILES", ".TP", ".I /run/xcat\\-hamn/gate/"]
    lines.append("What was there when a loss was first seen, and what has approved it since.")
    lines += [".SH SEE ALSO", ".BR crm_mon (8),", ".BR pcs (8),", ".BR stonith_admin (8)"]
    return "\n".join(lines) + "\n"
