"""Checks of parameters that several agents have; each returns a sentence, or None when it fits."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def nodes_problem(text: str) -> str | None:
    """Say what is wrong with NODE=ADDRESS words."""
    for word in text.split():
        name, separator, address = word.partition("=")
        if not (name and separator and address):
            return (
                f'parameter nodes has "{word}", which is not NODE=ADDRESS: give for example '
                '"mn1=10.11.0.11 mn2=10.11.0.12"'
            )
    return None


def absolute(name: str) -> Callable[[str], str | None]:
    """Return the check that parameter ``name`` is an absolute path."""

    def check(text: str) -> str | None:
        if text.startswith("/"):
            return None
        return f'parameter {name} is "{text}", which is no absolute path: start it with a slash'

    return check


def one_of(name: str, *words: str) -> Callable[[str], str | None]:
    """Return the check that parameter ``name`` is one of ``words``."""

    def check(text: str) -> str | None:
        if text in words:
            return None
        return f'parameter {name} is "{text}": give {" or ".join(words)}'

    return check


def identifier(name: str) -> Callable[[str], str | None]:
    """Return the check that parameter ``name`` is a Db2 name: letters, digits and underscores."""

    def check(text: str) -> str | None:
        if text.isascii() and text.isidentifier():
            return None
        return (
            f'parameter {name} is "{text}", which is no Db2 name: use letters, digits and '
            "underscores"
        )

    return check
