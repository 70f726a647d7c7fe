"""The operator's gate under real Pacemaker, pcs and fence_ipmilan: who is switched off, and when.

The role and its database are stand-ins; mn1 holds them at the beginning of each test.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from labkit import Node, wait_for
from labkit.gated import DATABASE, GROUP, Gated
from labkit.own import own_lab

pytestmark = pytest.mark.lab
MOVE = f"`pcs resource move {GROUP} mn2`"


@pytest.fixture(scope="module")
def built(release: str) -> Iterator[Gated]:
    """Give the cluster with the gate, made once, in a lab of its own.

    A gate and controllers left behind would go on switching the nodes of other tests off.
    """
    with own_lab("gate", release) as lab:
        made = Gated(lab)
        made.make()
        yield made


@pytest.fixture
def gated(built: Gated) -> Iterator[Gated]:
    """Give the cluster as at the beginning."""
    built.whole()
    yield built
    built.lab.mend()


@pytest.fixture
def mn1(gated: Gated) -> Node:
    return gated.lab.node("mn1")


@pytest.fixture
def mn2(gated: Gated) -> Node:
    return gated.lab.node("mn2")


def move(node: Node, target: str = "mn2") -> None:
    """Type the operator's command and wait for its end."""
    node.run(["pcs", "resource", "move", GROUP, target], timeout=180)


def no_constraint_left(node: Node) -> bool:
    return "cli-" not in node.output("cibadmin", "--query", "--scope=constraints")


def gate_process(node: Node) -> int | None:
    """Return the pid, inside the node, of the fence agent that waits."""
    found = node.run(["pgrep", "-f", "/usr/sbin/fence_xcat_operator"], check=False).stdout.split()
    return int(found[0]) if found else None


def test_the_lost_holder_waits_for_the_operator_and_for_nothing_else(
    gated: Gated, mn2: Node
) -> None:
    gated.lab.crash("mn1")
    assert gated.wait_waiting("mn2") == (
        f"waiting: mn1 was lost while it held the role: {MOVE} switches it off and takes over"
    )
    assert gated.node_is("mn2", "mn1", "unclean")
    assert gated.fencing("mn2", "mn1") == [("pending", "pacemaker-controld")]
    # Consent for a wrong node, or to another node's move, is none.
    for wrong in ([GROUP, "mn3"], [GROUP, "mn1"], [DATABASE, "mn2", "--promoted"]):
        mn2.run(["timeout", "8", "pcs", "resource", "move", *wrong], check=False)
        mn2.run(["crm_resource", "--clear", f"--resource={wrong[0]}"], check=False)
    assert gated.shown("mn2").endswith(f"{MOVE} switches it off and takes over")
    # Pacemaker ends an agent at its timeout and starts it again.
    first = gate_process(mn2)
    assert first is not None
    mn2.run(["kill", f"-{signal.SIGKILL}", str(first)])
    mn2.wait_for(lambda: gate_process(mn2) not in (None, first), 20, what="the next try")
    move(mn2)
    gated.wait_role("mn2")
    assert gated.fencing("mn2", "mn1")[0] == ("success", "pacemaker-controld")
    assert gated.shown("mn2") == ""
    assert no_constraint_left(mn2)
    assert gate_process(mn2) is None
    gated.rejoin("mn1")
    mn2.wait_for(lambda: gated.node_is("mn2", "mn1", "online"), 60)
    gated.wait_idle("mn2")
    gated.wait_role("mn2")


def test_a_cut_holder_that_comes_back_is_left_alone_and_its_role_with_it(
    gated: Gated, mn1: Node, mn2: Node
) -> None:
    started = mn1.output("stat", "--format=%i %z", "/run/lab/xcat-xcatd")
    before = len(gated.lab.bmc("mn1").log())
    gated.lab.cut("mn1")
    gated.wait_waiting("mn2")
    gated.lab.heal("mn1")
    began = time.monotonic()
    mn2.wait_for(lambda: gated.node_is("mn2", "mn1", "online"), 30, 0.1)
    mn2.wait_for(lambda: not gated.shown("mn2"), 5, 0.1, "the gate to give up")
    assert time.monotonic() - began < 15
    gated.wait_idle("mn2")
    gated.wait_role("mn1")
    assert mn1.output("stat", "--format=%i %z", "/run/lab/xcat-xcatd") == started
    assert len(gated.lab.bmc("mn1").log()) == before
    # And a later move is a planned one: nobody is switched off.
    move(mn1)
    gated.wait_role("mn2")
    assert mn1.running()
    assert len(gated.lab.bmc("mn1").log()) == before


def test_a_cut_holder_is_switched_off_before_the_role_starts_elsewhere(
    gated: Gated, mn1: Node, mn2: Node
) -> None:
    bmc = gated.lab.bmc("mn1")
    bmc.refuse()
    gated.lab.cut("mn1")
    gated.wait_waiting("mn2")
    typed = time.time()
    mover = mn2.popen(["pcs", "resource", "move", GROUP, "mn2"])
    try:
        # The power device refuses: nothing moves, and the approval is not asked for again.
        mn2.wait_for(lambda: "has approved it" in gated.said("mn2", typed), 60, 1.0)
        assert mn1.running()
        assert gated.lab.node("mn2").output("cat", "/run/lab/xcat-db") == "started"
        bmc.refuse(False)
        wait_for(lambda: not mn1.powered(), 60, 0.1, "mn1 to be switched off")
        assert not mn2.succeeds("test", "-e", "/run/lab/xcat-xcatd")
        gated.wait_role("mn2")
        assert mover.wait(timeout=120) == 0
    finally:
        if mover.poll() is None:
            os.killpg(mover.pid, signal.SIGKILL)
        mover.communicate()
    assert no_constraint_left(mn2)


def test_approval_is_acted_on_within_two_seconds(gated: Gated, mn1: Node, mn2: Node) -> None:
    gated.lab.cut("mn1")
    gated.wait_waiting("mn2")
    mn2.run(["crm_resource", "--move", f"--resource={GROUP}", "--node=mn2"])
    written = time.monotonic()
    mn2.wait_for(lambda: gate_process(mn2) is None, 10, 0.05, "the release")
    assert time.monotonic() - written < 2.0
    wait_for(lambda: not mn1.powered(), 20, 0.1, "mn1 to be switched off")
    mn2.run(["crm_resource", "--clear", f"--resource={GROUP}"])


def test_the_loss_of_the_standby_disturbs_nothing(gated: Gated, mn1: Node, mn2: Node) -> None:
    gated.lab.cut("mn2")
    mn1.wait_for(
        lambda: not gated.node_is("mn1", "mn2", "online")
        and not gated.node_is("mn1", "mn2", "unclean"),
        30,
        0.2,
        "the loss of mn2 to be settled",
    )
    assert mn2.running()
    assert gated.fencing("mn1", "mn2") == [("success", "pacemaker-controld")]
    # The active node still recovers what fails on it.
    mn1.run(["rm", "/run/lab/xcat-xcatd"])
    mn1.wait_for(["test", "-e", "/run/lab/xcat-xcatd"], 60, 0.5)
    gated.wait_role("mn1")
    gated.lab.heal("mn2")
    mn1.wait_for(lambda: gated.node_is("mn1", "mn2", "online"), 60)
    gated.wait_idle("mn1")
    gated.wait_role("mn1")


def test_a_move_that_is_left_over_does_not_count(gated: Gated, mn2: Node) -> None:
    score = ["crm_attribute", "--promotion", "xcat-db", "--node=mn2"]
    mn2.put("/run/lab/xcat-db.score", "-INFINITY")
    mn2.run([*score, "--update=-INFINITY"])
    # The scheduler reads it from the CIB, where it arrives a moment later.
    mn2.wait_for(lambda: "-INFINITY" in mn2.output("crm_mon", "-1A"), 20, 0.2)
    mn2.run(["crm_resource", "--move", f"--resource={GROUP}", "--node=mn2"])
    gated.wait_idle("mn2")
    gated.wait_role("mn1")
    gated.lab.crash("mn1")
    assert f"`pcs resource clear {GROUP}`" in gated.wait_waiting("mn2")
    time.sleep(3)
    assert gated.fencing("mn2", "mn1") == [("pending", "pacemaker-controld")]
    mn2.run(["rm", "/run/lab/xcat-db.score"])
    mn2.run([*score, "--update=900"])
    mn2.run(["pcs", "resource", "clear", GROUP])
    move(mn2)
    gated.wait_role("mn2")


def test_a_move_asked_for_right_after_the_loss_counts(gated: Gated, mn2: Node) -> None:
    gated.lab.crash("mn1")
    gone = ["corosync-quorumtool", "-l"]
    mn2.wait_for(lambda: "mn1" not in mn2.run(gone, check=False).stdout, 20, 0.02)
    mn2.run(["crm_resource", "--move", f"--resource={GROUP}", "--node=mn2"])
    gated.wait_role("mn2")
    mn2.run(["crm_resource", "--clear", f"--resource={GROUP}"])


def test_a_confirmation_counts(gated: Gated, mn2: Node) -> None:
    gated.lab.crash("mn1")
    gated.wait_waiting("mn2")
    mn2.run(["pcs", "stonith", "confirm", "mn1", "--force"])
    gated.wait_role("mn2")
    assert gated.shown("mn2") == ""


def test_a_wrong_confirmation_does_not_make_two_active_nodes(
    gated: Gated, mn1: Node, mn2: Node
) -> None:
    gated.lab.cut("mn1")
    gated.wait_waiting("mn2")
    mn2.run(["pcs", "stonith", "confirm", "mn1", "--force"])
    gated.wait_role("mn2")
    assert not mn1.powered()


def test_an_order_to_fence_is_obeyed(gated: Gated, mn1: Node, mn2: Node) -> None:
    gated.lab.cut("mn1")
    gated.wait_waiting("mn2")
    mn2.run(["pcs", "stonith", "fence", "mn1", "--off"], timeout=60)
    assert not mn1.powered()
    gated.wait_role("mn2")
    # A healthy node too: it is the standby now.
    gated.rejoin("mn1")
    mn2.wait_for(lambda: gated.node_is("mn2", "mn1", "online"), 60)
    gated.wait_idle("mn2")
    mn2.run(["pcs", "stonith", "fence", "mn1", "--off"], timeout=60)
    assert not mn1.powered()
    gated.wait_role("mn2")


def test_a_holder_that_cannot_stop_waits_and_can_be_repaired(
    gated: Gated, mn1: Node, mn2: Node
) -> None:
    mn1.put("/run/lab/xcat-xcatd.stop", "fail")
    mover = mn2.popen(["pcs", "resource", "move", GROUP, "mn2"])
    try:
        said = gated.wait_waiting("mn2") if not gated.shown("mn1") else gated.shown("mn1")
        assert said.startswith("waiting: mn1 could not stop a resource: repair it")
        assert mn1.running()
    finally:
        os.killpg(mover.pid, signal.SIGKILL)
        mover.communicate()
    mn1.run(["rm", "/run/lab/xcat-xcatd.stop"])
    mn2.run(["pcs", "resource", "cleanup"])
    mn2.wait_for(lambda: gate_process(mn2) is None and gate_process(mn1) is None, 20)
    gated.wait_idle("mn2")
    assert mn1.running()


def test_the_agent_says_what_is_wrong(gated: Gated, mn1: Node) -> None:
    agent = "fence_xcat_operator"
    for arguments, sentence in (
        (["-o", "off", "-n", "mn2"], "--group is not set"),
        (["-o", "monitor", "--group=nosuch"], "the cluster has no group nosuch"),
        (["-o", "off", "-n", "mn2", "--group=nosuch"], "the cluster has no group nosuch"),
        (["-o", "off", "-n", "mn9", f"--group={GROUP}"], "mn9 is no node of this cluster"),
        (["-o", "off", f"--group={GROUP}"], "no node is named"),
        (["-o", "off", "-n", "mn2", f"--group={GROUP}", "--level=3"], "a valid choice"),
    ):
        done = mn1.run([agent, *arguments], check=False)
        assert done.returncode == 1, done
        assert sentence in done.stderr
    # Healthy members are nobody's loss.
    for level in ("standby", "role"):
        command = [agent, "-o", "off", "-n", "mn2", f"--group={GROUP}", f"--level={level}"]
        assert mn1.run(command, check=False).returncode == 1
    assert mn1.run([agent, "-o", "validate-all", f"--group={GROUP}"]).returncode == 0
    assert mn1.run([agent, "-o", "monitor", f"--group={GROUP}"]).returncode == 0
    assert mn1.output(agent, "-o", "list", f"--group={GROUP}").split() == ["mn1,", "mn2,"]
    assert "Status: ON" in mn1.output(agent, "-o", "status", "-n", "mn2", f"--group={GROUP}")
    described = mn1.output("pcs", "stonith", "describe", agent)
    assert "group (required)" in described


def test_without_a_power_device_the_operators_word_is_all_there_is(built: Gated) -> None:
    """The last test: it makes another cluster of the same nodes."""
    built.whole()
    lab = built.lab
    lab.mend()
    gated = Gated(lab)
    gated.make(power=False)
    gated.bring_role("mn1")
    mn2 = lab.node("mn2")
    lab.crash("mn1")
    assert "make sure that it is off, then" in gated.wait_waiting("mn2")
    # Nothing could switch it off, so an order to do so must not count as done.
    assert mn2.run(["pcs", "stonith", "fence", "mn1"], check=False, timeout=60).returncode != 0
    assert not mn2.succeeds("test", "-e", "/run/lab/xcat-xcatd")
    gated.wait_waiting("mn2")
    move(mn2)
    gated.wait_role("mn2")
    lab.mend()
