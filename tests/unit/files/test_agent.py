"""xcat-filesync as Pacemaker calls it, with a real process, sshd and rsync below it.

The cluster's attributes are a stand-in; the other node is a directory behind a real sshd.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from two_nodes import wait_for
from xcat_hamn.agents import filesync, filesync_change, filesync_parts
from xcat_hamn.files import epoch, readiness, recency
from xcat_hamn.files.epoch import Epoch
from xcat_hamn.files.places import Places
from xcat_hamn.files.promotion import become_source
from xcat_hamn.files.resident import glance
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.ocf import context, dispatch


class Cluster:
    """A stand-in for the cluster's attributes, as the agent of one node sees them."""

    def __init__(self):
        self.shown, self.scores, self.others = {}, [], {"mn2": "0 -"}

    def publish(self, name, value, node=""):
        self.shown[name] = value
        return True

    def score(self, value):
        self.scores.append(value)
        return True

    def share(self, name, value, node=""):
        self.shown[f"private {name}"] = value
        return True

    def shared(self, name, node):
        return self.others.get(node)

    def shared_by_all(self, name):
        found = dict(self.others)
        if f"private {name}" in self.shown:
            found["mn1"] = self.shown[f"private {name}"]
        return found


class Agent:
    """The agent of mn1; each call is a new one, as Pacemaker's are."""

    def __init__(self, pair, monkeypatch, capfd):
        self.pair = pair
        self.under = str(pair.source.under)
        self.cluster = Cluster()
        self.where = Whereabouts("xcat-files", self.under)
        self._capfd = capfd
        monkeypatch.setattr(filesync_parts, "UNDER", self.under)
        monkeypatch.setattr(context, "RUN_DIRECTORY", f"{self.under}/run/xcat-hamn")
        monkeypatch.setattr(context, "DURABLE_DIRECTORY", f"{self.under}/var/lib/xcat-hamn")
        monkeypatch.setattr(dispatch, "Attributes", lambda *_: self.cluster)
        monkeypatch.setattr(readiness, "problems", lambda *_, **__: self.lacks)
        monkeypatch.setattr(filesync_change, "incomplete", lambda *_: self.incomplete)
        self.lacks, self.incomplete = [], []
        self.parameters = {
            "nodes": "mn1=127.0.0.1 mn2=127.0.0.1",
            "port": str(pair.server.port),
        }

    def act(self, action, *, probe=False, **parameters):
        environment = {
            "OCF_RESOURCE_INSTANCE": "xcat-files",
            "OCF_RESKEY_CRM_meta_timeout": "60000",
            "OCF_RESKEY_CRM_meta_on_node": "mn1",
            "OCF_RESKEY_CRM_meta_interval": "0" if probe or action != "monitor" else "10000",
            **{f"OCF_RESKEY_{k}": v for k, v in {**self.parameters, **parameters}.items()},
        }
        try:
            return dispatch.run(filesync.AGENT, ["xcat-filesync", action], environment)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

    @property
    def word(self):
        return self.cluster.shown.get("xcat-files")

    @property
    def limit(self):
        return self.cluster.shown.get("xcat-files-limit", "")

    def reason(self):
        return self._capfd.readouterr().err.removeprefix("ocf-exit-reason:").strip()

    def fresh(self):
        seen = glance.look(self.where)
        return bool(seen.entries) and all(entry.word == "fresh" for entry in seen.entries)


@pytest.fixture
def agent(pair, monkeypatch, capfd):
    for name in ("install/a", "etc/xcat/ca/x", "etc/xcat/cert/y", "home/.xcat/z"):
        pair.source.write(name)
    pair.source.write("etc/hosts", "127.0.0.1 localhost\n10.11.0.101 cn1\n")
    for name in ("install", "etc/xcat", "home/.ssh"):
        (pair.replica.tree / name).mkdir(parents=True)
    pair.replica.write("etc/hosts")
    made = Agent(pair, monkeypatch, capfd)
    try:
        yield made
    finally:
        made.act("stop")


def test_a_life(agent, pair):
    assert agent.act("monitor", probe=True) == 7
    assert agent.act("start") == 0
    assert agent.cluster.scores[-1] == "10"
    assert agent.act("monitor") == 0
    assert agent.word == "replica-empty"
    assert agent.act("promote") == 0
    assert agent.act("monitor") == 8
    assert epoch.read(pair.replica.places.epoch) == epoch.read(pair.source.places.epoch)
    wait_for(agent.fresh, "every set is on the other node")
    assert agent.act("monitor") == 8
    assert (agent.word, agent.limit) == ("source", "")
    pair.source.write("install/in the last second")
    assert agent.act("demote") == 0
    assert pair.replica.path("install/in the last second").exists()
    assert glance.alive(agent.where) == 0
    assert agent.act("monitor") == 0
    assert (agent.word, agent.limit) == ("replica", "")
    assert agent.act("stop") == 0
    assert agent.cluster.scores[-1] == ""
    assert agent.word == "stopped"
    assert agent.act("monitor", probe=True) == 7
    assert agent.act("stop") == 0


def test_a_process_that_died_is_started_again_in_place(agent, pair):
    agent.act("start")
    agent.act("promote")
    wait_for(agent.fresh, "fresh")
    before = epoch.read(pair.source.places.epoch)
    first = glance.alive(agent.where)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    pair.source.write("install/while nobody looked")
    assert agent.act("monitor") == 8
    assert glance.alive(agent.where) not in (0, first)
    assert epoch.read(pair.source.places.epoch) == before
    wait_for(pair.replica.path("install/while nobody looked").exists, "copied")


def test_a_process_that_cannot_be_started_degrades_and_fails_nothing(agent, monkeypatch):
    agent.act("start")
    monkeypatch.setattr("xcat_hamn.files.resident.supervision.program", lambda: "/bin/false")
    assert agent.act("promote") == 0
    assert agent.act("monitor") == 191
    assert "does not start" in agent.reason()
    assert agent.word == "source-stopped"
    assert agent.act("monitor", report_degraded="no") == 8
    assert agent.act("demote") == 0
    assert agent.act("monitor") == 0
    assert "/bin/false" not in agent.limit


def test_two_sources(agent, pair):
    agent.act("start")
    agent.act("promote")
    wait_for(agent.fresh, "fresh")
    become_source(pair.replica.places, "mn2", Epoch(7, "mn2"))
    agent.cluster.others["mn2"] = "8 mn2"
    pair.source.write("install/older", "from the older source")
    wait_for(lambda: agent.act("monitor") == 191, "the older source says so")
    assert agent.word == "source-refused"
    assert "mn2 is the source since epoch 8" in agent.limit
    assert not pair.replica.path("install/older").exists()
    # A promotion goes beyond whatever the cluster has seen.
    assert agent.act("demote") == 0
    assert agent.act("promote") == 0
    assert epoch.read(pair.source.places.epoch) == Epoch(9, "mn1")
    wait_for(pair.replica.path("install/older").exists, "copied")


def test_a_demotion_with_the_other_node_away_is_quick_and_says_what_it_owes(agent, pair):
    agent.act("start")
    agent.act("promote")
    wait_for(agent.fresh, "fresh")
    pair.server.stop()
    agent.cluster.others.clear()
    pair.source.write("install/undelivered")
    begun = time.monotonic()
    assert agent.act("demote") == 0
    assert time.monotonic() - begun < 10
    assert agent.act("monitor") == 0
    assert "install" in agent.limit
    assert "never got" in agent.limit


def test_a_node_that_lacks_what_the_last_source_has_is_not_promoted(agent, pair):
    epoch.write(pair.source.places.epoch, Epoch(3, "mn2"))
    agent.incomplete = ["/etc/xcat/cert/server-cred.pem is missing: copy it"]
    agent.act("start")
    assert agent.act("promote") == 1
    assert "server-cred.pem is missing" in agent.reason()
    assert agent.act("monitor") == 0
    assert epoch.read(pair.source.places.epoch) == Epoch(3, "mn2")
    assert agent.act("promote", require_complete="no") == 0
    assert epoch.read(pair.source.places.epoch) == Epoch(4, "mn1")


def test_the_first_source_has_whatever_there_is(agent, pair):
    epoch.write(pair.source.places.epoch, Epoch())
    agent.incomplete = ["nothing is here"]
    agent.act("start")
    assert agent.act("promote") == 0


def test_what_a_monitor_reads_is_what_the_copy_writes(agent, pair):
    agent.act("start")
    agent.act("promote")
    wait_for(agent.fresh, "fresh")
    assert set(recency.marks(agent.under)) == {"install", "credentials", "keys", "hosts"}
    assert {node for node, _ in recency.marks(agent.under).values()} == {"mn1"}
    seen = epoch.read(Places(agent.under).epoch)
    assert recency.epoch(agent.under) == (seen.number, seen.node)
    assert recency.epoch(str(Path(agent.under, "nowhere"))) == (0, "")
