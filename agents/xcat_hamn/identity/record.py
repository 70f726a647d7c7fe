"""What a start left to undo: written before the first change, removed after the last.

It lies in the run directory, so a reboot forgets it, as it forgets the changes themselves.
"""

from __future__ import annotations

from xcat_hamn.identity.addresses import parse
from xcat_hamn.identity.judgment import RECORD
from xcat_hamn.system.files import read_pairs, remove, write_pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.identity.addresses import ServiceAddress


class Entry:
    """Addresses added, name given, and the node's own name (both empty: name left alone)."""

    __slots__ = ("addresses", "name", "own_name")

    def __init__(self, addresses: Sequence[ServiceAddress], name: str, own_name: str) -> None:
        self.addresses = list(addresses)
        self.name = name
        self.own_name = own_name


class Record:
    """The record of one resource instance."""

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/{RECORD}"
        self.announcing = f"{directory}/announcing"

    def read(self) -> Entry | None:
        """Return what was recorded, None when nothing was."""
        pairs = read_pairs(self._path)
        if pairs is None:
            return None
        try:
            addresses = parse(pairs.get("addresses", ""))
        except ValueError:
            addresses = []
        return Entry(addresses, pairs.get("name", ""), pairs.get("own_name", ""))

    def write(self, entry: Entry) -> None:
        """Record ``entry`` in place of what was there."""
        pairs = {
            "addresses": " ".join(str(address) for address in entry.addresses),
            "name": entry.name,
            "own_name": entry.own_name,
        }
        write_pairs(self._path, pairs)

    def drop(self) -> None:
        """Forget everything."""
        remove(self._path)
