"""The entry of xcat-hamn: find the verb, run it, turn an error into a sentence and an exit code.

Typer and rich were chosen because both are packages wherever xcat-hamn is to run: Debian 12
python3-typer 0.7.0 and python3-rich 13.3.1, Debian 13 0.15.2 and 13.9, EPEL 9 0.10.0-4.el9 and
13.1.0-1.el9, EPEL 10 0.20.0 and 13.9.4 (packages.debian.org, packages.fedoraproject.org).  Only
what the oldest of them has is used: no ``Annotated`` options (Typer 0.9), no Click directly.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence

from xcat_hamn import __version__
from xcat_hamn.cli import exits, verbs
from xcat_hamn.errors import HamnError

PROGRAM = "xcat-hamn"
_HELP = frozenset({"--help", "-h", "help"})


def main(arguments: Sequence[str]) -> int:
    """Run xcat-hamn with ``arguments`` and return its exit code."""
    if not arguments or arguments[0] in _HELP:
        print(usage())
        return exits.OK if arguments else exits.USAGE
    if arguments[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        return exits.OK
    as_json = "--json" in arguments
    verb = verbs.find(arguments[0])
    if verb is None:
        return _complain([_unknown(arguments[0])], as_json, exits.USAGE)
    try:
        return _run(verb, arguments[1:])
    except HamnError as error:
        problems = getattr(error, "problems", None) or [str(error)]
        return _complain(problems, as_json, exits.code_of(error))
    except _Usage as error:
        return _complain([str(error)], as_json, exits.USAGE)
    except ModuleNotFoundError as error:
        return _complain([_missing_module(error)], as_json, exits.UNAVAILABLE)
    except KeyboardInterrupt:
        return _complain(["interrupted: run it again to see what is left to do"], as_json, 130)
    except BrokenPipeError:
        # The reader has gone (`| head`): the interpreter's own flush at exit must not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.FAILED


class _Usage(Exception):
    """The options of a verb are wrong."""


def usage() -> str:
    """Return the help of the whole tool."""
    width = max(len(verb.name) for verb in verbs.VERBS)
    lines = [f"  {verb.name:{width}}  {verb.summary}" for verb in verbs.VERBS]
    return "\n".join(
        [
            f"Usage: {PROGRAM} VERB [OPTIONS]",
            "",
            "High availability for the xCAT management node. The role moves with",
            "`pcs resource move xcat-mn NODE`; this tool prepares and explains.",
            "",
            "Verbs:",
            *lines,
            "",
            f"`{PROGRAM} VERB --help` describes a verb, `{PROGRAM} --version` prints the version.",
        ]
    )


def _run(verb: verbs.Verb, arguments: Sequence[str]) -> int:
    import typer

    # The terminal's tracebacks would show local variables, and a CIB may hold secrets.
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["--help", "-h"]}
    for part in verb.parts or (verb,):
        app.command(part.name, context_settings=settings, help=None)(part.command())
    if verb.parts:
        # With a callback, a single command keeps its name.
        app.callback(help=verb.summary, context_settings=settings)(_nothing)
    try:
        code = app(list(arguments), prog_name=f"{PROGRAM} {verb.name}", standalone_mode=False)
    except Exception as error:
        # Click's own errors are told by their looks: newer Typers bring their own Click.
        if type(error).__name__ == "Abort":  # what it makes of ctrl-C
            raise KeyboardInterrupt from None
        if not hasattr(error, "format_message"):
            raise
        sentence = error.format_message().rstrip(".")
        raise _Usage(f"{sentence}: see `{PROGRAM} {verb.name} --help`") from None
    return int(code or 0)


def _nothing() -> None:
    """Do nothing before a part of a verb."""


def _unknown(name: str) -> str:
    known = [verb.name for verb in verbs.VERBS]
    close = difflib.get_close_matches(name, known, 1)
    advice = f"did you mean {close[0]}?" if close else f"the verbs are {', '.join(known)}"
    what = "option" if name.startswith("-") else "verb"
    return f'there is no {what} "{name}": {advice}'


def _missing_module(error: ModuleNotFoundError) -> str:
    name = (error.name or "").partition(".")[0]
    if name == "xcat_hamn":
        raise error
    return (
        f"Python's {name} is not installed on this node: install the package "
        f"python3-{name} (on RHEL 9 from EPEL)"
    )


def _complain(problems: Sequence[str], as_json: bool, code: int) -> int:
    if as_json:
        import json

        print(json.dumps({"errors": list(problems)}, indent=2))
    for problem in problems:
        print(f"{PROGRAM}: {problem}", file=sys.stderr)
    return code
