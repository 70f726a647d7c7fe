"""What a node tells the cluster, and what it commits itself to before."""

from __future__ import annotations

import pytest
from xcat_hamn import errors
from xcat_hamn.cluster import vocabulary
from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.database.postgresql import decision as d
from xcat_hamn.database.postgresql import promise, survey
from xcat_hamn.database.postgresql.client import ServerState

WORD = vocabulary.DATABASE
STANDBY = {(WORD, "mn2"): "disconnected", (survey.TIMELINE, "mn2"): "1"}


def publish(world, receiver=""):
    state = ServerState(True, 1000, 1, receiver, "")
    world.mn1.publication.standby(state)
    return world.shown.get((survey.POSITION, "mn1"))


def test_a_standby_without_a_claim_shows_its_position(world):
    world.mn1.claim.write(d.CLAIM_FOLLOWING)
    assert publish(world) == "1 1000"
    assert world.shown[(survey.SYSTEM, "mn1")] == "7000"
    assert world.shown[(survey.TIMELINE, "mn1")] == "1"


def test_two_standbys_that_attached_to_each_other_still_compare(world):
    """Both may be attached and nobody the primary: each streams from the other."""
    world.mn1.claim.write(d.CLAIM_FOLLOWING)
    world.shown.update(STANDBY)
    assert publish(world, receiver="streaming") == "1 1000"


@pytest.mark.parametrize("claim", d.CLAIMS)
def test_whoever_sees_a_primary_follows_it(world, claim):
    world.mn1.claim.write(claim, 1)
    world.shown[(WORD, "mn2")] = "primary"
    assert publish(world) is None
    assert world.mn1.claim.read(1) == d.CLAIM_FOLLOWING


@pytest.mark.parametrize("claim", d.EXCLUSIVE)
def test_with_nobody_to_see_it_a_claim_is_kept_and_nothing_shown(world, claim):
    world.mn1.claim.write(claim, 1)
    assert publish(world) is None
    assert world.mn1.claim.read(1) == claim
    assert world.shown[("score", "mn1")] == d.LEADING_SCORE


@pytest.mark.parametrize("claim", d.EXCLUSIVE)
@pytest.mark.parametrize("theirs", [None, "1 900", "1 1000"])
def test_the_exclusive_claim_is_given_up_before_the_position_is_shown(world, claim, theirs):
    """The other node may be promoted from then on, and this one must not lead unseen then."""
    world.mn1.claim.write(claim, 1)
    world.events.clear()
    world.shown.update(STANDBY)
    if theirs:
        world.shown[(survey.POSITION, "mn2")] = theirs
    assert publish(world) == "1 1000"
    assert world.mn1.claim.read(1) not in d.EXCLUSIVE
    assert world.happened("claim") < world.happened("share", survey.POSITION)


def test_an_original_shows_its_position_to_a_copy_in_the_making_at_no_cost(world):
    world.mn1.claim.write(d.CLAIM_FRESH)
    world.shown.update({(WORD, "mn2"): "preparing", (survey.TIMELINE, "mn2"): "0"})
    assert publish(world) == "1 1000"
    assert world.mn1.claim.read(1) == d.CLAIM_FRESH


def test_of_two_strangers_the_later_name_waits_for_the_other_to_show(world):
    state = ServerState(True, 1000, 1, "", "")
    world.shown.update({(WORD, "mn1"): "disconnected", (survey.TIMELINE, "mn1"): "1"})
    world.mn2.publication.standby(state)
    assert (survey.POSITION, "mn2") not in world.shown
    assert world.shown[("score", "mn2")] == GATED
    world.shown[(survey.POSITION, "mn1")] = "1 1001"
    world.mn2.publication.standby(state)
    assert world.shown[(survey.POSITION, "mn2")] == "1 1000"
    assert world.shown[("score", "mn2")] == GATED


def test_what_others_compare_with_is_there_before_they_look(world):
    world.mn1.claim.write(d.CLAIM_FOLLOWING)
    publish(world)
    for name in (survey.TIMELINE, survey.POSITION):
        assert world.happened("share", name) < world.happened("publish", WORD)


def test_a_gated_standby_says_why(world):
    world.mn1.claim.write(d.CLAIM_FOLLOWING)
    publish(world)
    assert world.shown[("score", "mn1")] == GATED
    assert "mn2" in world.shown[(vocabulary.DATABASE_LIMIT, "mn1")]


def test_a_cluster_that_does_not_answer_fails_no_monitor(world):
    world.cluster_answers = False
    publish(world)
    assert any("does not answer" in line for line in world.mn1.log.lines)
    assert world.shown == {}


def test_a_cluster_that_does_not_answer_allows_no_promotion(world):
    """Nothing known of the other node is not the same as no other node."""
    world.mn1.claim.write(d.CLAIM_ALONE, 1)
    assert world.mn1.publication.judge_promotion().promotable
    world.cluster_answers = False
    with pytest.raises(errors.CommandFailed):
        world.mn1.publication.judge_promotion()


def test_before_a_promotion_everything_stale_is_taken_back(world):
    world.shown.update(
        {
            (survey.HANDOVER, "mn2"): "1 900",
            (survey.POSITION, "mn1"): "1 1000",
            (vocabulary.DATABASE_SYNC, "mn2"): "confirmed",
        }
    )
    world.mn1.publication.before_promotion([])
    assert world.shown == {(vocabulary.DATABASE_SYNC, "mn2"): "not-confirmed"}


@pytest.mark.parametrize("stale", [(survey.HANDOVER, "mn2"), (survey.POSITION, "mn1")])
def test_nothing_is_promoted_while_the_cluster_keeps_something_stale(world, stale):
    world.shown[stale] = "1 900"
    world.stubborn.add(stale)
    with pytest.raises(errors.CommandFailed, match="another node could become a primary"):
        world.mn1.publication.before_promotion([])


def test_a_new_primary_tells_its_timeline_before_its_role(world):
    world.mn1.publication.promoted(ServerState(False, 1100, 2, "", ""))
    told = world.happened("share", survey.TIMELINE, "2")
    assert told < world.happened("publish", WORD, "primary-alone")
    assert world.shown[("score", "mn1")] == d.PRIMARY_SCORE


def test_a_primary_takes_back_what_belongs_to_a_standby(world):
    for node in ("mn1", "mn2"):
        world.shown[(survey.HANDOVER, node)] = "1 900"
    world.shown[(survey.POSITION, "mn1")] = "1 1000"
    world.shown[(vocabulary.DATABASE_SYNC, "mn1")] = "confirmed"
    world.mn1.publication.primary(ServerState(False, 1100, 2, "", ""), "primary")
    assert world.shown == {
        (WORD, "mn1"): "primary",
        (survey.TIMELINE, "mn1"): "2",
        (promise.PROMISE, "mn1"): promise.GIVER,
    }


def test_a_handover_is_announced_and_completed_or_withdrawn(world):
    mn1 = world.mn1.publication
    mn1.handing_over(["mn2"])
    assert world.shown[(survey.HANDOVER, "mn2")] == "pending"
    mn1.handed_over(["mn2"], (3, 77))
    assert world.shown[(survey.HANDOVER, "mn2")] == "3 77"
    mn1.handed_over(["mn2"], None)
    assert (survey.HANDOVER, "mn2") not in world.shown
