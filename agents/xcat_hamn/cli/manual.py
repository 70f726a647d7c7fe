"""The manual page xcat-hamn(8), from the verbs, their options and the exit codes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from xcat_hamn import __version__
from xcat_hamn.cli import exits
from xcat_hamn.cli.verbs import Verb, commands
from xcat_hamn.roff import plain

_DESCRIPTION = (
    "The role of the xCAT management node moves with pcs resource move xcat-mn NODE. This tool "
    "prepares and explains that, and does what pcs cannot."
)


def page() -> str:
    """Return the manual page."""
    lines = [
        f'.TH XCAT-HAMN 8 "" "xcat-hamn {__version__}" "xCAT high availability"',
        ".SH NAME",
        plain("xcat-hamn - high availability for the xCAT management node"),
        ".SH SYNOPSIS",
        ".B xcat\\-hamn",
        "VERB [options]",
        ".SH DESCRIPTION",
        plain(_DESCRIPTION),
        ".SH VERBS",
    ]
    for words, verb in commands():
        lines += _verb(words, verb)
    lines.append(".SH EXIT STATUS")
    for code, meaning in exits.MEANINGS.items():
        lines += [".TP", rf".B {code}", plain(f"{meaning}.")]
    lines += [".SH FILES", ".TP", ".I /etc/xcat/hamn.conf", "The site file."]
    lines += [".SH SEE ALSO", ".BR pcs (8),", ".BR crm_mon (8),", ".BR fence_xcat_operator (8)"]
    return "\n".join(lines) + "\n"


def _verb(words: str, verb: Verb) -> Iterator[str]:
    command = verb.command()
    parameters = list(_parameters(command))
    names = [name for name, _ in parameters if not name.startswith("-")]
    yield from (".SS", plain(" ".join(["xcat-hamn", words, *names, "[options]"])))
    for paragraph in (inspect.getdoc(command) or "").split("\n\n"):
        yield from (plain(paragraph.replace("\n", " ")), ".PP")
    for name, meaning in parameters:
        yield from (".TP", rf".B {plain(name)}", plain(meaning))


def _parameters(command: Callable[..., int]) -> Iterator[tuple[str, str]]:
    """Yield name and meaning of each argument and option."""
    for parameter in inspect.signature(command).parameters.values():
        declared = parameter.default
        names = list(declared.param_decls or [declared.metavar])
        if declared.metavar and names[0].startswith("-"):
            names[-1] = f"{names[-1]} {declared.metavar}"
        yield ", ".join(names), declared.help
