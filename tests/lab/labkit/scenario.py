"""The documented failover, there and back, with the database test of R 5.1.9 in between.

The demo shows it to a person and a test runs it quietly: both are the same steps and the same
checks. Whatever a step promises and the cluster does not show is raised as NotSeen.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from xml.etree import ElementTree

from labkit import cluster, engines, provision, timeline
from labkit.host import LabError
from labkit.lab import Lab
from labkit.node import Node, wait_for
from labkit.prober import INTERVAL, TIMEOUT, Prober
from labkit.timeline import Timeline
from labkit.timeline_checks import complaints

GROUP = "xcat-mn"
TESTNODE = "testnode"
TESTNODE_WORDS = ("groups=compute,all", "ip=10.11.0.150", "mac=02:00:0a:0b:00:96", "arch=x86_64")

_CRM_MON = ["crm_mon", "-1", "-A", "--include=none,nodes,resources,attributes,failures"]
_SETUP_SECONDS = 180.0
_MOVE_SECONDS = 240.0
_READY_SECONDS = 120.0
_REFRESH_SECONDS = 0.5


class NotSeen(LabError):
    """Something that had to be seen was not; the text says what."""


class Frame(Protocol):
    """Shows the state of the cluster as it is now, in place of the one before."""

    def __call__(self, text: str, seconds: float, silent: dict[str, float] | None) -> None:
        """`silent` maps each service that does not answer to the seconds since it last did.

        It is None while nobody asks.
        """


class Show(Protocol):
    """Where the story goes: a terminal, or nowhere."""

    def step(self, title: str, why: str = "") -> None:
        """Begin a step of the story."""

    def say(self, text: str) -> None:
        """Tell progress, or what was found."""

    def command(self, node: str, words: Sequence[str]) -> None:
        """Show a command that is typed on a node."""

    def output(self, text: str) -> None:
        """Show what a command has printed."""

    def live(self, before: str = "") -> contextlib.AbstractContextManager[Frame]:
        """Give a picture of the cluster that is refreshed again and again.

        `before` is the picture that was shown last.
        """


class Scenario:
    """The story of one lab; `run` tells it from bare nodes to the last check."""

    def __init__(self, lab: Lab, show: Show, engine: engines.Engine | None = None) -> None:
        self.lab = lab
        self.show = show
        self.engine = engine or engines.PostgreSQL(lab.release)
        self.mn1, self.mn2, self.cn1 = (lab.node(name) for name in ("mn1", "mn2", "cn1"))
        self.prober = Prober(self.cn1, provision.SERVICE_ADDRESS, self.mn1)
        self.timelines: list[Timeline] = []

    def run(self) -> list[Timeline]:
        """Tell the whole story; return its two moves. Raises NotSeen, LabError."""
        self.set_up()
        with self.asking():
            self.database_test()
        return self.timelines

    # -- the steps ------------------------------------------------------------------------------

    def set_up(self) -> None:
        """Make a cluster of bare nodes, and wait for the role on mn1 and a standby on mn2."""
        show = self.show
        show.step("Two management nodes", "what an administrator has before high availability")
        provision.management_nodes(self.lab, show.say, engine=self.engine)
        show.step("One command configures the cluster", "from the site file /etc/xcat/hamn.conf")
        self._typed(self.mn1, ["xcat-hamn", "configure"], timeout=120)
        self._watch(lambda: self._active(self.mn1), "the role to be active on mn1")
        self.wait_standby(self.mn2, self.mn1)
        show.step("cn1, as xCAT knows it", "xCAT is a stand-in here; BIND and dhcpd are real")
        self._xcat(self.mn1, "lsdef", "cn1")
        reserved = self._xcat(self.mn1, "makedhcp", "-q", "cn1")
        if self.cn1.ipv4 not in reserved:
            raise NotSeen(f"dhcpd has no reservation of {self.cn1.ipv4} for cn1: see makedhcp.")

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Let cn1 ask the services, as long as this lasts."""
        often = f"every {INTERVAL * 1000:.0f} ms"
        self.show.step(f"cn1 asks {often}", "a DNS answer, a DHCP lease renewal, a table of xcatd")
        self.prober.start()
        try:
            self.prober.wait_all_good(30)
            self.show.say("all three services answer at the service address")
            yield
        finally:
            self.prober.stop()

    def database_test(self) -> None:
        """Define a node, move, delete it there, move back: R 5.1.9, by the one command."""
        show = self.show
        show.step("A node is defined on mn1", "the database test of the requirement, 5.1.9")
        self._xcat(self.mn1, "mkdef", "-t", "node", TESTNODE, *TESTNODE_WORDS)
        before = self._xcat(self.mn1, "lsdef", TESTNODE)
        missing = [word for word in TESTNODE_WORDS if word not in before]
        if missing:
            raise NotSeen(f"On mn1 lsdef {TESTNODE} does not show {', '.join(missing)}.")
        self.move(self.mn1, self.mn2)
        show.step("The node is there on mn2", "nothing that was told as done is lost")
        after = self._xcat(self.mn2, "lsdef", TESTNODE)
        if after != before:
            raise NotSeen(f"{TESTNODE} on mn2 is not what it was on mn1:\n{before}\nnow:\n{after}")
        show.say("its attributes are equal; now it is deleted on mn2")
        self._xcat(self.mn2, "rmdef", "-t", "node", TESTNODE)
        self._expect_gone(self.mn2)
        show.step("mn1 becomes the standby", "a move back is refused until it has all the data")
        self.wait_standby(self.mn1, self.mn2)
        self.move(self.mn2, self.mn1)
        show.step("The node is gone on mn1")
        self._expect_gone(self.mn1)
        self._expect_clean()

    def move(self, source: Node, target: Node) -> Timeline:
        """Type the documented command on the active node; return what then happened."""
        words = ["pcs", "resource", "move", GROUP, target.name]
        self.show.step(f"The failover: {source.name} to {target.name}", "crm_mon before:")
        before = crm_mon(target)
        self.show.output(before)
        self.show.command(source.name, words)
        typed = time.time()
        said = self._move(source, target, words, typed, before)
        returned = time.time()
        self.show.output(said)
        self.show.say(f"the command returned after {returned - typed:.1f} s; crm_mon after:")
        self.show.output(crm_mon(target))
        if provision.active_node(self.lab, target.name) != target.name:
            raise NotSeen(f"The move was done, but not every part of the role is on {target.name}.")
        self.prober.wait_all_good(60)
        time.sleep(TIMEOUT + INTERVAL)  # every question that was open is decided then
        found = self._timeline(" ".join(words), source.name, target.name, typed, returned)
        self.timelines.append(found)
        self._judge(found)
        return found

    def _move(
        self, source: Node, target: Node, words: Sequence[str], typed: float, before: str
    ) -> str:
        """Run the command while the cluster is watched; return what it printed."""
        process = source.popen(words)
        try:
            with self.show.live(before) as frame:
                while process.poll() is None:
                    if time.time() - typed > _MOVE_SECONDS:
                        raise NotSeen(f"'{' '.join(words)}' did not end in {_MOVE_SECONDS:.0f} s.")
                    self._show_now(frame, target, typed)
                    time.sleep(_REFRESH_SECONDS)
                self._show_now(frame, target, typed)
            out, err = process.communicate(timeout=5)
        finally:
            with contextlib.suppress(ProcessLookupError):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
        said = (out + err).strip()
        if process.returncode != 0:
            raise NotSeen(f"'{' '.join(words)}' was refused or failed: {said}")
        return said

    def wait_standby(self, node: Node, viewer: Node) -> None:
        """Wait until `node` may take over, and tell in words what it waits for."""
        began = time.monotonic()
        told = ""

        def ready() -> bool:
            nonlocal told
            words = attributes(viewer, node.name)
            state, limit = words.get("xcat-db", "not known yet"), words.get("xcat-db-limit", "")
            sentence = f"{node.name}: its database is {state}{f' ({limit})' if limit else ''}"
            if sentence != told:
                self.show.say(f"{sentence}, {time.monotonic() - began:.1f} s")
                told = sentence
            return state == "standby" and _may_promote(words) and not limit

        wait_for(ready, _READY_SECONDS, _REFRESH_SECONDS, f"{node.name} to be a ready standby")
        waited = time.monotonic() - began
        self.show.say(f"{node.name} is a ready standby ({waited:.1f} s of waiting)")

    # -- what the steps are made of ---------------------------------------------------------------

    def _typed(self, node: Node, words: Sequence[str], timeout: float = 60) -> str:
        self.show.command(node.name, words)
        done = node.run(words, timeout=timeout)
        said = (done.stdout + done.stderr).strip()
        self.show.output(said)
        return said

    def _xcat(self, node: Node, command: str, *words: str) -> str:
        """Run a command of xCAT and return what it prints; its exit code must be 0."""
        folder = "sbin" if command.startswith("make") else "bin"
        self.show.command(node.name, [command, *words])
        done = node.run([f"/opt/xcat/{folder}/{command}", *words])
        self.show.output(done.stdout.strip())
        return done.stdout.strip()

    def _active(self, viewer: Node) -> bool:
        return provision.active_node(self.lab, viewer.name) == viewer.name

    def _watch(self, condition: Callable[[], bool], what: str) -> None:
        """Show the cluster until a condition holds, or raise with its last state."""
        began = time.time()
        with self.show.live() as frame:
            while not condition():
                if time.time() - began > _SETUP_SECONDS:
                    shown = crm_mon(self.mn1)
                    raise NotSeen(f"Waited {_SETUP_SECONDS:.0f} s in vain for {what}:\n{shown}")
                self._show_now(frame, self.mn1, began)
                time.sleep(_REFRESH_SECONDS)
            self._show_now(frame, self.mn1, began)

    def _show_now(self, frame: Frame, viewer: Node, since: float) -> None:
        now = time.time()
        silent = None
        if self.prober.asking:
            silent = {name: now - last for name, last in self.prober.silent_since().items()}
        frame(crm_mon(viewer), now - since, silent)

    def _expect_gone(self, node: Node) -> None:
        listed = self._xcat(node, "nodels").split()
        if TESTNODE in listed or "cn1" not in listed:
            raise NotSeen(f"nodels on {node.name} was to show cn1 and no {TESTNODE}: {listed}.")
        self.show.say(f"{TESTNODE} is gone on {node.name}")

    def _expect_clean(self) -> None:
        """No constraint of the moves stays, or the role could not move freely any more."""
        left = self.mn1.run(["cibadmin", "-Q", "-o", "constraints"]).stdout
        if "cli-prefer" in left or "cli-ban" in left:
            raise NotSeen("A constraint of 'pcs resource move' was left in the cluster.")

    def _timeline(
        self, command: str, source: str, target: str, typed: float, returned: float
    ) -> Timeline:
        until = time.time()
        journal: list[str] = []
        read = ["journalctl", "-o", "json", "--no-pager", "-t", "pacemaker-controld"]
        for name in (source, target):
            text = self.lab.node(name).run([*read, f"--since=@{int(typed) - 1}"]).stdout
            journal += text.splitlines()
        status = self.lab.node(target).run(["cibadmin", "-Q", "-o", "status"]).stdout
        done = timeline.operations(journal, typed, until)
        answers = self.prober.answers()
        return Timeline(
            command,
            source,
            target,
            typed,
            returned,
            timeline.refine(done, ElementTree.fromstring(status)),
            timeline.outages(answers, typed, until),
            [answer for answer in answers if typed - 2 <= answer.done <= until],
        )

    def _judge(self, found: Timeline) -> None:
        """Raise NotSeen unless all parts moved, in order and without a failure, and all answer."""
        problem = next(complaints(found), "")
        if problem:
            raise NotSeen(problem)


def crm_mon(node: Node) -> str:
    """Return what crm_mon shows of nodes, resources, attributes and failures, for a narrow page."""
    shown = node.run(_CRM_MON, check=False, timeout=20).stdout
    lines = [re.sub(r"(?<=\S)\s+", " ", line).rstrip() for line in shown.splitlines()]
    kept = [line for line in lines if not line.startswith("Status of pacemakerd")]
    return "\n".join(kept).strip()


def attributes(viewer: Node, name: str) -> dict[str, str]:
    """Return the node attributes of node `name`, as `viewer` sees them."""
    status = cluster.crm_mon(viewer)
    if status is None:
        return {}
    found = status.iterfind(f"node_attributes/node[@name='{name}']/attribute")
    return {one.get("name", ""): one.get("value", "") for one in found}


def _may_promote(words: dict[str, str]) -> bool:
    score = words.get("master-xcat-db", "-INFINITY")
    return score == "INFINITY" or (score.lstrip("+").isdigit() and int(score) > 0)
