"""The cluster with engine = db2: the same order of R 8.0, with the scores that xcat-db2hadr gives.

What differs is what a lost standby means: Db2's own peer window keeps a commit from being lost, so
nobody is switched off for it.
"""

from __future__ import annotations

import pytest
from order import all_on, done, starts, takeover, where

#: The scores of agents/xcat_hamn/database/db2/rows.py.
PRIMARY, LEADING, STANDBY, GATED = "1000", "950", "900", "-INFINITY"


@pytest.fixture
def pair(paper):
    """Return a maker of Db2 pairs: mn1 holds the role, mn2 is in PEER with it."""

    def make(**site):
        cluster = paper(engine="db2", **site)
        cluster.run()
        cluster.scores(mn1=PRIMARY, mn2=STANDBY)
        cluster.run()
        return cluster

    return make


def test_first_start_of_a_pair(paper, golden):
    """The one with the role PRIMARY on disk waits, inactive, until it is promoted."""
    cluster = paper(engine="db2")
    databases = cluster.run()
    assert sorted(done(databases)) == [("start", "xcat-db", "mn1"), ("start", "xcat-db", "mn2")]
    cluster.scores(mn1=LEADING, mn2=GATED)
    role = cluster.run()
    assert done(role) == [("promote", "xcat-db", "mn1"), *starts("mn1")]
    assert where(role) == all_on("mn1")
    assert done(cluster.run()) == []
    golden(the_databases=databases, the_role=role)


@pytest.mark.parametrize("failover", ["manual", "automatic"])
def test_move_of_a_pair_there_and_back(pair, golden, failover):
    """A node that has been demoted is the other one's standby at once."""
    cluster = pair(failover=failover)
    cluster.prefer("mn2")
    there = cluster.run()
    assert done(there) == takeover("mn1", "mn2")
    cluster.scores(mn1=STANDBY, mn2=PRIMARY)
    assert done(cluster.run()) == []
    cluster.forget_preference()
    assert done(cluster.run()) == []
    cluster.prefer("mn1")
    back = cluster.run()
    assert done(back) == takeover("mn2", "mn1")
    golden(move_to_mn2=there, move_to_mn1=back)


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("failover", ["manual", "automatic"])
def test_lost_primary_of_a_pair(pair, golden, failover, power):
    """The fencing comes first, in which the gate asks or (automatic) does not."""
    cluster = pair(failover=failover, power=power)
    lost = cluster.run("--node-fail", "mn1")
    assert done(lost) == [
        ("fence", "(off)", "mn1"),
        ("promote", "xcat-db", "mn2"),
        *starts("mn2"),
    ]
    golden(takeover=lost)


def test_lost_primary_whose_peer_window_has_ended(pair, golden):
    """The score is the gate then; with the operator's consent it is opened again."""
    cluster = pair(power=True)
    cluster.scores(mn2=GATED)
    cluster.prefer("mn2")
    lost = cluster.run("--node-fail", "mn1")
    assert done(lost) == [("fence", "(off)", "mn1")]
    cluster.scores(mn2=STANDBY)
    consented = cluster.run()
    assert done(consented) == [("promote", "xcat-db", "mn2"), *starts("mn2")]
    golden(lost=lost, consented=consented)


@pytest.mark.parametrize("loss", ["--node-down", "--node-fail"])
def test_lost_standby_of_a_pair(pair, loss):
    """The commits that wait for the end of the peer window wait inside Db2 alone."""
    lost = pair(power=True).run(loss, "mn2")
    assert [step for step in done(lost) if step[2] == "mn1"] == []
    assert where(lost) == all_on("mn1")


def test_the_loss_of_a_standby_is_let_go_before_any_power_device(pair):
    """With Db2 a lost standby is not switched off: its first fencing level is the gate's own."""
    cib = pair(power=True).cib
    first = {
        level.get("target"): level.get("devices")
        for level in cib.iter("fencing-level")
        if level.get("index") == "1"
    }
    assert first == {"mn1": "xcat-gate-standby", "mn2": "xcat-gate-standby"}


@pytest.mark.parametrize("failover", ["manual", "automatic"])
def test_failing_primary_of_a_pair(pair, golden, failover):
    """It is recovered where it is, and promoted again; its standby is left alone."""
    recovery = pair(failover=failover).run("--op-inject", "xcat-db_monitor_5000@mn1=9")
    assert ("promote", "xcat-db", "mn2") not in done(recovery)
    assert where(recovery) == all_on("mn1")
    golden(recovery=recovery)


def test_xcatd_that_does_not_start_again_beside_a_pair(pair, golden):
    """Where the two modes differ: the role waits for a person, or moves after three failures."""
    ended = {}
    for failover, primary in (("manual", "mn1"), ("automatic", "mn2")):
        ended[failover] = pair(failover=failover).fail_start_for_good("xcat-xcatd", "mn1", 4)
        assert where(ended[failover])["primary"] == [primary]
    golden(**ended)
