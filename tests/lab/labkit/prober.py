"""Runs the probes on a compute node, and holds what they found."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from typing import IO

from labkit import host
from labkit.host import LabError
from labkit.node import DOMAIN, Node, wait_for
from labkit.timeline import Answer
from labkit.timeline_checks import SERVICES

FOLDER = "/run/xcat-probes"
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probes.py")

INTERVAL = 0.2
TIMEOUT = 0.5


class Prober:
    """Asks the services at `address` from `node`, between `start` and `stop`.

    `administrator` is a management node whose xCAT client certificate is lent to the compute node.
    """

    def __init__(self, node: Node, address: str, administrator: Node) -> None:
        self.node = node
        self.address = address
        self._administrator = administrator
        self._process: subprocess.Popen[str] | None = None
        self._answers: list[Answer] = []
        self._errors: list[str] = []
        self._readers: list[threading.Thread] = []

    def start(self) -> None:
        """Put the program into the node and let it ask."""
        self.node.put_file(PROGRAM, f"{FOLDER}/probes.py")
        for name in ("ca.pem", "client-cred.pem"):
            text = self._administrator.get(f"/root/.xcat/{name}")
            self.node.put(f"{FOLDER}/{name}", text, 0o600)
        mac = self.node.get("/sys/class/net/eth0/address").strip()
        options = {
            "address": self.address,
            "own": self.node.ipv4,
            "mac": mac,
            "name": f"{self.node.name}.{DOMAIN}",
            "credentials": FOLDER,
            "interval": INTERVAL,
            "timeout": TIMEOUT,
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        command = ["/usr/bin/python3", "-I", f"{FOLDER}/probes.py", *words]
        self._process = self.node.popen(command, stdin=subprocess.PIPE)
        assert self._process.stdout is not None and self._process.stderr is not None
        for read, stream in (
            (self._read_answers, self._process.stdout),
            (self._read_errors, self._process.stderr),
        ):
            thread = threading.Thread(target=read, args=(stream,), daemon=True)
            thread.start()
            self._readers.append(thread)

    @property
    def asking(self) -> bool:
        """Whether it was started and not yet stopped."""
        return self._process is not None

    def _read_answers(self, stream: IO[str]) -> None:
        for line in stream:
            with contextlib.suppress(ValueError):
                self._answers.append(Answer(**json.loads(line)))

    def _read_errors(self, stream: IO[str]) -> None:
        self._errors.extend(stream)

    def answers(self) -> list[Answer]:
        """Return all that was found so far.

        Raises LabError when the program ended by itself.
        """
        process = self._process
        if process is not None and process.poll() is not None:
            said = "".join(self._errors).strip()[-2000:]
            raise LabError(f"The prober on {self.node.name} ended by itself: {said or 'silently'}")
        return list(self._answers)

    def latest(self) -> dict[str, Answer]:
        """Return the result of the newest question to each service that has one."""
        ordered = sorted(self.answers(), key=lambda answer: answer.sent)
        return {answer.probe: answer for answer in ordered}

    def silent_since(self) -> dict[str, float]:
        """Return, for each service that does not answer now, the wall time of its last answer.

        A service that has never answered is given the time of its first question.
        """
        good: dict[str, float] = {}
        for answer in self.answers():
            if answer.ok or answer.probe not in good:
                good[answer.probe] = answer.done if answer.ok else answer.sent
        return {probe: good[probe] for probe, answer in self.latest().items() if not answer.ok}

    def wait_all_good(self, timeout: float) -> None:
        """Wait until every service answers; raises LabError, with what they say, if not."""

        def good() -> bool:
            latest = self.latest()
            return all(name in latest and latest[name].ok for name in SERVICES)

        try:
            wait_for(good, timeout, 0.1, "all services to answer")
        except LabError:
            latest = self.latest()
            bad = [
                f"{name} ({latest[name].why if name in latest else 'not asked'})"
                for name in SERVICES
                if name not in latest or not latest[name].ok
            ]
            raise LabError(
                f"Within {timeout:.0f} s {self.node.name} got no good answer at {self.address} "
                f"from {', '.join(bad)}."
            ) from None

    def stop(self) -> None:
        """End the program, which the end of its input does; what was found stays."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
        for thread in self._readers:
            thread.join(5)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
        host.say(f"prober on {self.node.name}: {len(self._answers)} questions")
