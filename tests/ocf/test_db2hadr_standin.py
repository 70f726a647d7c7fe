"""xcat-db2hadr on two instances of the Db2 stand-in, action by action as Pacemaker calls them.

No real Db2 is run here: see tests/lab/db2/README.md for what the stand-in keeps of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from db2_machine import HOME, SCALE, WINDOW
from db2_pair import NEEDS, Agent, die, nodes, run_pair, settle, two_nodes
from machines import wait_until
from tester import needs_tester, ocf_tester

pytestmark = NEEDS


@pytest.fixture
def pair(stage, request: pytest.FixtureRequest) -> Iterator[tuple[Agent, Agent]]:
    """Give two nodes with roles PRIMARY and STANDBY on disk, whose instances are stopped."""
    with two_nodes(stage, *getattr(request, "param", ())) as made:
        yield made


@pytest.fixture
def running(pair: tuple[Agent, Agent]) -> tuple[Agent, Agent]:
    """Give a primary on mn1 and its standby in PEER on mn2."""
    run_pair(pair)
    return pair


def test_the_life_of_a_pair(running):
    one, two = running
    assert two.machine.score == "900"
    one.machine.sql("insert into nodes values ('cn2')")
    # A planned move: demote here, promote there.
    one.ok("demote", "demote")
    assert one.machine.state().startswith("STANDBY/")
    assert one("monitor").code == 0
    two.ok("promote", "promote")
    settle(two, one)
    assert two.machine.rows() == ["cn1", "cn2"]
    # And back.
    two.ok("demote")
    one.ok("promote")
    settle(one, two)
    assert one.machine.rows() == ["cn1", "cn2"]
    for agent in (two, one):
        agent.ok("stop", "stop")
        assert agent.probe().code == 7


@pytest.mark.parametrize(
    "pair",
    [("9.7", "NEARSYNC"), ("10.1", "SYNC"), ("11.5", "ASYNC")],
    ids=lambda value: "-".join(value),
    indirect=True,
)
def test_every_layout_and_mode_hands_the_role_over(running):
    one, two = running
    one.machine.sql("insert into nodes values ('cn2')")
    one.ok("demote")
    two.ok("promote")
    settle(two, one)
    assert two.machine.rows() == ["cn1", "cn2"]


def test_a_stopped_standby_does_not_hold_the_primary_up(running):
    """It is deactivated first, so that the primary does not wait for the peer window."""
    one, two = running
    two.ok("stop")
    begun = time.monotonic()
    one.machine.sql("insert into nodes values ('cn2')")
    assert time.monotonic() - begun < WINDOW * SCALE / 2
    assert one("monitor").code == 8
    assert one.word == "primary-alone"
    two.ok("start")
    settle(one, two)


def test_a_dead_primary_is_taken_over_inside_its_window(running):
    one, two = running
    die(one)
    nodes(two, "false", "true")
    two("monitor")
    refused = two("promote", OCF_RESKEY_CRM_meta_timeout="3000")
    assert refused.code == 1
    assert "mn1 was lost" in refused.reason
    nodes(two, "false", "false")
    two.ok("promote")
    assert two("monitor").code == 8
    assert "PEER WINDOW ONLY" in "".join(two.machine.asked())
    # It comes back as the standby.
    nodes(two, "true", "false")
    one.ok("start")
    assert one.machine.state().startswith("STANDBY/")
    settle(two, one)


def test_a_primary_that_died_inside_its_window_is_taken_over_after_it(running):
    one, two = running
    die(one)
    nodes(two, "false", "false")
    two.machine.wait_state("STANDBY/DISCONNECTED_PEER/DISCONNECTED")
    assert two("monitor").code == 0
    two.machine.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    two.ok("promote")
    assert "BY FORCE" in two.machine.asked()[-3] + two.machine.asked()[-2]
    assert two("monitor").code == 8


def test_a_primary_proven_dead_too_late_is_not_taken_over(running):
    one, two = running
    die(one)
    nodes(two, "false", "true")
    two.machine.wait_state("STANDBY/DISCONNECTED_PEER/DISCONNECTED")
    two("monitor")
    two.machine.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    nodes(two, "false", "false")
    assert two("monitor").code == 0
    assert two.machine.score == "-INFINITY"
    assert "xcat-hamn takeover mn2" in two.limit
    refused = two("promote", OCF_RESKEY_CRM_meta_timeout="3000")
    assert (refused.code, two.machine.state()[:8]) == (1, "STANDBY/")
    # The operator accepts the loss of what is not here.
    end = two.machine.shown("tested-end").split()
    (two.machine.store / "tested-consent@mn2").write_text(" ".join(end[:2]))
    two.ok("promote")
    assert two("monitor").code == 8


def test_a_primary_whose_instance_died_is_the_primary_again(running):
    one, two = running
    one.machine.crash()
    gone = one("monitor")
    assert (gone.code, one.word) == (7, "stopped")
    assert two("monitor").code == 0
    assert two.machine.score == "-INFINITY"
    one.ok("stop", "start")
    assert one.machine.score == "950"
    one.ok("promote")
    settle(one, two)


def test_a_diverged_former_primary_says_so_once(running):
    one, two = running
    two.ok("stop")
    one.machine.sql("insert into nodes values ('cn8')")
    die(one)
    two.machine.owner("db2start")
    two.machine.db2("activate db xcatdb")
    two.machine.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    two.machine.db2("takeover hadr on db xcatdb by force")
    two.ok("stop")
    two.machine.owner("db2start")
    two.machine.db2("start hadr on db xcatdb as primary by force")
    assert two("monitor").code == 8
    outcome = one("start")
    assert outcome.code == 2
    assert "`xcat-hamn rejoin mn1` restores it" in outcome.reason
    one.ok("stop")
    assert (one.word, "rejoin" in one.limit) == ("diverged", True)


def test_db2pd_that_hangs_or_prints_garbage_is_no_role(running):
    one, _ = running
    for fault in ("hang", "garbage"):
        one.machine.fault("db2pd", fault)
        outcome = one("monitor", OCF_RESKEY_CRM_meta_timeout="3000")
        assert outcome.code == 1, fault
        assert outcome.reason
    one.machine.fault("db2pd", "")
    assert one("monitor").code == 8


def test_a_database_that_applications_hold_is_demoted_all_the_same(running):
    one, two = running
    script = f"{HOME}/sqllib/bin/db2 connect to xcatdb; sleep 60"
    prefix = ["setpriv", "--reuid=xcatdb", "--regid=xcatdb", "--clear-groups", "--"]
    import subprocess

    client = subprocess.Popen(one.machine.enter(*prefix, "sh", "-c", script))
    try:
        wait_until(
            lambda: "XCATDB" in one.machine.owner("db2", "list applications", check=False), "client"
        )
        one.ok("demote")
        two.ok("promote")
    finally:
        client.kill()
        client.wait()


def test_what_is_wrong_is_refused(pair):
    one, _ = pair
    one.parameters["instance"] = "nobody2"
    assert one("start").code == 5
    one.parameters["instance"] = "no such"
    assert one("start").code == 6
    one.parameters.update(instance="xcatdb", database="other")
    assert one("start").code == 1
    one.parameters.update(database="xcatdb", nodes="mn9=10.11.0.19")
    assert one("start").code == 2


def test_validate_all(pair):
    one, _ = pair
    assert one("validate-all", OCF_CHECK_LEVEL="10").code == 0
    one.machine.owner("db2set", "DB2AUTOSTART=YES")
    refused = one("validate-all", OCF_CHECK_LEVEL="10")
    assert (refused.code, "db2iauto -off" in refused.reason) == (2, True)


@needs_tester
def test_ocf_tester_passes(pair):
    """Its partner runs as a standby, and its monitor goes on as in a cluster."""
    one, two = pair
    two.ok("start")
    over = threading.Event()

    def keep_monitoring() -> None:
        while not over.wait(1):
            two("monitor")

    thread = threading.Thread(target=keep_monitoring)
    thread.start()
    try:
        code, output = ocf_tester(one.machine, one.path, one.parameters)
    finally:
        over.set()
        thread.join()
    assert code == 0, output
    assert "passed all tests" in output
