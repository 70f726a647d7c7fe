"""Every combination of what the gate can see has a row, and no row breaks what must never be."""

from __future__ import annotations

import itertools

import pytest
from xcat_hamn.fencing.decision import TABLE, Answer, Level, View, judge
from xcat_hamn.fencing.view import Observation, Presence, Role, Target

TARGET = Target("mn1", "xcat-mn", "xcat-db-clone")
YES_NO = (False, True)
WISH = "cli-prefer-xcat-mn (mn2)"


def seen(presence=Presence.LOST, role=Role.HELD, **fields):
    """Return an observation; by default mn1 was lost with the role, and has a power device."""
    return Observation(
        presence, role, **{"group": True, "others": ("mn2",), "power": True, **fields}
    )


def everything():
    """Yield every combination of the inputs."""
    for level, presence, role in itertools.product(Level, Presence, Role):
        for group, power, ordered, automatic, gated in itertools.product(YES_NO, repeat=5):
            for approved, wish, stale, confirmed in itertools.product(YES_NO, repeat=4):
                yield View(
                    TARGET,
                    level,
                    automatic,
                    seen(presence, role, group=group, power=power, ordered=ordered, gated=gated),
                    approved=WISH if approved else "",
                    wish=WISH if wish else "",
                    stale="cli-ban-xcat-mn-on-mn1 (mn1)" if stale else "",
                    confirmed=confirmed,
                )


VIEWS = [(view, judge(view)) for view in everything()]


def released(condition):
    """Return the rows that release although ``condition`` holds."""
    return {
        verdict.row
        for view, verdict in VIEWS
        if verdict.answer is Answer.RELEASE and condition(view)
    }


def test_every_row_is_reached_and_every_combination_has_one():
    assert {verdict.row for _, verdict in VIEWS} == {row.name for row in TABLE}


def test_a_member_is_switched_off_only_by_an_order_through_a_power_device():
    assert released(lambda v: v.presence is Presence.HERE) == {"ordered"}


def test_a_holder_is_released_only_by_a_word_given_after_the_loss():
    manual = released(
        lambda v: not v.automatic and v.seen.role is not Role.ELSEWHERE and not v.seen.ordered
    )
    assert manual == {"approved", "approved before", "confirmed"}
    assert not released(
        lambda v: (
            v.seen.role is not Role.ELSEWHERE
            and not (v.automatic or v.approved or v.wish or v.confirmed or v.seen.ordered)
        )
    )


def test_nobody_is_switched_off_for_a_takeover_that_cannot_follow():
    """But a person's own word on the node itself holds."""
    gated = released(lambda v: v.seen.gated and v.seen.role is not Role.ELSEWHERE)
    assert gated == {"ordered", "confirmed"}


def test_a_request_that_is_older_than_the_loss_releases_nothing():
    def without_it(view):
        return View(view.target, view.level, view.automatic, view.seen, confirmed=view.confirmed)

    for view, verdict in VIEWS:
        if view.stale and not view.approved and not view.wish:
            assert verdict.answer is judge(without_it(view)).answer


def test_automatic_failover_never_trusts_in_a_power_device_that_is_not_there():
    assert "automatic" not in released(lambda v: not v.seen.power)


def test_a_holder_that_lives_and_has_no_power_device_is_never_declared_off_by_a_move():
    stuck = released(lambda v: v.presence is Presence.STUCK and not v.seen.power)
    # The cluster has taken a confirmation already; the other does not touch the role.
    assert stuck == {"did not hold the role", "confirmed"}


def test_the_first_level_answers_at_once_and_passes_nothing_but_a_lost_standby():
    answers = {verdict.answer for view, verdict in VIEWS if view.level is Level.STANDBY}
    assert Answer.WAIT not in answers
    assert released(lambda v: v.level is Level.STANDBY) == {"standby lost"}


def test_an_unknown_group_or_node_releases_nothing():
    assert not released(lambda v: not v.seen.group or v.presence is Presence.UNKNOWN)


@pytest.mark.parametrize(("view", "verdict"), VIEWS[::97])
def test_every_sentence_names_the_node_or_the_group(view, verdict):
    assert "mn1" in verdict.sentence or "xcat-mn" in verdict.sentence
    assert "{" not in verdict.sentence


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (
            {},
            "waiting: mn1 was lost while it held the role: `pcs resource move xcat-mn mn2` "
            "switches it off and takes over",
        ),
        (
            {"stale": WISH},
            "waiting: mn1 was lost while it held the role: `pcs resource clear xcat-mn` "
            "(cli-prefer-xcat-mn (mn2) is too old) and `pcs resource move xcat-mn mn2` "
            "switches it off and takes over",
        ),
        (
            {"pressing": True},
            "waiting: mn1 was lost while it held the role: `pcs resource move xcat-mn mn2` "
            "switches it off and takes over; until when nothing is lost, xcat-db-limit says",
        ),
        (
            {"power": False},
            "waiting: mn1 was lost while it held the role and no power device can switch it off: "
            "make sure that it is off, then `pcs resource move xcat-mn mn2` takes over",
        ),
    ],
)
def test_what_the_operator_reads_names_the_command(view, sentence):
    fields = {name: view[name] for name in ("stale",) if name in view}
    looks = {name: value for name, value in view.items() if name not in fields}
    verdict = judge(View(TARGET, Level.ROLE, False, seen(**looks), **fields))
    assert (verdict.answer, verdict.sentence) == (Answer.WAIT, sentence)
