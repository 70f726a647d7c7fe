"""Bash completion, written from the verbs and their options.

A file rather than Typer's own completion: that would start Python at every press of the tab key
(200 ms), and its protocol differs between Typer's versions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from xcat_hamn.cli.verbs import VERBS, Verb

_HEAD = """\
# bash completion for xcat-hamn; generated from its verbs, see agents/xcat_hamn/cli/completion.py
_xcat_hamn() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "%s --help --version" -- "$current"))
        return
    fi
    case $previous in
        --file|-f|--db2pd|--backups) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    case ${COMP_WORDS[1]} in
"""
_VERB = """\
        {verb}) COMPREPLY=($(compgen -W "{options}" -- "$current")) ;;
"""
_TAIL = """\
    esac
}
complete -o filenames -F _xcat_hamn xcat-hamn
"""


def bash() -> str:
    """Return the completion file for bash."""
    verbs = [
        _VERB.format(verb=verb.name, options=" ".join([*_parts(verb), *sorted(_options(verb))]))
        for verb in VERBS
    ]
    return _HEAD % " ".join(verb.name for verb in VERBS) + "".join(verbs) + _TAIL


def _parts(verb: Verb) -> list[str]:
    return [part.name for part in verb.parts]


def _options(verb: Verb) -> set[str]:
    return {option for one in verb.parts or (verb,) for option in options_of(one.command())}


def options_of(command: Callable[..., int]) -> Iterator[str]:
    """Yield the long options of a Typer command."""
    yield "--help"
    for parameter in inspect.signature(command).parameters.values():
        for declared in getattr(parameter.default, "param_decls", None) or ():
            if declared.startswith("--"):
                yield from declared.split("/")
