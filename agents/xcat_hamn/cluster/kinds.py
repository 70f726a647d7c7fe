"""The kinds of value that the site file knows.

A kind turns what the administrator wrote into the canonical text that goes into the cluster
configuration.  ``ValueError`` carries the middle of a sentence: what is wrong and what to write.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xcat_hamn.ocf.parameters import to_seconds

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
#: Linux: at most 15 characters (IFNAMSIZ), no slash, no white space.
_INTERFACE = re.compile(r"[^\s/@]{1,15}")
_YES = frozenset({"yes", "true", "on", "1"})
_NO = frozenset({"no", "false", "off", "0"})


@dataclass(frozen=True)
class Kind:
    """One kind of value: how the documentation calls it, and how its text is read."""

    name: str
    read: Callable[[str], str]


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f'"{text}" is not a name: use letters, digits, dots, dashes and underscores'
        )
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f'"{text}" is not a full path: begin it with a slash')
    if any(character.isspace() for character in text):
        raise ValueError(f'"{text}" has white space in it: use a path without')
    return text


def _yes_no(text: str) -> str:
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError(f'"{text}" is neither yes nor no: write one of them')
    return "true" if word in _YES else "false"


def _seconds(text: str) -> str:
    try:
        value = to_seconds(text)
    except ValueError:
        raise ValueError(f'"{text}" is not a time: write for example 90s or 2m') from None
    if value < 1:
        raise ValueError(f'"{text}" is less than a second: write for example 90s or 2m')
    return f"{value:g}s"


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(
            f'"{text}" is not an IP address: write for example 10.11.0.11 or fd11::11'
        ) from None


def _nodes(text: str) -> str:
    pairs = []
    for word in text.split():
        name, equals, address = word.partition("=")
        if not equals or not name or not address:
            raise ValueError(f'"{word}" is not NAME=ADDRESS: write for example mn1=10.11.0.11')
        pairs.append((_name(name), _address(address)))
    if len({name for name, _ in pairs}) != 2 or len({address for _, address in pairs}) != 2:
        raise ValueError(
            "it must name two management nodes with an address each: "
            "write for example mn1=10.11.0.11 mn2=10.11.0.12"
        )
    if len(pairs) != 2:
        raise ValueError("a node is named twice: name each management node once")
    return " ".join(f"{name}={address}" for name, address in pairs)


def _service_address(word: str) -> str:
    address, at, interface = word.partition("@")
    if not at or "/" not in address or not _INTERFACE.fullmatch(interface):
        raise ValueError(
            f'"{word}" is not ADDRESS/PREFIX@INTERFACE: write for example 10.11.0.10/24@eth0'
        )
    try:
        return f"{ipaddress.ip_interface(address)}@{interface}"
    except ValueError:
        raise ValueError(
            f'"{address}" is not an IP address with a prefix length: '
            "write for example 10.11.0.10/24"
        ) from None


def _service_addresses(text: str) -> str:
    addresses = [_service_address(word) for word in text.split()]
    if len(set(addresses)) != len(addresses):
        raise ValueError("an address is given twice: give each once")
    return " ".join(addresses)


def _fence_devices(text: str) -> str:
    if text == "none":
        return ""
    words = []
    for word in text.split():
        node, equals, devices = word.partition("=")
        if not equals or not node or not devices:
            raise ValueError(
                f'"{word}" is not NODE=DEVICE: write for example mn1=bmc-mn1 mn2=bmc-mn2, or none'
            )
        together = [_name(device) for device in devices.split("+")]
        words.append(f"{_name(node)}={'+'.join(_checked_unique(together))}")
    return " ".join(_checked_unique(words))


NAME = Kind("name", _name)
PATH = Kind("path", _path)
YES_NO = Kind("yes or no", _yes_no)
SECONDS = Kind("time", _seconds)
NODES = Kind("NAME=ADDRESS, twice", _nodes)
FENCE_DEVICES = Kind("none, or NODE=DEVICE for each node", _fence_devices)
SERVICE_ADDRESSES = Kind("ADDRESS/PREFIX@INTERFACE, one or more", _service_addresses)


def number(least: int, most: int) -> Kind:
    """Return the kind of whole numbers from ``least`` to ``most``."""

    def read(text: str) -> str:
        if not text.isascii() or not text.isdecimal():
            raise ValueError(f'"{text}" is not a whole number: write digits only')
        if not least <= int(text) <= most:
            raise ValueError(f"{text} is out of range: use {least} to {most}")
        return str(int(text))

    return Kind(f"number, {least} to {most}", read)


def one_of(*words: str) -> Kind:
    """Return the kind of a single word out of ``words``."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f'"{text}" is not known here: write {" or ".join(words)}')
        return text

    return Kind(" or ".join(words), read)


def some_of(*words: str) -> Kind:
    """Return the kind of a list of words out of ``words``; ``none`` stands for the empty list."""

    def read(text: str) -> str:
        chosen = [] if text == "none" else text.split()
        wrong = [word for word in chosen if word not in words]
        if wrong:
            raise ValueError(f'"{wrong[0]}" is not known here: use some of {", ".join(words)}')
        return " ".join(word for word in words if word in chosen)

    return Kind(f"none, or some of {', '.join(words)}", read)


def _checked_unique(words: Sequence[str]) -> Sequence[str]:
    if len(set(words)) != len(words):
        raise ValueError("a name is given twice: give each once")
    return words
