"""What goes wrong in a scenario, and how it is put right again.  A method for each word."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable

from labkit import cluster, engines
from labkit.host import LabError, call
from labkit.node import Node

from scenariokit.plan import Step
from scenariokit.world import MEMBERS, NotSeen, World

_HERE = os.path.dirname(os.path.abspath(__file__))
#: How long the ambushed agent has worked when it is killed; a promotion takes 0.3 s and more.
_MIDDLE = 0.08
#: Room on the small disk for a few segments of 16 MB more than there are, in MB.
_ROOM = 64
#: Its size when there is room again.
_PLENTY = "3g"
#: A power command that was on its way is carried out within a few seconds.
_SETTLE = 4.0
#: What is undone with the cluster stopped on a node.
_LAST = ("small_disk", "clock")
#: Loaded into every new process of a node whose clock is ahead.  libfaketime is no use: with it,
#: time.sleep of Python 3.11 ends with EINVAL.
_CLOCK = "/usr/local/lib/lab-clock.so"
_PRELOAD = "/etc/ld.so.preload"


class Faults:
    """Breaks and mends; `undo` mends all that is broken still."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._undo: dict[tuple[str, str], Callable[[], object]] = {}
        self._ambush: subprocess.Popen[str] | None = None
        self._victim = ""
        #: (daemon, node) -> the processes that were killed or stopped
        self.hit: dict[tuple[str, str], set[str]] = {}

    def _node(self, name: str) -> Node:
        return self._world.node(name)

    def undo(self) -> None:
        """Put right what a scenario has left, the last first; nodes without power stay so."""
        self._end_ambush()
        # What needs the whole cluster comes when the rest is whole again.
        for key in sorted(self._undo, key=lambda key: key[0] in _LAST):
            with contextlib.suppress(LabError):
                self._undo[key]()
        self._undo.clear()
        self.hit.clear()

    def repair(self, step: Step) -> None:
        self._world.lab.mend()
        self.undo()
        # Something may just have been switched off by what is well again.
        time.sleep(_SETTLE)
        self._world.lab.mend()

    # -- power and wire -------------------------------------------------------------------------

    def crash(self, step: Step) -> None:
        self._world.lab.crash(step.object)

    def boot(self, step: Step) -> None:
        self._world.lab.boot(step.object)

    def cut(self, step: Step) -> None:
        name = step.object
        self._world.lab.cut(name)
        self._undo["cut", name] = lambda: self._world.lab.heal(name)

    def heal(self, step: Step) -> None:
        self._world.lab.heal(step.object)
        self._undo.pop(("cut", step.object), None)

    def link_down(self, step: Step) -> None:
        self._node(step.object).run(["ip", "link", "set", "dev", "eth0", "down"])
        self._undo["link", step.object] = lambda: self.link_up(step)

    def link_up(self, step: Step) -> None:
        # Taken down, the kernel drops addresses of version 6; a network manager brings them back.
        node = self._node(step.object)
        node.run(["ip", "link", "set", "dev", "eth0", "up"])
        node.run(["ip", "address", "replace", f"{node.ipv6}/64", "dev", "eth0"])
        self._undo.pop(("link", step.object), None)

    def refuse_power(self, step: Step) -> None:
        controller = self._world.lab.bmc(step.object)
        controller.refuse()
        self._undo["power", step.object] = lambda: controller.refuse(False)

    def obey_power(self, step: Step) -> None:
        self._world.lab.bmc(step.object).refuse(False)
        self._undo.pop(("power", step.object), None)

    def bmc_off(self, step: Step) -> None:
        self._world.lab.bmc(step.object).stop()
        self._undo["bmc", step.object] = lambda: self.bmc_on(step)

    def bmc_on(self, step: Step) -> None:
        self._world.lab.bmc(step.object).start()
        self._undo.pop(("bmc", step.object), None)

    # -- processes ------------------------------------------------------------------------------

    def _signal(self, daemon: str, on: str, number: signal.Signals) -> None:
        pids = self._world.pids(daemon, on)
        if not pids:
            raise NotSeen(f"no {daemon} runs on {on}, so none can be sent {number.name}")
        self.hit[daemon, on] = set(pids)
        if number is signal.SIGSTOP and daemon == "database":
            pids = self._world.database.all_pids(self._node(on))
        self._node(on).run(["kill", f"-{number.name[3:]}", *pids], check=False)

    def kill(self, step: Step) -> None:
        self._signal(step.object, step.text("on"), signal.SIGKILL)

    def freeze(self, step: Step) -> None:
        if step.object == "receiver":
            on = step.text("on")
            self.hit[step.object, on] = set(self._world.database.lose_touch(self._node(on)))
        else:
            self._signal(step.object, step.text("on"), signal.SIGSTOP)
        self._undo["freeze", step.text("on")] = lambda: self.thaw(step)

    def thaw(self, step: Step) -> None:
        node = self._node(step.text("on"))
        if step.object in ("database", "receiver"):
            self._world.database.let_go_on(node)
        else:
            node.run(["pkill", "-CONT", "-x", step.object], check=False)
        self._undo.pop(("freeze", step.text("on")), None)

    def ambush(self, step: Step) -> None:
        self._end_ambush()
        resource, _, action = step.object.partition(" ")
        with open(f"{_HERE}/on_ambush.py", encoding="utf-8") as stream:
            source = stream.read()
        words = [resource, action, str(step.number("after", _MIDDLE))]
        command = ["/usr/bin/python3", "-I", "-c", source, *words]
        self._ambush = self._node(step.text("on")).popen(command)
        self._victim = f"{step.object} on {step.text('on')}"

    def struck(self, step: Step) -> None:
        if self._ambush is None:
            raise NotSeen("there is no ambush that could strike")
        try:
            said, problem = self._ambush.communicate(timeout=step.number("within", 60))
        except subprocess.TimeoutExpired:
            raise NotSeen(f"no {self._victim} was caught\n{self._world.shown()}") from None
        self._ambush = None
        if not said.strip().isdigit():
            raise NotSeen(f"the ambush of {self._victim} failed: {problem.strip()}")

    def _end_ambush(self) -> None:
        process, self._ambush = self._ambush, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    # -- the cluster on one node ------------------------------------------------------------------

    def leave(self, step: Step) -> None:
        node = self._node(step.object)
        cluster.stop(node)
        self._undo["leave", step.object] = lambda: cluster.start(node)

    def join(self, step: Step) -> None:
        cluster.start(self._node(step.object))
        self._undo.pop(("leave", step.object), None)
        cluster.wait_online([self._node(name) for name in MEMBERS])

    # -- disk and clock ---------------------------------------------------------------------------

    def _log_folder(self) -> str:
        engine = self._world.database.engine
        if not isinstance(engine, engines.PostgreSQL):
            raise NotSeen(f"the log of {engine.name} has no disk of its own here")
        return f"{engine.pgdata}/pg_wal"

    def small_disk(self, step: Step) -> None:
        node, folder = self._node(step.object), self._log_folder()
        cluster.stop(node)
        # Only while the database is down: an open segment would be written on the old disk.
        size = int(node.output("du", "-sm", folder).split()[0]) + _ROOM
        node.run(["mv", folder, f"{folder}.disk"])
        node.run(["install", "-d", "-m", "700", "-o", "postgres", "-g", "postgres", folder])
        options = f"size={size}m,mode=700,uid=postgres,gid=postgres"
        node.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder])
        node.run(["cp", "-a", f"{folder}.disk/.", folder])
        self._undo["small_disk", step.object] = lambda: self._large_disk(step.object)
        self.join(step)

    def _large_disk(self, name: str) -> None:
        node, folder = self._node(name), self._log_folder()
        if not node.running():
            raise NotSeen(f"{name} lost its power, and with it a disk that is memory")
        cluster.stop(node)
        node.run(["rm", "-f", f"{folder}/filler"])
        node.run(["rm", "-rf", f"{folder}.disk"])
        node.run(["cp", "-a", folder, f"{folder}.disk"])
        node.run(["umount", folder])
        node.run(["rmdir", folder])
        node.run(["mv", f"{folder}.disk", folder])
        cluster.start(node)

    def fill(self, step: Step) -> None:
        node, folder = self._node(step.object), self._log_folder()
        node.run(["dd", "if=/dev/zero", f"of={folder}/filler", "bs=64k"], check=False)
        # Segments that are there already would last for hours.
        switch = "SET synchronous_commit = local; CREATE TEMPORARY TABLE burnt (n int);\n"
        switch += "INSERT INTO burnt VALUES (1); SELECT pg_switch_wal();\n" * 40
        with contextlib.suppress(LabError):
            primary = next((n for n in MEMBERS if self._world.takes_writes(n)), step.object)
            self._world.sql(primary, switch)
        self._undo["fill", step.object] = lambda: self.free(step)

    def free(self, step: Step) -> None:
        node, folder = self._node(step.object), self._log_folder()
        node.run(["rm", "-f", f"{folder}/filler"])
        # What the primary has written meanwhile wants to be received, too.
        node.run(["mount", "-o", f"remount,size={_PLENTY}", folder])
        self._undo.pop(("fill", step.object), None)

    def clock_ahead(self, step: Step) -> None:
        """Let the cluster on a node, and all that it starts, see a wall clock an hour ahead."""
        node = self._node(step.object)
        with tempfile.TemporaryDirectory() as folder:
            built = f"{folder}/clock.so"
            call(["tcc", "-shared", "-nostdlib", "-o", built, f"{_HERE}/clock.c"])
            cluster.stop(node)
            node.put_file(built, _CLOCK)
        node.put(_PRELOAD, f"{_CLOCK}\n")
        self._undo["clock", step.object] = lambda: self._clock_right(step.object)
        self.join(step)

    def _clock_right(self, name: str) -> None:
        node = self._node(name)
        cluster.stop(node)
        node.run(["rm", "-f", _PRELOAD])
        cluster.start(node)
