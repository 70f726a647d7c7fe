"""What the cluster does with the configuration that we generate: the order of R 8.0, and no more.

The requirement's failover (its section 8.0): take the database over, with the old primary down
(1, 2); the identity (3 to 5); xcatd (6); DNS, DHCP, conserver (7); OS deployment (8).
"""

from __future__ import annotations

import pytest
from order import GROUP, all_on, done, starts, stops, takeover, where


def test_first_start(paper, golden):
    cluster = paper()
    databases = cluster.run()
    assert sorted(done(databases)) == [("start", "xcat-db", "mn1"), ("start", "xcat-db", "mn2")]
    cluster.scores(mn1="1000", mn2="100")
    role = cluster.run()
    assert done(role) == [("promote", "xcat-db", "mn1"), *starts("mn1")]
    assert where(role) == all_on("mn1")
    assert done(cluster.run()) == []
    golden(the_databases=databases, the_role=role)


def test_move_there(running, golden):
    cluster = running()
    cluster.prefer("mn2")
    move = cluster.run()
    assert done(move) == takeover("mn1", "mn2")
    assert where(move) == all_on("mn2")
    golden(move_to_mn2=move)


def test_move_there_leaves_the_role_when_the_constraint_is_gone(running):
    """The agents' scores have changed sides meanwhile, as they must before promote returns."""
    cluster = running()
    cluster.prefer("mn2")
    cluster.run()
    cluster.scores(mn1="100", mn2="1000")
    assert done(cluster.run()) == []
    cluster.forget_preference()
    assert done(cluster.run()) == []


def test_move_back(running, golden):
    cluster = running()
    cluster.prefer("mn2")
    cluster.run()
    cluster.scores(mn1="100", mn2="1000")
    cluster.forget_preference()
    cluster.prefer("mn1")
    back = cluster.run()
    assert done(back) == takeover("mn2", "mn1")
    assert where(back) == all_on("mn1")
    golden(move_to_mn1=back)


def test_failed_xcatd(running, golden):
    """It is recovered where it is, with what depends on it; identity and database go on."""
    recovery = running().run("--op-inject", "xcat-xcatd_monitor_10000@mn1=7")
    assert done(recovery) == [*stops("mn1")[:3], *starts("mn1")[1:]]
    assert where(recovery) == all_on("mn1")
    golden(recovery=recovery)


def test_xcatd_that_does_not_start_again(running, golden):
    """failover = manual: it stays down, and nothing else moves; the operator can still move."""
    cluster = running()
    given_up = cluster.fail_start_for_good("xcat-xcatd", "mn1", attempts=4)
    assert where(given_up) == {
        **all_on("mn1"),
        "xcat-xcatd": [],
        "xcat-netsvcs": [],
        "xcat-osdeploy": [],
    }
    assert done(cluster.copy().run()) == []
    cluster.prefer("mn2")
    move = cluster.run()
    assert where(move) == all_on("mn2")
    golden(given_up=given_up, move_to_mn2=move)


def test_xcatd_that_does_not_start_again_with_automatic_failover(running):
    cluster = running(failover="automatic")
    moved = cluster.fail_start_for_good("xcat-xcatd", "mn1", attempts=4)
    assert where(moved) == all_on("mn2")


@pytest.mark.parametrize("resource", GROUP)
@pytest.mark.parametrize("attempts", [1, 2, 3, 4, 5])
def test_no_failing_service_moves_the_role_in_manual_mode(running, resource, attempts):
    cluster = running()
    cluster.fail_start_for_good(resource, "mn1", attempts)
    assert where(cluster.run())["primary"] == ["mn1"]


@pytest.mark.parametrize("resource", GROUP[1:])
@pytest.mark.parametrize("code", [2, 4, 5])
def test_no_service_that_cannot_run_here_moves_the_role_in_manual_mode(running, resource, code):
    """These codes ban a resource from the node at once; the identity must not report them."""
    cluster = running()
    cluster.fail_start_for_good(resource, "mn1", 1, code)
    after = where(cluster.run())
    assert after["primary"] == after["xcat-mnidentity"] == ["mn1"]
    assert after[resource] == []


def test_database_that_fails_on_the_primary(running, golden):
    """It is recovered and promoted again where it is; the other node is not promoted."""
    recovery = running().run("--op-inject", "xcat-db_monitor_5000@mn1=9")
    assert ("promote", "xcat-db", "mn2") not in done(recovery)
    assert where(recovery) == all_on("mn1")
    golden(recovery=recovery)


@pytest.mark.parametrize("loss", ["--node-down", "--node-fail"])
@pytest.mark.parametrize("power", [False, True])
def test_lost_standby(running, loss, power):
    """Gracefully or not, with fencing or without: the active management node goes on untouched."""
    cluster = running(power=power)
    lost = cluster.run(loss, "mn2")
    touched = [step for step in lost.actions() if step.node == "mn1" and step.resource in GROUP]
    assert touched == []
    assert where(lost) == all_on("mn1")


@pytest.mark.parametrize("failover", ["manual", "automatic"])
@pytest.mark.parametrize("power", [False, True])
def test_lost_primary(running, failover, power):
    """R 8.0 from a dead primary: nothing of it begins before the fencing of the old one is done.

    The gate is in that fencing: on paper it succeeds at once.
    """
    lost = running(failover=failover, power=power).run("--node-fail", "mn1")
    assert done(lost) == [
        ("fence", "(off)", "mn1"),
        ("promote", "xcat-db", "mn2"),
        *starts("mn2"),
    ]
    assert where(lost) == all_on("mn2")


def test_lost_primary_and_the_move_that_approves(running, golden):
    """What `pcs resource move xcat-mn mn2` writes while the gate waits changes no step of it."""
    cluster = running(power=True)
    cluster.prefer("mn2")
    takeover_by_force = cluster.run("--node-fail", "mn1")
    assert where(takeover_by_force) == all_on("mn2")
    cluster.scores(mn2="1000")
    cluster.forget_preference()
    assert done(cluster.run()) == []
    golden(takeover=takeover_by_force)


def test_lost_primary_whose_standby_is_gated(running):
    """It may be switched off, but no move makes a primary of a node that would lose data."""
    cluster = running(power=True)
    cluster.scores(mn2="-INFINITY")
    cluster.prefer("mn2")
    lost = cluster.run("--node-fail", "mn1")
    assert done(lost) == [("fence", "(off)", "mn1")]
    assert where(lost) == {resource: [] for resource in (*GROUP, "primary")}


def test_each_power_device_waits_on_the_other_node(running):
    places = running(power=True).run().placement
    assert [node for node, _role in places["bmc-mn1"]] == ["mn2"]
    assert [node for node, _role in places["bmc-mn2"]] == ["mn1"]


def test_a_power_device_that_does_not_start_holds_the_role_up_twice_at_most(running):
    """Pacemaker starts fence devices before all else; the BMC may be as dead as its node."""
    cluster = running(power=True)
    dead = ("--op-fail", "bmc-mn1_start_0@mn2=1")
    cluster.run("--op-inject", "bmc-mn1_monitor_60000@mn2=7", failing=dead)
    cluster.prefer("mn2")
    lost = cluster.run("--node-fail", "mn1", failing=dead)
    if where(lost) != all_on("mn2"):
        lost = cluster.run(failing=dead)
    assert where(lost) == all_on("mn2")


@pytest.mark.parametrize("loss", [["--node-fail", "mn1"], []])
@pytest.mark.parametrize(("score", "moves"), [("-1", False), ("0", True), ("900", True)])
def test_no_move_promotes_a_negative_score(running, loss, score, moves):
    """The preference that `pcs resource move xcat-mn mn2` writes is for the group.

    It outweighs a smaller score of mn2's database, but not a negative one (Pacemaker 2.1.5 and
    3.0.0), whether mn1 was lost or lives; only a preference for the role Promoted would.
    """
    cluster = running(power=True)
    cluster.scores(mn2=score)
    cluster.prefer("mn2")
    steps = done(cluster.run(*loss))
    assert (("promote", "xcat-db", "mn2") in steps) == moves


def test_a_primary_that_cannot_stop_is_fenced_before_the_role_moves(running):
    cluster = running(power=True)
    cluster.prefer("mn2")
    cluster.run(failing=("--op-fail", "xcat-xcatd_stop_0@mn1=1"))
    steps = done(cluster.run())
    assert steps[0] == ("fence", "(off)", "mn1")
    assert ("promote", "xcat-db", "mn2") in steps


def test_standby_in_standby_mode_and_back(running, golden):
    """`pcs node standby mn2` and unstandby: only the database there stops and starts."""
    cluster = running()
    cluster.attribute("mn2", "standby", "on")
    away = cluster.run()
    assert done(away) == [("stop", "xcat-db", "mn2")]
    cluster.attribute("mn2", "standby", "off")
    back = cluster.run()
    assert done(back) == [("start", "xcat-db", "mn2")]
    golden(standby=away, unstandby=back)


def test_gated_standby(running, golden):
    """A standby that would lose data says so in its score, and no move gets past that."""
    cluster = running()
    cluster.scores(mn2="-INFINITY")
    assert done(cluster.run()) == []
    cluster.prefer("mn2")
    refused = cluster.run()
    assert done(refused) == []
    assert where(refused) == all_on("mn1")
    golden(refused=refused)


def test_gate_opened_again(running):
    cluster = running()
    cluster.scores(mn2="-INFINITY")
    cluster.prefer("mn2")
    cluster.run()
    cluster.scores(mn2="100")
    assert done(cluster.run()) == takeover("mn1", "mn2")


def test_management_node_without_a_database_in_the_cluster(paper, golden):
    cluster = paper(engine="none")
    start = cluster.run()
    (node,) = {node for _operation, _resource, node in done(start)}
    assert done(start) == starts(node)
    other = "mn2" if node == "mn1" else "mn1"
    cluster.prefer(other)
    move = cluster.run()
    assert done(move) == [*stops(node), *starts(other)]
    golden(start=start, move=move)
