"""From attributes and a server's answer to a view."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.cluster import vocabulary
from xcat_hamn.database.postgresql import decision as d
from xcat_hamn.database.postgresql import promise, survey
from xcat_hamn.database.postgresql.client import ServerState

NUMBERS = st.integers(min_value=0, max_value=(1 << 64) - 1)
POSITIONS = st.tuples(st.integers(min_value=1, max_value=1 << 31), NUMBERS)
OPPOSITE = {d.NEWER: d.OLDER, d.OLDER: d.NEWER, d.SAME: d.SAME}


@given(POSITIONS)
def test_a_position_survives_its_shared_form(position):
    assert survey.parse_position(f"{position[0]} {position[1]}") == position


@given(st.none() | st.text())
def test_anything_else_is_no_position(text):
    found = survey.parse_position(text)
    if found is not None:
        assert [str(number) for number in found] == [str(int(word)) for word in text.split()]


@pytest.mark.parametrize("text", ["", "pending", "1", "1 2 3", "1 x", "-1 2", "1 2.5"])
def test_not_a_position(text):
    assert survey.parse_position(text) is None


@given(POSITIONS, POSITIONS)
def test_ranks_of_two_nodes_agree_with_each_other(mine, other):
    assert survey.rank_of(mine, other) == OPPOSITE[survey.rank_of(other, mine)]
    assert (survey.rank_of(mine, other) == d.SAME) == (mine == other)


def test_a_later_timeline_outranks_a_larger_position():
    assert survey.rank_of((2, 10), (1, 99)) == d.NEWER
    assert survey.rank_of((1, 10), None) == d.UNKNOWN


@given(POSITIONS, POSITIONS)
def test_a_handover_is_reached_only_on_its_own_timeline(left, mine):
    state = survey.handover_state(f"{left[0]} {left[1]}", mine)
    if state == d.HANDOVER_REACHED:
        assert mine[0] == left[0] and mine[1] >= left[1]
    elif state == d.HANDOVER_SHORT:
        assert mine < left
    else:
        assert state == d.HANDOVER_NONE and mine[0] > left[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, d.HANDOVER_NONE),
        ("nonsense", d.HANDOVER_NONE),
        ("pending", d.HANDOVER_PENDING),
        ("3 500", d.HANDOVER_REACHED),
        ("3 501", d.HANDOVER_SHORT),
        ("4 500", d.HANDOVER_SHORT),
        ("2 500", d.HANDOVER_NONE),
    ],
)
def test_handover_state(text, expected):
    assert survey.handover_state(text, (3, 500)) == expected


ROLES = {
    "primary": d.PEER_PRIMARY,
    "primary-alone": d.PEER_PRIMARY,
    "primary-waiting": d.PEER_PRIMARY,
    "standby": d.PEER_STANDBY,
    "catching-up": d.PEER_STANDBY,
    "disconnected": d.PEER_STANDBY,
    "diverged": d.PEER_STANDBY,
    "preparing": d.PEER_STANDBY,
    "stopped": d.PEER_STANDBY,
    "failed": d.PEER_UNKNOWN,
}


@pytest.mark.parametrize("word", vocabulary.VOCABULARY[vocabulary.DATABASE][2])
def test_every_word_has_a_role(word):
    assert survey.role_of(word, "3") == ROLES[word]


@pytest.mark.parametrize(("word", "timeline"), [(None, "3"), (None, None), ("stopped", None)])
def test_a_node_that_says_nothing_may_be_anything(word, timeline):
    assert survey.role_of(word, timeline) == d.PEER_UNKNOWN


def peer(name, role, rank):
    return survey.Peer(name, role, rank, d.SAME, False)


def test_of_several_peers_the_most_dangerous_decides():
    primary = peer("a", d.PEER_PRIMARY, d.UNKNOWN)
    unseen = peer("b", d.PEER_UNKNOWN, d.UNKNOWN)
    ahead = peer("c", d.PEER_STANDBY, d.OLDER)
    uncompared = peer("d", d.PEER_STANDBY, d.UNKNOWN)
    behind = peer("e", d.PEER_STANDBY, d.NEWER)
    order = [primary, unseen, ahead, uncompared, behind]
    for place in range(len(order)):
        assert survey.most_telling(list(reversed(order[place:]))) is order[place]


def surveying(world, peers):
    promises = world.mn2.promises
    divergence = world.mn2.lineage.divergence
    return survey.Survey(
        world.mn2.attributes, promises.right, promises.fate, "mn2", peers, divergence
    )


def view(world, state, *, whole=False, system="7000", claim=d.CLAIM_FOLLOWING):
    looking = surveying(world, ["mn1"])
    return looking.view(state, claim, system, whole=whole)


def test_an_attached_and_confirmed_standby_needs_one_question(world):
    world.shown[(promise.PROMISE, "mn1")] = promise.GIVER
    world.shown[(promise.PROMISE, "mn2")] = "confirmed"
    found = view(world, ServerState(True, 10, 1, "streaming", ""))
    assert (found.attached, found.confirmed, found.peer) == (True, True, d.PEER_PRIMARY)


def test_a_standby_notices_at_once_that_the_primarys_node_has_left(world):
    """Its own connection stays up for ten seconds after a power loss of the other side."""
    world.shown[(promise.PROMISE, "mn2")] = "kept 77"
    found = view(world, ServerState(True, 10, 1, "streaming", ""))
    assert (found.peer, found.kept) == (d.PEER_UNKNOWN, True)


def test_a_promotion_looks_whether_that_primary_is_still_there(world):
    world.shown[(promise.PROMISE, "mn2")] = "confirmed"
    found = view(world, ServerState(True, 10, 1, "streaming", ""), whole=True)
    assert found.peer == d.PEER_UNKNOWN
    assert not d.judge_promotion(found).promotable


def test_the_whole_view(world):
    world.shown.update(
        {
            (vocabulary.DATABASE, "mn1"): "disconnected",
            (survey.TIMELINE, "mn1"): "2",
            (survey.POSITION, "mn1"): "2 400",
            (survey.SYSTEM, "mn1"): "7000",
            (survey.HANDOVER, "mn2"): "2 400",
        }
    )
    found = view(world, ServerState(True, 500, 2, "", ""))
    assert (found.peer, found.peer_name, found.rank) == (d.PEER_STANDBY, "mn1", d.NEWER)
    assert (found.timeline, found.handover) == (d.SAME, d.HANDOVER_REACHED)
    assert not found.foreign and not found.attached and not found.confirmed


def test_a_database_of_another_origin_is_foreign(world):
    world.shown.update(
        {(vocabulary.DATABASE, "mn1"): "disconnected", (survey.SYSTEM, "mn1"): "8000"}
    )
    assert view(world, ServerState(True, 500, 2, "", "")).foreign


def test_a_primary_is_asked_for_its_history_only_by_a_server_that_is_not_attached(world):
    world.mn2.lineage.said = "it has parted: 1 transaction exists only here"
    found = view(world, ServerState(True, 500, 2, "", ""))
    assert (found.divergence, world.mn2.lineage.asked) == ("", [])
    world.shown[(vocabulary.DATABASE, "mn1")] = "primary-alone"
    found = view(world, ServerState(True, 500, 2, "streaming", ""))
    assert (found.divergence, world.mn2.lineage.asked) == ("", [])
    found = view(world, ServerState(True, 500, 2, "waiting", ""))
    assert (found.divergence, world.mn2.lineage.asked) == (world.mn2.lineage.said, [("mn1", 500)])
    assert d.judge(found).word == "diverged" and not d.judge(found).promotable


def test_without_peers_nothing_is_asked(world):
    world.cluster_answers = False
    alone = surveying(world, [])
    found = alone.view(ServerState(True, 1, 1, "", ""), d.CLAIM_FRESH, "")
    assert found.peer == d.PEER_NONE
