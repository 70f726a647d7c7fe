"""What a node tells the others of its database when it starts: its release, and how HADR is set.

The parameters of HADR are read when a database is activated, so what a start found is what counts
until the next one.  Shared as a private attribute, it comes without a way to the other node, and
goes when that node leaves.
"""

from __future__ import annotations

from xcat_hamn.database.db2 import pairing
from xcat_hamn.database.db2.configuration import Configuration

#: The name under which it is shared.
INTRODUCTION = "introduction"
_RELEASE = "release"
_NAMES = (
    "HADR_LOCAL_HOST",
    "HADR_LOCAL_SVC",
    "HADR_REMOTE_HOST",
    "HADR_REMOTE_SVC",
    "HADR_REMOTE_INST",
    "HADR_TARGET_LIST",
    "HADR_TIMEOUT",
    "HADR_SYNCMODE",
    "HADR_PEER_WINDOW",
    "LOGARCHMETH1",
)
#: How many numbers of a release name the version: its databases have one format.
_VERSION = 2


class Introduction:
    """A node's ``release`` (11, 5, 9, 0; empty: not known), and how its database is configured."""

    __slots__ = ("configuration", "release")

    def __init__(self, release: tuple[int, ...], configuration: Configuration) -> None:
        self.release = release
        self.configuration = configuration

    def __str__(self) -> str:
        """Return the form that ``parse`` reads: NAME=VALUE;NAME=VALUE."""
        pairs = {_RELEASE: dotted(self.release)}
        pairs.update((name, self.configuration.text(name)) for name in _NAMES)
        texts = (f"{name}={value}" for name, value in pairs.items() if value)
        return ";".join(text.replace('"', "").replace(";", "") for text in texts)


def parse(text: str) -> Introduction:
    """Return what ``str`` of an Introduction was; what is not in it is empty."""
    words = (word.partition("=") for word in text.split(";"))
    values = {name: value for name, _, value in words}
    release = values.pop(_RELEASE, "")
    return Introduction(_numbers(release), Configuration(values, {}))


def parse_release(text: str) -> tuple[int, ...]:
    """Return the numbers of ``"DB2 v11.5.9.0"`` in what db2level prints, none without."""
    _, _, rest = " ".join(text.split()).partition('"DB2 v')
    return _numbers(rest.partition('"')[0])


def _numbers(text: str) -> tuple[int, ...]:
    words = text.split(".")
    return tuple(map(int, words)) if all(w.isascii() and w.isdecimal() for w in words) else ()


def dotted(release: tuple[int, ...]) -> str:
    """Return a release as Db2 writes it."""
    return ".".join(map(str, release))


def mismatches(mine: Introduction, theirs: Introduction, names: tuple[str, str]) -> list[str]:
    """Return one sentence for each thing that keeps the databases of two nodes apart."""
    found = []
    ours, others = mine.release, theirs.release
    if ours and others and ours[:_VERSION] != others[:_VERSION]:
        found.append(
            f"Db2 is {dotted(ours)} on {names[0]} and {dotted(others)} on {names[1]}, and HADR "
            "does not join two versions (ADM12502E): install the same on both"
        )
    return found + pairing.mismatches(
        mine.configuration, theirs.configuration, names, _same_host, _same_service
    )


def warnings(mine: Introduction, theirs: Introduction, names: tuple[str, str]) -> list[str]:
    """Return one sentence for each thing that works now, and not after the roles have changed."""
    ours, others = mine.release, theirs.release
    if not (ours and others) or ours[:_VERSION] != others[:_VERSION] or ours == others:
        return []
    newer, older = names if ours > others else names[::-1]
    return [
        f"Db2 is {dotted(max(ours, others))} on {newer} and {dotted(min(ours, others))} on "
        f"{older}: a standby may be newer than its primary and not older, so {older} cannot "
        f"follow once {newer} has the role: bring {older} to the same fix pack"
    ]


def _same_host(one: str, other: str) -> bool:
    return one.lower() == other.lower() or bool(_addresses(one) & _addresses(other))


def _addresses(host: str) -> set[str]:
    import socket

    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(entry[4][0]) for entry in found}


def _same_service(one: str, other: str) -> bool:
    return one == other or _port(one) == _port(other)


def _port(service: str) -> str:
    import socket

    try:
        return str(socket.getservbyname(service, "tcp"))
    except OSError:
        return service
