"""What a primary does for its standbys, and above all in which order."""

from __future__ import annotations

import pytest
from xcat_hamn.cluster import vocabulary
from xcat_hamn.database.postgresql import decision as d
from xcat_hamn.database.postgresql.client import Standby
from xcat_hamn.database.postgresql.supervision import attached, confirmed

SYNC = vocabulary.DATABASE_SYNC
WAIT_FOR_MN2 = '1 ("mn2")'


def test_only_peers_that_stream_are_attached():
    standbys = [
        Standby("mn2", "streaming", "async", 1),
        Standby("mn3", "catchup", "async", 1),
        Standby("xcat-hamn-copy", "streaming", "async", 1),
    ]
    assert attached(standbys, ["mn2", "mn3"]) == ["mn2"]


@pytest.mark.parametrize(
    ("standby", "expected"),
    [
        (Standby("mn2", "streaming", "sync", 10), ["mn2"]),
        (Standby("mn2", "streaming", "quorum", 11), ["mn2"]),
        (Standby("mn2", "streaming", "sync", 9), []),
        (Standby("mn2", "streaming", "async", 10), []),
        (Standby("mn2", "streaming", "potential", 10), []),
        (Standby("mn2", "catchup", "sync", 10), []),
    ],
)
def test_confirmed_means_waited_for_and_complete(standby, expected):
    assert confirmed([standby], 10) == expected


def test_a_standby_that_attaches_is_waited_for_then_claimed_then_told(world):
    mn1 = world.mn1.primary("mn2")
    assert mn1.keep() == ["mn2"]
    waits = world.happened("synchronous", "", WAIT_FOR_MN2)
    claims = world.happened("claim", "", d.CLAIM_LEADING, "3")
    tells = world.happened("publish", SYNC, "confirmed", "mn2")
    assert waits < claims < tells


def test_it_is_told_only_when_it_has_what_was_written_before(world):
    mn1 = world.mn1.primary("mn2")
    mn1.client.lag = 1000
    assert mn1.keep() == []
    assert world.shown[(SYNC, "mn2")] == "not-confirmed"
    assert mn1.claim.read(3) == d.CLAIM_ALONE


def test_what_counts_as_before_is_read_once_commits_wait(world):
    """A session that had not read the new setting may commit without waiting until then."""
    mn1 = world.mn1.primary("mn2")
    seen = []
    state = mn1.client.server_state

    def recorded():
        seen.append(mn1.client.standbys()[0].sync_state)
        return state()

    mn1.client.server_state = recorded
    mn1.keep()
    assert seen == ["sync"]


def test_a_standby_that_went_is_told_before_commits_stop_waiting(world):
    mn1 = world.mn1.primary(waits=True)
    mn1.client.state.synchronous_names = WAIT_FOR_MN2
    assert mn1.keep() == []
    tells = world.happened("publish", SYNC, "not-confirmed", "mn2")
    claims = world.happened("claim", "", d.CLAIM_ALONE, "3")
    lets_go = world.happened("synchronous", "", "")
    assert tells < lets_go and claims < lets_go


def test_switching_synchronous_off_tells_the_standby_first(world):
    mn1 = world.mn1.primary("mn2", waits=True)
    mn1.claim.write(d.CLAIM_LEADING, 3)
    assert mn1.keep(synchronous=False) == []
    tells = world.happened("publish", SYNC, "asynchronous", "mn2")
    claims = world.happened("claim", "", d.CLAIM_ALONE, "3")
    lets_go = world.happened("synchronous", "", "")
    assert tells < lets_go and claims < lets_go


def test_a_settled_pair_changes_nothing(world):
    mn1 = world.mn1.primary("mn2", waits=True)
    mn1.keep()
    assert mn1.claim.read(3) == d.CLAIM_LEADING
    world.events.clear()
    assert mn1.keep() == ["mn2"]
    kinds = {event[0] for event in world.events}
    assert kinds == {"claim", "publish", "share"}
    assert {event[2] for event in world.events} == {d.CLAIM_LEADING, "confirmed"}


def test_a_claim_of_another_timeline_is_confirmed_anew(world):
    mn1 = world.mn1.primary("mn2", waits=True)
    mn1.claim.write(d.CLAIM_LEADING, 2)
    mn1.client.lag = 1000
    assert mn1.keep() == []


def test_without_a_standby_nothing_is_waited_for(world):
    assert world.mn1.primary().keep() == []
    assert not [event for event in world.events if event[0] == "synchronous"]
    assert world.mn1.claim.read(3) == d.CLAIM_ALONE


def test_a_young_primary_is_patient_with_its_standby(world):
    mn1 = world.mn1.primary()
    real, calls = mn1.client.standbys, []

    def late():
        calls.append(1)
        mn1.client.attached = ["mn2"] if len(calls) > 3 else []
        return real()

    mn1.client.standbys = late
    assert mn1.keep(patience=5.0) == ["mn2"]
