"""The verbs of xcat-hamn, in the order of its help: the one place where a verb is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Verb:
    """A verb: its name, the module whose ``function`` it is, and one line of help.

    One that has ``parts`` is only called together with one of them: ``setup database``.
    """

    name: str
    module: str
    summary: str
    function: str = "command"
    parts: tuple[Verb, ...] = ()

    def command(self) -> Callable[..., int]:
        """Import the verb's module and return its command."""
        found: Callable[..., int] = getattr(import_module(self.module), self.function)
        return found


VERBS = (
    Verb(
        "status",
        "xcat_hamn.cli.status",
        "Say how the management node is, on one page and by the exit code.",
    ),
    Verb(
        "explain",
        "xcat_hamn.cli.explain",
        "Explain why it is so, node by node, and which command goes on.",
    ),
    Verb(
        "setup",
        "xcat_hamn.cli.setup",
        "Prepare the two nodes for the cluster, once.",
        parts=(
            Verb(
                "database",
                "xcat_hamn.cli.setup",
                "Make a HADR pair of the Db2 database and an instance on the other node.",
                "database",
            ),
            Verb(
                "files",
                "xcat_hamn.cli.setup_files",
                "Let the two nodes copy files to each other, and to nobody else.",
            ),
        ),
    ),
    Verb(
        "configure",
        "xcat_hamn.cli.configure",
        "Bring the cluster's configuration in line with the site file.",
    ),
    Verb(
        "verify",
        "xcat_hamn.cli.verify",
        "Prove that the database of this node can be read and written.",
    ),
    Verb(
        "takeover",
        "xcat_hamn.cli.takeover",
        "Give the role to a node, also where that needs consent to a loss of data.",
    ),
    Verb(
        "rejoin",
        "xcat_hamn.cli.rejoin",
        "Let a former primary follow the present one, without what only it has.",
    ),
    Verb(
        "sync",
        "xcat_hamn.cli.sync",
        "Copy file sets to the other node now, and wait until they are there.",
    ),
    Verb(
        "report",
        "xcat_hamn.cli.report",
        "Say which files only one node has, what was set aside, how old each set is.",
    ),
)


def commands() -> Iterator[tuple[str, Verb]]:
    """Yield every command with the words by which it is called."""
    for verb in VERBS:
        if verb.parts:
            yield from ((f"{verb.name} {part.name}", part) for part in verb.parts)
        else:
            yield verb.name, verb


def find(name: str) -> Verb | None:
    """Return the verb called ``name``, or None."""
    return next((verb for verb in VERBS if verb.name == name), None)
