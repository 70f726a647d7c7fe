"""The example of the site file and its reference, both made from the declaration."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from xcat_hamn.cluster.site import SECTIONS
from xcat_hamn.cluster.sitefile import DEFAULT_PATH, Key, Section

_WIDTH = 92


def example() -> str:
    """Return an annotated site file: every key, those with a default commented out."""
    lines = [
        "# The site file of xcat-hamn: copy it to /etc/xcat/hamn.conf on both management nodes and",
        "# adapt it; then look at `xcat-hamn configure --dry-run` and run `xcat-hamn configure`.",
        "# A key that is commented out shows its default, or an example where it has none.",
    ]
    for section in SECTIONS:
        lines += ["", *_comment(section.help), f"[{section.name}]"]
        for key in section.keys:
            lines += [*_comment(key.help), _assignment(section, key), ""]
        lines.pop()
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _assignment(section: Section, key: Key) -> str:
    value = key.example if key.required or not key.default else key.default
    needed = key.required and key.only in ("", section.keys[0].example)
    return f"{'' if needed else '#'}{key.name} = {value}"


def reference() -> str:
    """Return the reference of the site file as Markdown."""
    lines = [
        "# The site file",
        "",
        f"`{DEFAULT_PATH}` is an INI file, the same on both management nodes: sections in",
        "square brackets, `key = value`, comments after `#`. `xcat-hamn configure` checks all of",
        "it first: an unknown section or key, a value of the wrong kind or a missing key is one",
        "sentence with the line, and nothing is changed. An annotated example is in",
        "`/usr/share/doc/xcat-hamn/hamn.conf.example`.",
        "",
        "This page is generated from `agents/xcat_hamn/cluster/site.py`.",
    ]
    for section in SECTIONS:
        lines += ["", f"## [{section.name}]", "", section.help, ""]
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
        lines += _rows(section)
    return "\n".join(lines) + "\n"


def _rows(section: Section) -> Iterator[str]:
    for key in section.keys:
        default = f"`{key.default}`" if key.default else "not set"
        if key.required:
            default = "**required**" + (
                f" with {section.keys[0].name} = {key.only}" if key.only else ""
            )
        parameter = f" Parameter `{key.parameter}`." if key.parameter else ""
        cells = (f"`{key.name}`", key.kind.name, default, key.help + parameter)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
