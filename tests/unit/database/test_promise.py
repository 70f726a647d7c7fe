"""A primary's promise: above all that nobody acts on one that has been broken."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from postgresql_standins import World
from xcat_hamn.database.postgresql import promise
from xcat_hamn.database.postgresql.client import ServerState


def told(world, node="mn2"):
    return world.shown.get((promise.PROMISE, node))


def test_a_standby_is_promised_after_the_promise_is_on_disk(world):
    mn1 = world.mn1.primary("mn2")
    assert mn1.keep(promising=True) == ["mn2"]
    token, holders = mn1.promises.pledge.read()
    assert holders == ["mn2"] and told(world) == f"kept {token}"
    assert world.mn2.promises.right.look() == promise.KEPT


def test_commits_wait_for_a_promised_standby_that_was_lost(world):
    mn1 = world.mn1.primary("mn2")
    mn1.keep(promising=True)
    waits = mn1.client.state.synchronous_names
    mn1.client.attached = []
    assert mn1.keep(promising=True) == []
    assert mn1.owed == ["mn2"]
    assert mn1.client.state.synchronous_names == waits != ""


def test_they_stop_waiting_when_it_is_proven_down(world):
    mn1 = world.mn1.primary("mn2")
    mn1.keep(promising=True)
    mn1.client.attached = []
    world.down.add("mn2")
    assert mn1.keep(promising=True) == [] and mn1.owed == []
    assert mn1.client.state.synchronous_names == ""
    assert mn1.promises.pledge.read() == ("", [])


def test_a_cluster_that_does_not_answer_proves_nothing(world):
    mn1 = world.mn1.primary("mn2")
    mn1.keep(promising=True)
    mn1.client.attached = []
    world.down.add("mn2")
    world.cluster_answers = False
    assert mn1.keep(promising=True) == [] and mn1.owed == ["mn2"]


def test_a_standby_that_stops_lets_the_primary_go_on(world):
    mn1 = world.mn1.primary("mn2")
    mn1.keep(promising=True)
    world.mn2.promises.right.look()
    world.shown[(promise.PROMISE, "mn1")] = promise.GIVER
    world.mn2.promises.right.release()
    assert world.mn2.promises.right.look() == "", "what was given up is not taken again"
    mn1.client.attached = []
    assert mn1.keep(promising=True) == [] and mn1.owed == []


def test_a_standby_whose_primary_is_lost_keeps_its_right_over_a_restart(world):
    """A refused promotion restarts it, and it could not take over without loss any more."""
    world.mn1.primary("mn2").keep(promising=True)
    world.mn2.promises.right.look()
    world.mn2.promises.right.release()
    assert world.mn2.promises.right.look() == promise.KEPT


def test_a_standby_that_lives_is_asked_for_the_promise_and_gives_it_up(world):
    mn1 = world.mn1.primary("mn2")
    mn1.keep(promising=True)
    world.mn2.promises.right.look()
    mn1.client.attached = []
    mn1.keep(promising=True)
    assert mn1.owed == ["mn2"]
    assert world.mn2.promises.right.look() == ""
    mn1.keep(promising=True)
    assert mn1.owed == []


def test_a_new_connection_is_a_new_promise(world):
    """What the old one was worth is not known: the standby may have given it up meanwhile."""
    mn1 = world.mn1.primary("mn2")
    mn1.keep(promising=True)
    first = told(world)
    mn1.keep(promising=True)
    assert told(world) == first
    mn1.client.session = "2"
    mn1.keep(promising=True)
    assert told(world) != first
    assert world.mn2.promises.right.look() == promise.KEPT


def test_nobody_is_promised_anything_while_some_sessions_do_not_wait(world):
    mn1 = world.mn1.primary("mn2")
    mn1.client.exempt = ["xcatadm"]
    assert mn1.keep(promising=True) == []
    assert "xcatadm" in " ".join(mn1.log.lines)


def test_nobody_is_promised_anything_before_commits_wait(world):
    mn1 = world.mn1.primary("mn2")
    mn1.client.idle = False
    assert mn1.keep(promising=True) == []
    assert told(world) is None


def test_a_confirmed_timeline_outlives_the_primary_but_not_the_server(world):
    """The control file is one restartpoint behind."""
    promises = world.mn2.promises
    promises.note_timeline(ServerState(True, 10, 9, "streaming", "", "run 1"))
    left = ServerState(True, 10, 8, "", "", "run 1")
    promises.correct_timeline(left)
    assert left.timeline == 9
    restarted = ServerState(True, 10, 8, "", "", "run 2")
    promises.correct_timeline(restarted)
    assert restarted.timeline == 8


class Partition:
    """The common knowledge of two nodes, of which each has its own once they are cut apart."""

    def __init__(self, world):
        self.views = {"mn1": {}, "mn2": {}}
        self.joined = True
        for node in (world.mn1, world.mn2):
            name = next(iter({"mn1", "mn2"} - set(node.peers)))
            node.attributes._set = self._setter(name)
            get = self._getter(name)
            node.attributes.published = node.attributes.shared = node.attributes._get = get

    def _setter(self, writer):
        def put(kind, name, value, node):
            for reader in ("mn1", "mn2") if self.joined else (writer,):
                view = self.views[reader]
                view.pop((name, node or writer), None)
                if value:
                    view[(name, node or writer)] = value
            return True

        return put

    def _getter(self, reader):
        return lambda name, node: self.views[reader].get((name, node))

    def leave(self, node):
        """Drop what a node's going takes away: everything that belongs to it."""
        for view in self.views.values():
            for key in [key for key in view if key[1] == node]:
                del view[key]

    def cut(self):
        self.joined = False
        for reader, lost in (("mn1", "mn2"), ("mn2", "mn1")):
            view = self.views[reader]
            for key in [key for key in view if key[1] == lost]:
                del view[key]

    def heal(self, choose):
        """Join the views again; which of two values wins is for the cluster to say."""
        merged = {}
        for key in {*self.views["mn1"], *self.views["mn2"]}:
            found = [v[key] for v in self.views.values() if key in v]
            merged[key] = found[choose % len(found)]
        self.views = {"mn1": dict(merged), "mn2": dict(merged)}
        self.joined = True


class TwoNodes(RuleBasedStateMachine):
    """mn1 is the primary and commits whenever it may; mn2 follows, and must never be wrong."""

    def __init__(self):
        super().__init__()
        self.directory = tempfile.mkdtemp()
        self.world = World(self.directory)
        self.net = Partition(self.world)
        self.mn1 = self.world.mn1.primary()
        self.mn2 = self.world.mn2
        self.follows, self.on, self.missing = False, True, 0
        self.connections = 0
        self.synchronous = True

    def teardown(self):
        shutil.rmtree(self.directory)

    def commit(self):
        """Commit once, if the primary may; what the standby does not have is missing there."""
        if self.mn1.client.attached:
            self.missing = 0
        elif not self.mn1.client.state.synchronous_names:
            self.missing += 1

    def connect(self):
        attached = self.follows and self.on and self.net.joined
        if attached and not self.mn1.client.attached:
            self.connections += 1
            self.mn1.client.session = str(self.connections)
        self.mn1.client.attached = ["mn2"] if attached else []

    @rule()
    def primary_looks(self):
        self.mn1.keep(self.synchronous, promising=True)
        self.mn1.attributes.share(promise.PROMISE, promise.GIVER)

    @precondition(lambda self: self.on)
    @rule()
    def standby_looks(self):
        self.mn2.promises.right.look()

    @precondition(lambda self: self.on and not self.follows)
    @rule()
    def standby_starts(self):
        self.mn2.promises.right.look()
        self.follows = True

    @precondition(lambda self: self.on and self.follows)
    @rule()
    def standby_stops(self):
        self.follows = False
        self.mn2.promises.right.release()

    @precondition(lambda self: self.on and self.follows)
    @rule()
    def standby_server_dies(self):
        self.follows = False

    @precondition(lambda self: self.net.joined)
    @rule()
    def cut(self):
        self.net.cut()

    @precondition(lambda self: not self.net.joined and self.on)
    @rule(choose=st.integers(0, 1))
    def heal(self, choose):
        self.net.heal(choose)
        self.world.down.discard("mn2")

    @precondition(lambda self: self.on)
    @rule()
    def standby_loses_power(self):
        """It is off, which nobody has proven yet."""
        self.on = self.follows = False
        self.net.joined = False
        self.net.leave("mn2")
        shutil.rmtree(f"{self.directory}/mn2/run", ignore_errors=True)

    @precondition(lambda self: not self.on)
    @rule()
    def standby_is_fenced(self):
        self.world.down.add("mn2")

    @precondition(lambda self: not self.on)
    @rule()
    def standby_boots_and_joins(self):
        self.on = True
        self.net.heal(0)
        self.world.down.discard("mn2")

    @rule()
    def primary_restarts(self):
        """Its server ended and was promoted again (``Pgsql._become_primary``)."""
        owed = self.mn1.promises.pledge.owed()
        self.mn1.publication.before_promotion(owed)
        if not owed:
            self.mn1.promises.pledge.settle()
        names = self.mn1.client.state.synchronous_names
        self.mn1.client.state.synchronous_names = names if owed else ""

    @rule()
    def switch_synchronous(self):
        self.synchronous = not self.synchronous

    @invariant()
    def nobody_takes_over_with_less_than_was_acknowledged(self):
        self.connect()
        self.commit()
        if self.on and self.would_take_over():
            assert self.missing == 0

    def would_take_over(self):
        """Ask as a promotion would, and leave everything as it was."""
        path = Path(self.directory, "mn2/run/right")
        before = path.read_text() if path.exists() else None
        views = {name: dict(view) for name, view in self.net.views.items()}
        told = self.mn2.promises.right.look()
        self.net.views = views
        if before is not None:
            path.write_text(before)
        else:
            path.unlink(missing_ok=True)
        return told == promise.KEPT


TestTwoNodes = TwoNodes.TestCase
TestTwoNodes.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
