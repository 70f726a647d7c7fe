"""The log of a database: records with byte positions, on chains that fork.

A record's digest covers all before it, so equal digests at a position mean equal logs up to it.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, NamedTuple

from .home import sync_directory

#: The first position, bytes of a log file and of a page, and what a record costs beside its text.
START, FILE_BYTES, PAGE, OVERHEAD = 40_000_000, 4_076_000, 4076, 40
Chains = list[list[Any]]


class Record(NamedTuple):
    """A committed transaction: its statements with their values."""

    start: int
    end: int
    time: int
    digest: str
    statements: list[Any]


def make_record(start: int, before: str, time: int, statements: list[Any]) -> Record:
    """Return the record that follows position `start`, whose log has the digest `before`."""
    text = json.dumps([start, time, statements])
    digest = hashlib.sha256((before + text).encode()).hexdigest()[:24]
    return Record(start, start + len(text) + OVERHEAD, time, digest, statements)


def place(position: int) -> tuple[str, int]:
    """Return the name of the log file that holds a position, and the page in it."""
    number, within = divmod(max(position - START, 0), FILE_BYTES)
    return f"S{number:07d}.LOG", within // PAGE


class Log:
    """The records since `base`, in a file of JSON lines."""

    def __init__(self, path: str, base: int, digest: str) -> None:
        self.path, self.base, self.base_digest = path, base, digest
        self.records: list[Record] = []
        self._offsets: list[int] = []
        self._load()

    def _load(self) -> None:
        if not os.path.exists(self.path):
            with open(self.path, "w", encoding="utf-8"):
                pass
            sync_directory(os.path.dirname(self.path))
        whole = 0
        with open(self.path, "rb") as stream:
            for line in stream:
                record = _parse(line)
                if record is None or record != self.next(record.time, record.statements):
                    break  # the torn end that a loss of power leaves
                self._offsets.append(whole)
                self.records.append(record)
                whole += len(line)
        if os.path.getsize(self.path) != whole:
            os.truncate(self.path, whole)

    @property
    def end(self) -> int:
        """Return the position after the last record."""
        return self.records[-1].end if self.records else self.base

    @property
    def digest(self) -> str:
        """Return the digest of the whole log."""
        return self.records[-1].digest if self.records else self.base_digest

    def next(self, time: int, statements: list[Any]) -> Record:
        """Return what would follow the last record."""
        return make_record(self.end, self.digest, time, statements)

    def append(self, records: list[Record], *, durable: bool = True) -> None:
        """Write records that follow the last one.  Raises ValueError when they do not."""
        with open(self.path, "ab") as stream:
            for record in records:
                if record != self.next(record.time, record.statements):
                    raise ValueError(f"no record of this log follows {self.end}")
                self._offsets.append(stream.tell())
                self.records.append(record)
                stream.write(json.dumps(list(record)).encode() + b"\n")
            if durable:
                stream.flush()
                os.fsync(stream.fileno())

    def sync(self) -> None:
        """Make what was written durable."""
        with open(self.path, "ab") as stream:
            os.fsync(stream.fileno())

    def cut(self, position: int) -> None:
        """Drop the records behind a position."""
        while self.records and self.records[-1].start >= position:
            self.records.pop()
            os.truncate(self.path, self._offsets.pop())
        self.sync()

    def _index(self, position: int) -> int:
        """Return the number of records that start before a position."""
        low, high = 0, len(self.records)
        while low < high:
            middle = (low + high) // 2
            if self.records[middle].start < position:
                low = middle + 1
            else:
                high = middle
        return low

    def since(self, position: int, limit: int = 200) -> list[Record]:
        """Return up to `limit` records that start at or after a position."""
        first = self._index(position)
        return self.records[first : first + limit]

    def digest_at(self, position: int) -> str | None:
        """Return the digest at the end of a record, None where no record ends."""
        if position == self.base:
            return self.base_digest
        last = self._index(position) - 1
        if last < 0 or self.records[last].end != position:
            return None
        return self.records[last].digest


def _parse(line: bytes) -> Record | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return Record(*json.loads(line))
    except (ValueError, TypeError):
        return None


def is_beginning(chains: Chains, end: int, of: Chains) -> bool:
    """Tell whether a log that ends at `end` on its last chain is a beginning of the log `of`.

    The rule of reintegration: the same chains, and an end not behind the point at which the
    other log left the last common one.
    """
    if [chain[0] for chain in chains] != [chain[0] for chain in of[: len(chains)]]:
        return False
    return len(of) == len(chains) or end <= of[len(chains)][1]
