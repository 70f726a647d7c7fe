"""The decision table, over every view that there can be."""

from __future__ import annotations

import itertools

import pytest
from db2_samples import read
from xcat_hamn.cluster import vocabulary
from xcat_hamn.database.db2 import decision as d
from xcat_hamn.database.db2 import hadr, rows
from xcat_hamn.database.db2 import view as v
from xcat_hamn.database.db2.hadr import parse_db2pd, standing

END = 1_700_000_000
OPEN, MARGIN, PAST = END - 60, END - 2, END + 60
BOTH = (False, True)
ROLES = (hadr.PRIMARY, hadr.STANDBY, hadr.STANDARD, "WITNESS", "")
STATES = (*hadr.STATES, "")
CONNECTIONS = (*hadr.CONNECTIONS, "")
MODES = ("NEARSYNC", "ASYNC", "SUPERASYNC")
RANKS = (v.NEWER, v.SAME, v.OLDER, v.UNKNOWN)
#: What is known of the window and of the other node.
TIMES = [
    {"window_end": end, "now": now, "fenced_at": fenced, "down": down, "back": back}
    for end, now in ((None, OPEN), (END, OPEN), (END, MARGIN), (END, PAST), (END, None))
    for fenced, down, back in (
        *((None, False, False), (None, False, True), (OPEN, False, False)),
        *((None, True, False), (OPEN, True, False), (MARGIN, True, False), (PAST, True, False)),
    )
]
SETTINGS = [
    {},
    {"accepted": True},
    {"handed_over": True},
    {"accepted": True, "handed_over": True},
    {"delayed": True},
    {"active": False},
    {"active": False, "accepted": True},
    {"promoted": True},
    {"known": False},
    {"divergence": "its log has parted from that of mn7 at 4711"},
]


def every_view():
    """Yield every combination; what only some roles or other nodes have varies with those alone."""
    ranked = [(peer, rank) for peer in (v.PEER_STANDBY, v.PEER_CLAIMS) for rank in RANKS]
    unranked = [(peer, v.UNKNOWN) for peer in (v.PEER_PRIMARY, v.PEER_UNKNOWN, v.PEER_NONE)]
    for role, (peer, rank), other in itertools.product(ROLES, ranked + unranked, SETTINGS):
        view = {"role": role, "peer": peer, "rank": rank, "peer_name": "mn7", "node": "mn8"}
        if role != hadr.STANDBY:
            for times, connect in itertools.product(TIMES, CONNECTIONS):
                yield d.View(**view, **other, **times, connect=connect, state=hadr.PEER)
            continue
        unseen = peer == v.PEER_UNKNOWN
        for state, connect, mode in itertools.product(STATES, CONNECTIONS, MODES):
            for times in TIMES if unseen or peer == v.PEER_NONE else TIMES[:8]:
                yield d.View(**view, **other, **times, state=state, connect=connect, syncmode=mode)


@pytest.fixture(scope="module")
def judged():
    return [(view, d.judge(view), d.judge_promotion(view)) for view in every_view()]


@pytest.fixture(scope="module")
def allowed(judged):
    """Give the views with which a promotion goes ahead, and by which command."""
    return [(view, how) for view, _, how in judged if how.promotable]


def shown(views):
    """Return a few views as text, for a failed assertion."""
    return [{name: getattr(view, name) for name in view.__slots__} for view in views[:3]]


def without(view, **changed):
    """Return ``view`` with other values in some fields."""
    return d.View(**{**{name: getattr(view, name) for name in view.__slots__}, **changed})


def test_every_row_is_reached_and_every_view_has_one(judged):
    assert {verdict.row for _, verdict, _ in judged} == {row.name for row in d.TABLE}
    assert len({row.name for row in d.TABLE}) == len(d.TABLE)


@pytest.mark.parametrize("row", d.TABLE, ids=lambda row: row.name)
def test_a_row_says_why_and_a_gated_one_what_to_do(judged, row):
    assert row.why.endswith(".")
    assert row.word in vocabulary.VOCABULARY[vocabulary.DATABASE][2]
    assert (row.score == d.GATED) == (row.how == rows.REFUSE)
    if row.score != d.GATED:
        assert 0 < int(row.score) <= int(rows.PRIMARY_SCORE)
    if not row.limit:
        assert row.score != d.GATED
        return
    said = next(verdict.limit for _, verdict, _ in judged if verdict.row == row.name)
    assert "{" not in said and '"' not in said and ("mn7" in said or "mn8" in said)
    what, _, todo = said.partition(": ")
    assert what and todo, f"no 'what: what to do' in {said}"


def test_the_sentence_is_there_exactly_when_something_must_happen_before(judged):
    waits = "primary lost, nothing missing yet"
    wrong = [
        view
        for view, verdict, _ in judged
        if (verdict.promotable and verdict.row != waits) == bool(verdict.limit)
    ]
    assert not wrong, shown(wrong)


def test_nothing_is_forced_while_the_other_one_may_live(allowed):
    """Only a node that shows what its database is, or that is proven down, is forced over."""
    for view, verdict in allowed:
        if verdict.how in (rows.FORCE, rows.FORCE_IN_WINDOW, rows.START_ALONE):
            assert view.peer != v.PEER_PRIMARY, shown([view])
            if view.peer == v.PEER_UNKNOWN and not view.handed_over:
                assert view.down, shown([view])


def test_db2s_own_check_of_the_window_is_asked_for_only_inside_it(allowed):
    for view, verdict in allowed:
        if verdict.how == rows.FORCE_IN_WINDOW:
            assert view.state in (hadr.PEER, hadr.DISCONNECTED_PEER)
            assert view.syncmode == "NEARSYNC"
            assert view.now <= view.window_end - 5


def test_a_lost_primarys_commits_are_given_up_only_with_consent(allowed):
    """By force past the window: it must be proven dead since before the end, by a margin."""
    for view, verdict in allowed:
        if verdict.how == rows.FORCE and view.peer == v.PEER_UNKNOWN:
            proven = (
                view.window_end is not None
                and view.fenced_at is not None
                and view.fenced_at <= view.window_end - 5
                and view.syncmode == "NEARSYNC"
            )
            assert proven or view.accepted or view.handed_over, shown([view])


def test_states_in_which_db2_refuses_are_never_tried(allowed):
    for view, verdict in allowed:
        if view.role == hadr.STANDBY:
            assert view.active and view.known and not view.delayed and not view.divergence
            assert view.state not in (hadr.LOCAL_CATCHUP, hadr.DISCONNECTED, "")
            assert view.connect in hadr.CONNECTIONS
        else:
            assert view.role == hadr.PRIMARY
        if verdict.how == rows.PLAIN:
            assert view.attached and view.peer != v.PEER_UNKNOWN
            assert view.state == hadr.PEER or (
                view.state == hadr.REMOTE_CATCHUP and view.syncmode == "SUPERASYNC"
            )


def test_a_living_pair_in_peer_changes_sides_by_a_plain_takeover(judged):
    for view, _, verdict in judged:
        plain = view.role == hadr.STANDBY and view.state == hadr.PEER and view.attached
        fit = view.active and view.known and not (view.delayed or view.divergence)
        if plain and fit and view.peer == v.PEER_PRIMARY:
            assert verdict.how == rows.PLAIN and verdict.word == "standby"


def test_what_is_not_known_is_named_and_never_promoted(judged):
    for view, score, verdict in judged:
        odd = not view.known or view.connect not in hadr.CONNECTIONS
        if view.role == hadr.STANDBY and odd and view.active and not view.divergence:
            assert "not promotable: unknown state" in score.limit
            assert not verdict.promotable
        if view.role in ("WITNESS", ""):
            assert "not promotable: unknown role" in score.limit and not verdict.promotable


def test_the_score_stays_open_exactly_while_a_move_could_be_loss_free(judged):
    """The gate waits for the operator meanwhile, and pcs refuses a move to a gated node."""
    for view, score, verdict in judged:
        lost = view.peer == v.PEER_UNKNOWN and not (view.down or view.back or view.accepted)
        usual = view.role == hadr.STANDBY and view.active and view.known and not view.delayed
        if not (lost and usual) or view.divergence or view.handed_over:
            continue
        if score.promotable:
            assert score.score == rows.STANDBY_SCORE and not verdict.promotable
            assert verdict.row == d.NOT_PROVEN_DOWN
            fenced_now = without(view, down=True, fenced_at=view.now)
            assert d.judge_promotion(fenced_now).promotable, shown([view])
        elif view.windowed:
            fenced_now = without(view, down=True, fenced_at=view.now)
            assert not d.judge_promotion(fenced_now).promotable, shown([view])


def test_a_node_that_came_back_is_not_overtaken_without_an_order(judged):
    for view, score, _ in judged:
        if view.role == hadr.STANDBY and view.back and view.peer == v.PEER_UNKNOWN:
            assert not score.promotable or view.accepted or view.handed_over, shown([view])


def test_consent_promotes_nothing_that_db2_would_refuse_and_no_second_primary(judged):
    for view, _, verdict in judged:
        if view.accepted and verdict.promotable:
            assert view.peer != v.PEER_PRIMARY or verdict.how in (rows.PLAIN, rows.NOTHING)


def test_consent_changes_the_command_only_where_it_was_refused(judged):
    """What loses nothing is done in the way that loses nothing, order or not."""
    for view, _, verdict in judged:
        if view.accepted and verdict.promotable and view.role == hadr.STANDBY:
            bare = d.judge_promotion(without(view, accepted=False))
            assert bare.how in (verdict.how, rows.REFUSE), shown([view])


def test_of_two_standbys_the_one_that_replayed_less_never_leads(judged):
    for view, score, _ in judged:
        if view.role == hadr.STANDBY and view.peer == v.PEER_STANDBY and not view.attached:
            free = view.accepted or view.handed_over
            if view.rank in (v.OLDER, v.UNKNOWN) and not free:
                assert not score.promotable, shown([view])


def test_a_running_primary_has_nothing_to_do_standby_or_not(judged):
    for view, _, verdict in judged:
        if view.role == hadr.PRIMARY and view.active and view.promoted:
            assert (verdict.how, verdict.score) == (rows.NOTHING, rows.PRIMARY_SCORE)


def test_a_stopped_primary_starts_alone_only_when_ordered(allowed):
    for view, verdict in allowed:
        if verdict.how == rows.START_ALONE:
            assert view.accepted and not view.active and view.peer != v.PEER_PRIMARY
        if verdict.how == rows.START:
            assert view.peer in (v.PEER_STANDBY, v.PEER_CLAIMS) and not view.active


SAMPLES = {
    "db2pd-11.1-standby-peer-nearsync": (v.PEER_PRIMARY, rows.PLAIN),
    "db2pd-9.7-standby-peer-columns": (v.PEER_PRIMARY, rows.PLAIN),
    "db2pd-11.5-standby-remote_catchup-gap": (v.PEER_PRIMARY, rows.REFUSE),
    "db2pd-11.5-standby-remote_catchup_pending-connected": (v.PEER_PRIMARY, rows.REFUSE),
    "db2pd-11.5-standby-local_catchup": (v.PEER_UNKNOWN, rows.REFUSE),
    "db2pd-11.5-standby-ros-replay-only-window-delay": (v.PEER_PRIMARY, rows.REFUSE),
    "db2pd-12.9-standby-unknown-state-and-key": (v.PEER_PRIMARY, rows.REFUSE),
    "db2pd-11.5-primary-disconnected": (v.PEER_UNKNOWN, rows.NOTHING),
    "db2pd-11.5-primary-peer-nearsync-ddmmyyyy-lasttakeover": (v.PEER_STANDBY, rows.NOTHING),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_judged(name):
    peer, how = SAMPLES[name]
    view = v.view_of(standing(parse_db2pd(read(name))), peer=peer)
    assert d.judge_promotion(view).how == how


def test_a_superasync_standby_without_delay_is_taken_over_from_while_the_primary_lives():
    text = read("db2pd-11.5-standby-ros-replay-only-window-delay").replace("= 600", "= 0")
    view = v.view_of(standing(parse_db2pd(text)), peer=v.PEER_PRIMARY)
    assert d.judge_promotion(view).how == rows.PLAIN


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (0, "1970-01-01 00:00:00 UTC"),
        (1722514740, "2024-08-01 12:19:00 UTC"),
        (None, "an unknown time"),
        (10**19, f"second {10**19}"),
    ],
)
def test_a_moment_is_said_in_utc(epoch, text):
    assert d.moment(epoch) == text
