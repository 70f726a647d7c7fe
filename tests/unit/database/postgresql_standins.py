"""Stand-ins for a server and for the cluster's attributes, which keep the order of what was done.

``World.events`` is one list for all nodes, so that a test can ask what came before what.
"""

from __future__ import annotations

from xcat_hamn import errors
from xcat_hamn.cluster import fate, vocabulary
from xcat_hamn.database.postgresql.claim import Claim
from xcat_hamn.database.postgresql.client import ServerState, Standby, standby_names
from xcat_hamn.database.postgresql.promise import Promises
from xcat_hamn.database.postgresql.publication import Publication
from xcat_hamn.database.postgresql.supervision import Supervision
from xcat_hamn.system.deadline import Deadline

NODES = ("mn1", "mn2")


class StandInLog:
    def __init__(self):
        self.lines = []

    def info(self, message):
        self.lines.append(message)

    warning = error = info


class StandInAttributes:
    """What one node's agent says to the cluster; ``shown`` is the cluster's common knowledge."""

    def __init__(self, world, node):
        self._world, self._node = world, node

    def _set(self, kind, name, value, node):
        if not self._world.cluster_answers:
            return False
        if kind == "publish":
            words = vocabulary.VOCABULARY[name][2]
            assert not value or not words or value in words, value
        node = node or self._node
        self._world.events.append((kind, name, value, node))
        key = (name, node)
        if key in self._world.stubborn:
            return True
        self._world.shown.pop(key, None)
        if value:
            self._world.shown[key] = value
        return True

    def publish(self, name, value, node=""):
        return self._set("publish", name, value, node)

    def share(self, name, value, node=""):
        return self._set("share", name, value, node)

    def score(self, value):
        return self._set("score", "score", value, "")

    def _get(self, name, node):
        if not self._world.cluster_answers:
            raise errors.CommandFailed("the cluster does not answer: start it")
        return self._world.shown.get((name, node))

    published = shared = _get

    def shared_by_all(self, name):
        return {node: found for node in NODES if (found := self._get(name, node))}

    def forget(self):
        self._world.events.append(("forget", "", "", self._node))


class StandInClient:
    """A server: its state and its standbys are what the test set."""

    def __init__(self, world):
        self._world = world
        self.state = ServerState(True, 1000, 1, "", "")
        self.attached = []
        self.system = "7000"
        #: Polls of the standbys after which one that is waited for reports all as flushed.
        self.lag = 0
        #: Tells one connection of the standbys from the next.
        self.session = "1"
        self.idle = True
        self.exempt = []

    def checkpointer_is_idle(self):
        return self.idle

    def exempted(self):
        return self.exempt

    def last_commit(self):
        return 1700000000

    def ask(self, statement, values=()):
        assert "system_identifier" in statement
        return [(self.system,)]

    def server_state(self):
        return self.state

    def standbys(self):
        names = self.state.synchronous_names
        self.lag -= 1
        flushed = self.state.position if self.lag < 0 else 0
        return [
            Standby(
                name,
                "streaming",
                "sync" if f'"{name}"' in names else "async",
                flushed,
                self.session,
            )
            for name in self.attached
        ]

    def set_synchronous(self, names):
        self._world.events.append(("synchronous", "", names, ""))
        self.state.synchronous_names = names


class RecordedClaim(Claim):
    """A real claim file whose writes are events too."""

    def __init__(self, world, directory):
        super().__init__(directory)
        self._world = world

    def write(self, claim, timeline=0):
        super().write(claim, timeline)
        self._world.events.append(("claim", "", claim, str(timeline)))


class StandInFate:
    def __init__(self, world):
        self._world = world

    def is_proven_down(self, node):
        if not self._world.cluster_answers:
            raise errors.CommandFailed("the cluster does not answer: start it")
        return node in self._world.down

    def of(self, node):
        return fate.DOWN if self.is_proven_down(node) else fate.LOST


class StandInLineage:
    """``said``: how this node's log has parted from the primary's."""

    def __init__(self):
        self.said = ""
        self.asked = []

    def divergence(self, peer, state):
        self.asked.append((peer, state.position))
        return self.said


class StandInNode:
    """All parts of one node's agent."""

    def __init__(self, world, directory, name):
        peers = [other for other in NODES if other != name]
        self.log = StandInLog()
        self.attributes = StandInAttributes(world, name)
        self.client = StandInClient(world)
        self.claim = RecordedClaim(world, f"{directory}/{name}")
        self.deadline = Deadline(2.0)
        self.peers = peers
        self.promises = Promises(
            self.attributes,
            StandInFate(world),
            name,
            run_directory=f"{directory}/{name}/run",
            durable_directory=f"{directory}/{name}/durable",
        )
        self.lineage = StandInLineage()
        self.publication = Publication(
            self.attributes,
            self.claim,
            self.client,
            self.deadline,
            self.log,
            self.promises,
            self.lineage,
            name,
            peers,
        )
        self.owed = []

    def keep(self, synchronous=True, patience=0.0, promising=False):
        keeper = Supervision(
            self.client,
            self.attributes,
            self.claim,
            self.promises.pledge,
            self.deadline,
            self.log,
            self.peers,
            promising=promising,
        )
        ready = keeper.keep(self.client.state, synchronous, patience)
        self.owed = keeper.owed
        return ready

    def primary(self, *standbys, waits=False):
        """Make this server a primary with `standbys` attached."""
        names = standby_names(standbys) if waits else ""
        self.client.state = ServerState(False, 5000, 3, "", names)
        self.client.attached = list(standbys)
        return self


class World:
    """Two nodes and what both know."""

    def __init__(self, directory):
        self.events = []
        self.shown = {}
        self.stubborn = set()
        self.down = set()
        self.cluster_answers = True
        self.mn1, self.mn2 = (StandInNode(self, directory, name) for name in NODES)

    def happened(self, *wanted):
        """Return the place in ``events`` of the first event that starts with `wanted`."""
        for place, event in enumerate(self.events):
            if event[: len(wanted)] == wanted:
                return place
        raise AssertionError(f"{wanted} is not among {self.events}")
