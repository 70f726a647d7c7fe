"""The decision table, over every view that there can be."""

from __future__ import annotations

import itertools

import pytest
from xcat_hamn.cluster import vocabulary
from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.database.postgresql import decision as d

BOTH = (False, True)
HANDOVERS = (d.HANDOVER_NONE, d.HANDOVER_PENDING, d.HANDOVER_REACHED, d.HANDOVER_SHORT)
PEERS = (d.PEER_PRIMARY, d.PEER_STANDBY, d.PEER_UNKNOWN, d.PEER_NONE)
RANKS = (d.NEWER, d.SAME, d.OLDER, d.UNKNOWN)
TOLD = (
    {},
    {"confirmed": True},
    {"asynchronous": True},
    {"confirmed": True, "kept": True},
)
DIVERGED = {"divergence": "its log forked off: 3 transactions exist only here"}
KNOWN = (
    {},
    {"down": True},
    {"back": True},
    {"accepted": True},
    {"down": True, "accepted": True},
    {"back": True, "accepted": True},
    DIVERGED,
)


def every_view():
    names = ("attached", "foreign", "handover", "peer", "rank", "timeline", "claim")
    domains = (BOTH, BOTH, HANDOVERS, PEERS, RANKS, RANKS, d.CLAIMS)
    for values in itertools.product(*domains):
        view = dict(zip(names, values))
        for told in TOLD:
            for known in KNOWN:
                yield d.View(peer_name="mn7", node="mn8", **told, **known, **view)


VIEWS = list(every_view())
JUDGED = [(view, d.judge(view)) for view in VIEWS]


def promotable():
    return [(view, verdict) for view, verdict in JUDGED if verdict.promotable]


def shown(views):
    """Return a few views as text, for a failed assertion."""
    return [{name: getattr(v, name) for name in v.__slots__} for v in views[:3]]


def test_every_row_is_reached_and_decides_by_its_own_condition():
    assert {verdict.row for _, verdict in JUDGED} == {row.name for row in d.TABLE}


def test_rows_have_names_of_their_own():
    assert len({row.name for row in d.TABLE}) == len(d.TABLE)


@pytest.mark.parametrize("row", d.TABLE, ids=lambda row: row.name)
def test_a_gated_row_says_why_and_what_to_do(row):
    assert row.why.endswith(".")
    assert row.word in vocabulary.VOCABULARY[vocabulary.DATABASE][2]
    if row.score != GATED:
        assert 0 < int(row.score) < int(d.PRIMARY_SCORE)
    if not row.limit:
        assert row.score != GATED
        return
    assert "{peer}" in row.limit
    said = row.limit.format(peer="mn7", node="mn8", **DIVERGED)
    assert "mn7" in said and "{" not in said and '"' not in said
    what, _, todo = said.partition(": ")
    assert what and todo, f"no 'what: what to do' in {said}"


def test_the_sentence_is_there_exactly_when_something_must_happen_before():
    wrong = [
        view
        for view, verdict in JUDGED
        if (verdict.promotable and verdict.row != "primary lost, nothing missing")
        == bool(verdict.limit)
    ]
    assert not wrong, shown(wrong)


def test_nobody_is_promoted_beside_a_primary():
    for view in VIEWS:
        if view.peer == d.PEER_PRIMARY:
            verdict = d.judge_promotion(view)
            assert not verdict.promotable and "mn7" in verdict.limit


def test_a_promotion_is_judged_like_the_score_when_there_is_no_primary():
    for view, verdict in JUDGED:
        if view.peer != d.PEER_PRIMARY:
            judged = d.judge_promotion(view)
            forced = d.row_of(view).forced and view.peer == d.PEER_UNKNOWN
            if forced and not view.down:
                assert judged.row == d.NOT_PROVEN_DOWN and not judged.promotable
            else:
                assert judged.row == verdict.row


def test_another_database_is_never_promoted():
    assert not [view for view, _ in promotable() if view.foreign]


def test_data_known_to_be_older_is_never_promoted():
    wrong = [
        view
        for view, _ in promotable()
        if view.peer == d.PEER_STANDBY
        and d.OLDER in (view.rank, view.timeline)
        and not view.accepted
    ]
    assert not wrong, shown(wrong)


def test_commits_that_are_known_to_be_missing_are_waited_for():
    wrong = [
        view
        for view in VIEWS
        if view.handover in (d.HANDOVER_SHORT, d.HANDOVER_PENDING)
        and not view.accepted
        and not (view.kept and view.handover == d.HANDOVER_PENDING)
        and d.judge_promotion(view).promotable
    ]
    assert not wrong, shown(wrong)


def test_a_handover_that_was_broken_off_needs_a_promise_and_no_primary():
    for view, verdict in JUDGED:
        if verdict.row == d.BROKEN_OFF:
            assert view.kept and view.peer != d.PEER_PRIMARY
            assert view.peer != d.PEER_UNKNOWN or view.down == d.judge_promotion(view).promotable


def test_an_unseen_node_is_trusted_to_be_older_only_on_a_proof():
    """Out of sight is not dead: a pulled cable must not make a second primary."""
    for view, verdict in promotable():
        if view.peer == d.PEER_UNKNOWN and d.judge_promotion(view).promotable:
            if view.accepted or view.kept:
                assert view.down or view.handover == d.HANDOVER_REACHED
                continue
            handed_over = view.handover == d.HANDOVER_REACHED
            followed = view.attached or view.confirmed or view.asynchronous
            claimed = view.claim in d.EXCLUSIVE and not followed
            assert handed_over or claimed, (verdict.row, shown([view]))


def test_a_confirmation_alone_never_promotes():
    """It was true when it was written; whether the primary has let go since is not known."""
    for view in VIEWS:
        if view.confirmed and not view.kept and d.judge_promotion(view).promotable:
            without = d.View(**{n: getattr(view, n) for n in view.__slots__ if n != "confirmed"})
            assert d.judge_promotion(without).promotable, shown([view])


def test_a_promise_promotes_only_with_proof():
    """Before that the score lets a move be asked for, but not once the primary's node is back."""
    for view, verdict in JUDGED:
        if view.kept and view.peer == d.PEER_UNKNOWN and verdict.row.startswith("primary"):
            assert verdict.promotable == (view.down or not view.back)
            assert d.judge_promotion(view).promotable == view.down


def test_losing_data_takes_consent():
    """Whatever is known of the other node, without a promise its commits may be missing here."""
    for view in VIEWS:
        told = view.confirmed or view.asynchronous or view.attached
        lost = told and view.peer == d.PEER_UNKNOWN and view.handover == d.HANDOVER_NONE
        if lost and not (view.kept or view.accepted or view.foreign):
            assert not d.judge(view).promotable, shown([view])


def test_beside_a_primary_only_a_standby_that_it_accepted_may_follow_it():
    for view, verdict in promotable():
        if view.peer == d.PEER_PRIMARY:
            assert view.confirmed or view.asynchronous
            assert view.attached or view.handover == d.HANDOVER_PENDING
            assert verdict.word == "standby"


def test_an_asynchronous_standby_follows_a_handover_alone():
    """Its primary did not wait for it, so nothing but the primary's last words is a proof."""
    for view in VIEWS:
        if view.asynchronous and d.judge_promotion(view).promotable:
            told = {n: getattr(view, n) for n in view.__slots__ if n != "asynchronous"}
            assert d.judge_promotion(d.View(**told)).promotable, shown([view])


def test_an_uncompared_standby_is_promoted_only_with_a_claim_or_a_handover():
    for view, verdict in promotable():
        if view.peer == d.PEER_STANDBY and not (view.not_older or view.kept or view.accepted):
            claimed = view.claim in (d.CLAIM_ALONE, d.CLAIM_LEADING) and view.timeline == d.SAME
            assert claimed or view.handover == d.HANDOVER_REACHED, (verdict.row, shown([view]))


def test_the_last_primary_is_preferred_to_its_equal():
    """The larger score keeps the role where it was after a crash of both."""
    last = d.judge(d.View(peer=d.PEER_STANDBY, rank=d.SAME, timeline=d.SAME, claim=d.CLAIM_LEADING))
    other = d.judge(d.View(peer=d.PEER_STANDBY, rank=d.SAME, timeline=d.SAME))
    assert int(last.score) > int(other.score) > 0


def test_a_node_of_its_own_may_always_lead():
    for view, verdict in JUDGED:
        if view.peer == d.PEER_NONE and not view.foreign and view.handover == d.HANDOVER_NONE:
            assert verdict.promotable


@pytest.mark.parametrize(
    ("mine", "other", "expected"), [(1, 1, d.SAME), (2, 1, d.NEWER), (1, 2, d.OLDER)]
)
def test_compare(mine, other, expected):
    assert d.compare(mine, other) == expected
