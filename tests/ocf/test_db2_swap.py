"""The host's name moves under a Db2 instance that bears it: requirement 8.0, steps 3 to 5.

xcat-mnidentity and xcat-db2hadr as Pacemaker calls them, on two instances of the Db2 stand-in.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from db2_machine import HOME, SERVICE_ADDRESS, SERVICE_NAME
from db2_pair import NEEDS, Agent, die, nodes, run_pair, settle, two_nodes
from machines import wait_until

pytestmark = NEEDS
NODES = f"{HOME}/sqllib/db2nodes.cfg"


class Identity:
    """xcat-mnidentity on the node of a database."""

    def __init__(self, stage, database: Agent) -> None:
        self.machine = database.machine
        self.path = stage.agent("xcat-mnidentity")
        self.parameters = {
            "addresses": f"{SERVICE_ADDRESS}/24@eth0",
            "hostname": SERVICE_NAME,
            "db2_instance": "xcatdb",
            "duplicate_probe": "false",
            "check_facing": "false",
            "announcements": "0",
        }
        self.environ = {
            "OCF_RESOURCE_INSTANCE": "identity",
            "OCF_RESKEY_CRM_meta_timeout": "30000",
        }

    def __call__(self, action: str):
        return self.machine.act(self.path, action, self.parameters, **self.environ)

    def begin(self, action: str):
        return self.machine.begin(self.path, action, self.parameters, **self.environ)

    def ok(self, *actions: str) -> None:
        for action in actions:
            outcome = self(action)
            assert outcome.code == 0, (action, outcome)


@pytest.fixture
def both(stage) -> Iterator[tuple[Agent, Agent, Identity]]:
    """Give a primary on mn1, its standby on mn2, and the identity that mn1 may take."""
    with two_nodes(stage) as pair:
        run_pair(pair)
        yield (*pair, Identity(stage, pair[0]))


def bears(agent: Agent) -> tuple[str, str]:
    """Return the host's name, and the one by which the instance knows it."""
    return agent.machine.hostname(), agent.machine.run("cat", NODES).split()[1]


def asked_since(agent: Agent, count: int) -> list[str]:
    """Return the commands that change something, without times."""
    commands = [line.split(" ", 1)[1] for line in agent.machine.asked()[count:]]
    return [c for c in commands if not c.startswith(("db2pd", "db2level", "db2 terminate"))]


def test_database_and_instance_follow_the_name_and_come_back(both):
    one, two, identity = both
    count = len(one.machine.asked())
    identity.ok("start")
    assert asked_since(one, count) == [
        "db2 DEACTIVATE DATABASE xcatdb",
        "db2stop",
        "db2gcf -u -p 0 -i xcatdb",
        "db2 ACTIVATE DATABASE xcatdb",
    ]
    assert bears(one) == (SERVICE_NAME, SERVICE_NAME)
    settle(one, two)
    one.machine.sql("insert into nodes values ('cn2')")
    identity.ok("start", "monitor", "stop", "stop")
    assert bears(one) == ("mn1", "mn1")
    settle(one, two)
    assert one.machine.rows() == ["cn1", "cn2"]


def test_a_primary_without_standby_does_not_wait_for_one(both):
    one, two, identity = both
    two.ok("stop")
    count = len(one.machine.asked())
    identity.ok("start")
    assert asked_since(one, count)[-1] == "db2 START HADR ON DATABASE xcatdb AS PRIMARY BY FORCE"
    assert one("monitor").code == 8
    two.ok("start")
    settle(one, two)


@pytest.mark.parametrize("case", ["floating name", "another name in db2nodes.cfg"])
def test_an_instance_that_does_not_bear_the_name_is_not_touched(both, case):
    one, _, identity = both
    if case == "floating name":
        del identity.parameters["db2_instance"]
    else:
        one.machine.write(NODES, "0 localhost 0\n")
    count = len(one.machine.asked())
    identity.ok("start", "monitor", "stop")
    assert asked_since(one, count) == []
    assert one("monitor").code == 8


def test_a_monitor_that_falls_into_it_waits(both):
    one, two, identity = both
    one.machine.fault("db2gcf", "slow 3")
    count = len(one.machine.asked())
    start = identity.begin("start")
    wait_until(lambda: "db2stop" in asked_since(one, count), "the instance to be stopped")
    # One that may not wait so long says what was, and fails nothing.
    short = one("monitor", OCF_RESKEY_CRM_meta_timeout="1000")
    assert (short.code, short.seconds < 1.5, one.word) == (8, True, "primary")
    outlasting = one("monitor")
    assert (outlasting.code, one.word) == (8, "primary")
    assert start.wait(20) == 0
    settle(one, two)


def test_a_deep_monitor_whose_question_falls_into_it_fails_nothing(both):
    one, two, identity = both
    one.machine.fault("connect", "slow 1")
    one.machine.fault("db2gcf", "slow 2")
    deep = one.machine.begin(
        one.path,
        "monitor",
        one.parameters,
        OCF_CHECK_LEVEL="10",
        OCF_RESKEY_CRM_meta_timeout="30000",
        OCF_RESKEY_CRM_meta_interval="31000",
    )
    count = len(one.machine.asked())
    wait_until(lambda: "CONNECT" in " ".join(asked_since(one, count)), "its question")
    identity.ok("start")
    _, said = deep.communicate(timeout=30)
    assert (deep.returncode, said) == (8, "")
    settle(one, two)


def test_one_that_is_killed_in_the_middle_is_undone_by_the_stop(both):
    one, two, identity = both
    one.machine.fault("db2gcf", "hang")
    count = len(one.machine.asked())
    start = identity.begin("start")
    wait_until(lambda: "db2gcf" in " ".join(asked_since(one, count)), "db2gcf to hang")
    os.killpg(start.pid, signal.SIGKILL)
    start.communicate()
    # The command itself goes on, as it would behind an agent that Pacemaker kills.
    one.machine.fault("db2gcf", "")
    wait_until(lambda: bears(one) == (SERVICE_NAME, SERVICE_NAME), "db2gcf to end")
    gone = one("monitor")
    assert (gone.code, "was broken off" in gone.reason) == (7, True)
    identity.ok("stop")
    assert bears(one) == ("mn1", "mn1")
    settle(one, two)
    identity.ok("start")
    assert bears(one) == (SERVICE_NAME, SERVICE_NAME)
    settle(one, two)


def test_one_that_failed_is_finished_by_the_next_start(both):
    one, two, identity = both
    one.machine.fault("db2gcf", "refuse SQL1042C")
    failed = identity("start")
    assert (failed.code, "db2diag.log" in failed.reason) == (1, True)
    one.machine.fault("db2gcf", "")
    identity.ok("start")
    assert bears(one) == (SERVICE_NAME, SERVICE_NAME)
    settle(one, two)


def test_a_stop_gives_the_name_back_whatever_the_database_does(both):
    """Else this node would be switched off, and the name would not move."""
    one, two, identity = both
    identity.ok("start")
    one.machine.fault("deactivate", "hang")
    begun = time.monotonic()
    identity.environ["OCF_RESKEY_CRM_meta_timeout"] = "8000"
    identity.ok("stop")
    assert time.monotonic() - begun < 8
    assert one.machine.hostname() == "mn1"
    one.machine.fault("deactivate", "")
    one.ok("stop", "start")
    one.ok("promote")
    settle(one, two)


def test_a_lone_primary_is_not_forced_after_a_break(both):
    """Somebody may have taken over meanwhile: the cluster decides anew."""
    one, two, identity = both
    two.ok("stop")
    one.machine.fault("db2gcf", "refuse SQL1042C")
    assert identity("start").code == 1
    one.machine.fault("db2gcf", "")
    count = len(one.machine.asked())
    identity.ok("stop")
    assert asked_since(one, count) == ["db2gcf -u -p 0 -i xcatdb"]
    assert one("monitor").code == 7
    two.ok("start")
    one.ok("stop", "start", "promote")
    settle(one, two)


def test_a_host_that_lost_its_power_while_it_bore_the_name(both):
    one, two, identity = both
    identity.ok("start")
    die(one)
    one.machine.run("hostname", "mn1")
    one.machine.run("ip", "address", "del", f"{SERVICE_ADDRESS}/24", "dev", "eth0")
    one.machine.run("rm", "-rf", "/run/xcat-hamn")
    nodes(two, "false", "false")
    two.machine.wait_state("STANDBY/DISCONNECTED_PEER/DISCONNECTED")
    two.ok("promote")
    assert two("monitor").code == 8
    nodes(two, "true", "false")
    one.ok("start")
    assert bears(one) == ("mn1", "mn1")
    settle(two, one)


def test_validate_all_refuses_what_it_cannot_take_along(both):
    one, _, identity = both
    identity.environ["OCF_CHECK_LEVEL"] = "10"
    assert identity("validate-all").code == 0
    one.machine.write(NODES, "0 mn1 0\n1 mn1 1\n")
    refused = identity("validate-all")
    assert (refused.code, "has 2 members" in refused.reason) == (2, True)
    one.machine.write(NODES, "0 mn1 0\n")
    for name, code, said in (("daemon", 5, "db2icrt"), ("nobody2", 5, 'no user "nobody2"')):
        identity.parameters["db2_instance"] = name
        refused = identity("validate-all")
        assert (refused.code, said in refused.reason) == (code, True)
    identity.parameters.update(db2_instance="xcatdb", hostname="")
    refused = identity("validate-all")
    assert (refused.code, "no name moves" in refused.reason) == (2, True)
