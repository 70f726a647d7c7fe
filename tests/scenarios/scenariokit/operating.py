"""What the operator does in a scenario.  A method for each word."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time

from labkit.host import CommandFailed

from scenariokit.plan import Step
from scenariokit.world import GROUP, MEMBERS, NotSeen, World

_MOVE_SECONDS = 120.0
#: What crm_mon tells the operator to type, where a lost primary has commits that nobody else has.
_REJOIN = re.compile(r"`(xcat-hamn rejoin[^`]*)`")


class Operator:
    """Types commands, as an administrator at a terminal does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mover: subprocess.Popen[str] | None = None
        #: The wall time at which the first move of a scenario was typed, and from where to where.
        self.typed = 0.0
        self.target = ""

    def undo(self) -> None:
        """End what the operator has left running."""
        process, self._mover = self._mover, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def _note(self, target: str) -> None:
        if not self.typed:
            self.typed, self.target = time.time(), target

    def move(self, step: Step) -> None:
        self._note(step.object)
        words = ["pcs", "resource", "move", GROUP, step.object]
        self._run(words, step, step.number("within", _MOVE_SECONDS))

    def type(self, step: Step) -> None:
        self._run(shlex.split(step.object), step, step.number("within", 60))

    def _run(self, words: list[str], step: Step, within: float) -> None:
        node = self._world.node(step.text("on", step.object))
        refused = step.text("refused")
        try:
            done = node.run(words, check=False, timeout=within)
        except CommandFailed as problem:
            if step.text("outcome") == "any":
                return
            raise NotSeen(f"{problem}\n{self._world.shown()}") from None
        said = " ".join((done.stdout + done.stderr).split())
        if step.text("outcome") == "any":
            return
        if refused and done.returncode == 0:
            raise NotSeen(f"'{' '.join(words)}' was to be refused, and was not: {said}")
        if refused and not re.search(refused, said):
            raise NotSeen(f"'{' '.join(words)}' was to be refused with '{refused}': {said}")
        if not refused and done.returncode != 0:
            raise NotSeen(f"'{' '.join(words)}' failed: {said}\n{self._world.shown()}")

    def begin_move(self, step: Step) -> None:
        self._note(step.object)
        self.undo()
        node = self._world.node(step.text("on", step.object))
        self._mover = node.popen(["pcs", "resource", "move", GROUP, step.object])

    def interrupt(self, step: Step) -> None:
        mover, self._mover = self._mover, None
        ended = mover is not None and mover.poll() is not None
        if mover is None or (ended and step.text("outcome") != "any"):
            said = "" if mover is None else "".join(mover.communicate())
            raise NotSeen(f"there is no move that could be interrupted: {said}")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(mover.pid, signal.SIGINT)
        try:
            mover.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._mover = mover
            self.undo()
        self._world.node(step.object).run(["pcs", "resource", "clear", GROUP], check=False)

    def moved(self, step: Step) -> None:
        if self._mover is None:
            raise NotSeen("there is no move that could end")
        try:
            said = "".join(self._mover.communicate(timeout=step.number("within", _MOVE_SECONDS)))
        except subprocess.TimeoutExpired:
            raise NotSeen(f"the move did not end\n{self._world.shown()}") from None
        code, self._mover = self._mover.returncode, None
        if code != 0:
            raise NotSeen(f"the move failed: {said}\n{self._world.shown()}")

    def rejoin(self, step: Step) -> None:
        """Wait for the standby, and type the command that its limit names when it needs one."""
        name, other = step.object, self._world.other(step.object)
        told: set[str] = set()

        def ready() -> bool:
            if self._world.may_take_over(name, other):
                return True
            self._obey(name, other, told)
            return False

        self._world.wait(ready, step.number("within", 90), f"{name} to be a standby again")

    def _obey(self, name: str, viewer: str, told: set[str]) -> None:
        """Type, once, the command that the limit of a node names for its rejoin."""
        limit = self._world.attributes(name, viewer).get("xcat-db-limit", "")
        command = _REJOIN.search(limit)
        if command and command[1] not in told:
            told.add(command[1])
            # Nobody is at a terminal who could type the node's name once more.
            words = [*shlex.split(command[1]), "--yes"]
            self._world.node(viewer).run(words, check=False, timeout=120)

    def reconcile(self, step: Step) -> None:
        told: set[str] = set()

        def whole() -> bool:
            if any(self._world.is_settled(name) for name in MEMBERS):
                return True
            for name in MEMBERS:
                # What was past the gate when a cut healed still switches the returned node off.
                if not self._world.node(name).powered():
                    self._world.lab.boot(name)
                self._obey(name, self._world.other(name), told)
            return False

        within = step.number("within", 120)
        self._world.wait(whole, within, "the role on one node, and the other to be ready")

    def cleanup(self, step: Step) -> None:
        self._world.node(step.object).run(["pcs", "resource", "cleanup"])
