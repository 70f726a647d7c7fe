"""Clients that write all the time, and know which commits were acknowledged."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import IO

from labkit import host
from labkit.host import LabError

from scenariokit.databases import CLIENTS
from scenariokit.world import World


class Writer:
    """One run of the program on one node."""

    def __init__(self, world: World, client: str, name: str) -> None:
        self.client, self.name = client, name
        self.numbers: list[int] = []
        self.problems: list[tuple[float, str]] = []
        source, where = world.database.writer(client)
        self._process = world.node(client).popen(
            ["/usr/bin/python3", "-I", "-c", source, name], stdin=subprocess.PIPE
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{where}\n")
            self._process.stdin.flush()
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with contextlib.suppress(ValueError):
                self.numbers.append(int(line))

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            self.problems.append((time.time(), line.strip()))

    def alive(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it; every number that it has printed is known then."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()


class Writers:
    """The writers of all clients, from the first scenario to the last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._current: dict[str, Writer] = {}
        self._all: list[Writer] = []
        self._reported: dict[str, set[int]] = {}
        self._started = 0

    def prepare(self, primary: str) -> None:
        """Make the table that is written to."""
        self._world.database.prepare(self._world.node(primary), self._world.node("cn1"))

    def ensure(self) -> None:
        """Start a writer on every client that has power and none that runs."""
        for client in CLIENTS:
            current = self._current.get(client)
            if current and current.alive():
                continue
            if current:
                current.end()
            with contextlib.suppress(LabError):
                self._started += 1
                name = f"{client}.{self._started}"
                self._current[client] = Writer(self._world, client, name)
                self._all.append(self._current[client])

    def count(self, client: str) -> int:
        """Return how many commits of a client were acknowledged so far."""
        return sum(len(writer.numbers) for writer in self._all if writer.client == client)

    def total(self) -> int:
        """Return how many commits were acknowledged so far."""
        return sum(len(writer.numbers) for writer in self._all)

    def problems(self, client: str, since: float = 0.0) -> list[str]:
        """Return what a client has met since a wall time, each with its time."""
        mine = (writer for writer in self._all if writer.client == client)
        found = [problem for writer in mine for problem in writer.problems if problem[0] >= since]
        return [f"{when:.1f} {text}" for when, text in found]

    def acknowledged(self) -> dict[str, list[int]]:
        """Return all acknowledged numbers by writer, without those that were reported missing."""
        return {
            writer.name: [n for n in list(writer.numbers) if n not in self._known(writer.name)]
            for writer in self._all
        }

    def report(self, missing: dict[str, list[int]]) -> None:
        """Count missing commits once only: they are as missing after the next scenario."""
        for name, numbers in missing.items():
            self._reported.setdefault(name, set()).update(numbers)

    def _known(self, name: str) -> set[int]:
        return self._reported.get(name, set())

    def end(self) -> None:
        """End all of them."""
        for writer in self._current.values():
            writer.end()
        host.say(f"writers: {self.total()} acknowledged commits")
        self._current.clear()
