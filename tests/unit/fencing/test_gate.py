"""The gate over time: what it does with a row of looks at the cluster, call after call."""

from __future__ import annotations

from dataclasses import replace

import pytest
from xcat_hamn.errors import CommandFailed
from xcat_hamn.fencing.decision import Level
from xcat_hamn.fencing.gate import BLIND, Clock, Gate
from xcat_hamn.fencing.loss import Memory
from xcat_hamn.fencing.view import Observation, Presence, Role, Target

TARGET = Target("mn1", "xcat-mn", "xcat-db-clone")
WISH = "cli-prefer-xcat-mn (mn2)"
MOVE = "`pcs resource move xcat-mn mn2`"


def lost(*wishes, presence=Presence.LOST, role=Role.HELD, **fields):
    return Observation(
        presence,
        role,
        **{"group": True, "others": ("mn2",), "power": True, **fields},
        wishes=frozenset(wishes),
    )


HOLDER_LOST = lost()
BACK = lost(presence=Presence.HERE)
BLINDNESS = CommandFailed("could not read the cluster's status: `crm_mon` ended with 102 ()")


class StandInCluster:
    """What is seen, look by look; an exception among the looks is raised.

    After the last look, whoever asked for the fencing is gone.
    """

    def __init__(self, *looks, ring="1.2c", at_loss=None, gated=False):
        self.looks = list(looks)
        self.told = []
        self.ring_id = ring
        self.at_loss = at_loss
        self.gated = gated

    def observe(self, target):
        look = self.last = self.looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return look

    def ring(self):
        return self.ring_id

    def wishes_at_loss(self, target):
        return self.at_loss

    def tell(self, sentence):
        self.told.append(sentence)

    def look_anew(self, target):
        self.looked = getattr(self, "looked", 0) + 1
        if self.last.wishes:
            # It takes no time: the next look at the cluster is at the same moment.
            self.looks.insert(0, replace(self.last, gated=self.gated and self.looked == 1))

    def hold(self, target):
        self.told.append(f"hold {target.database}")

    def wanted(self):
        return bool(self.looks)


@pytest.fixture()
def memory(tmp_path):
    return Memory(TARGET, str(tmp_path))


@pytest.fixture()
def decide(memory):
    """Let a gate decide on looks at the cluster; return the answer and what crm_mon showed."""

    def run(*looks, level=Level.ROLE, automatic=False, ring="1.2c", at_loss=None, gated=False):
        time = [0.0]

        def sleep(seconds):
            assert seconds <= 1.0, "an approval must be acted on within two seconds"
            time[0] += seconds

        cluster = StandInCluster(*looks, ring=ring, at_loss=at_loss, gated=gated)
        clock = Clock(lambda: time[0], sleep)
        gate = Gate(TARGET, level, automatic, cluster, memory, print, clock)
        verdict = gate.decide()
        run.seen = len(looks) - len(cluster.looks)
        run.looked = getattr(cluster, "looked", 0)
        return verdict.row, cluster.told

    return run


def test_it_waits_and_says_for_what_until_the_operator_moves_the_role(decide):
    row, told = decide(HOLDER_LOST, HOLDER_LOST, HOLDER_LOST, lost(WISH), HOLDER_LOST)
    assert row == "approved"
    assert decide.seen == 4
    # Shown once, taken away at the end.
    assert len(told) == 2
    assert told[0].startswith("waiting: mn1 was lost") and MOVE in told[0]
    assert told[1] == ""


def test_the_survivors_database_looks_at_the_loss_while_its_monitor_is_cancelled(decide):
    decide(*[HOLDER_LOST] * 25, lost(WISH))
    assert decide.looked == 4, "at once, every ten seconds, and before the node is switched off"
    decide(lost(role=Role.ELSEWHERE), level=Level.STANDBY)
    assert decide.looked == 0


def test_a_move_that_is_older_than_the_loss_does_not_count(decide):
    row, told = decide(*[lost(WISH)] * 5)
    assert row == "abandoned"
    assert "`pcs resource clear xcat-mn`" in told[0]


def test_a_move_between_the_loss_and_the_first_look_counts(decide):
    assert decide(lost(WISH), at_loss=frozenset())[0] == "approved"
    assert decide(lost(WISH), ring="1.34", at_loss=frozenset({WISH}))[0] == "abandoned"


def test_a_node_that_cannot_stop_was_not_lost_with_this_membership(decide):
    stuck = lost(WISH, presence=Presence.STUCK)
    assert decide(stuck, stuck, at_loss=frozenset())[0] == "abandoned"


def test_a_move_in_the_first_seconds_waits_for_what_the_database_says_of_the_loss(decide):
    """Its score is from before the loss still."""
    row, told = decide(lost(WISH), at_loss=frozenset(), gated=True)
    assert row == "abandoned" and "the database here cannot take over" in told[0]


def test_an_old_move_counts_once_it_was_cleared_and_asked_for_again(decide):
    assert decide(lost(WISH), lost(), lost(), lost(WISH), lost())[0] == "approved"


def test_a_second_move_counts_beside_an_old_one(decide):
    ban = "cli-ban-xcat-mn-on-mn1 (mn1)"
    assert decide(lost(WISH), lost(WISH, ban), lost())[0] == "approved"


def test_a_move_between_two_tries_counts(decide):
    """Pacemaker killed the agent at its timeout; the operator typed before it came again."""
    assert decide(HOLDER_LOST)[0] == "abandoned"
    assert decide(lost(WISH), lost())[0] == "approved"


def test_what_was_old_in_the_first_try_is_old_in_the_second(decide):
    assert decide(lost(WISH))[0] == "abandoned"
    assert decide(lost(WISH), lost(WISH))[0] == "abandoned"


def test_a_move_before_the_role_level_but_after_the_first_counts(decide):
    """The levels are called one after the other; the first has seen the loss."""
    assert decide(HOLDER_LOST, lost(), level=Level.STANDBY)[0] == "not the standby"
    assert decide(lost(WISH), lost())[0] == "approved"


def test_an_approval_holds_for_the_next_try_also_when_pcs_has_cleared_it(decide):
    """The power device refused; Pacemaker tries the levels again."""
    assert decide(HOLDER_LOST, lost(WISH), lost())[0] == "approved"
    assert decide(lost(), lost())[0] == "approved before"


def test_an_approval_does_not_hold_for_the_next_loss(decide):
    assert decide(HOLDER_LOST, lost(WISH), lost(), ring="1.2c")[0] == "approved"
    assert decide(lost(), lost(), ring="1.34")[0] == "abandoned"


def test_without_a_ring_nothing_is_believed_of_earlier_calls(decide):
    assert decide(HOLDER_LOST, lost(WISH), lost(), ring="")[0] == "approved"
    assert decide(lost(), lost(), ring="")[0] == "abandoned"


def test_a_node_that_comes_back_ends_the_wait_at_once_and_the_loss(decide):
    row, told = decide(HOLDER_LOST, HOLDER_LOST, BACK, lost(WISH))
    assert (row, told[-2:]) == ("back", ["", f"hold {TARGET.database}"])
    assert decide.seen == 3
    # Lost again: the first approval would have been for another loss, even on the same ring.
    assert decide(lost(WISH), lost(WISH))[0] == "abandoned"


def test_a_node_that_comes_back_after_the_approval_is_not_hit(decide):
    assert decide(HOLDER_LOST, lost(WISH), lost())[0] == "approved"
    assert decide(BACK, lost())[0] == "back"
    assert decide(lost(), lost())[0] == "abandoned"


def test_a_confirmation_after_the_loss_ends_the_wait(decide):
    earlier = lost(confirmations=frozenset({"yesterday"}))
    both = lost(confirmations=frozenset({"yesterday", "now"}))
    row, _ = decide(earlier, earlier, both, earlier)
    assert row == "confirmed"
    assert decide.seen == 3


def test_the_loss_of_the_standby_passes_at_once(decide):
    standby = lost(role=Role.ELSEWHERE)
    assert decide(standby, standby, level=Level.STANDBY) == ("standby lost", [])
    assert decide(standby, standby)[0] == "did not hold the role"


def test_a_cluster_that_cannot_be_seen_for_a_while_ends_no_wait(decide):
    row, told = decide(HOLDER_LOST, *[BLINDNESS] * 40, lost(WISH), lost())
    assert row == "approved"
    assert len(told) == 2


def test_a_cluster_that_was_never_seen_is_an_error_soon(decide):
    with pytest.raises(CommandFailed, match="could not read"):
        decide(*[BLINDNESS] * (int(BLIND) + 5))


def test_it_ends_when_the_fencing_daemon_has_gone(decide):
    assert decide(HOLDER_LOST, HOLDER_LOST)[0] == "abandoned"


def test_automatic_failover_asks_nobody(decide):
    assert decide(HOLDER_LOST, lost(), automatic=True)[0] == "automatic"


def test_the_memory_is_of_one_node_and_one_group(tmp_path, memory, decide):
    decide(HOLDER_LOST, lost(WISH), lost())
    assert [path.name for path in tmp_path.iterdir()] == ["xcat-mn.mn1"]
    assert memory.recall("1.2c").approval == WISH
    assert memory.recall("1.30") is None
    memory.forget()
    assert list(tmp_path.iterdir()) == []
