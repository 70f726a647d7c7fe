"""Timeline histories, and how one log relates to another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.database.postgresql import history as h
from xcat_hamn.database.postgresql.installation import format_lsn

#: As PostgreSQL 15 wrote it on a node that was promoted twice.
RECORDED = """\
1\t0/30020C8\tno recovery target specified

2\t0/5000148\tno recovery target specified
"""


def test_a_history_as_postgresql_writes_it():
    assert h.parse_history(RECORDED, 3) == [(1, 0x30020C8), (2, 0x5000148)]


def test_comments_and_empty_lines_say_nothing():
    assert h.parse_history("# made by hand\n\n  \n1 0/10\n", 2) == [(1, 0x10)]
    assert h.parse_history("", 1) == []


@pytest.mark.parametrize(
    ("text", "timeline"),
    [
        ("1\n", 2),  # no position
        ("one 0/10\n", 2),
        ("1 10\n", 2),
        ("1 0/xyz\n", 2),
        ("2 0/10\n1 0/20\n", 3),  # descending
        ("1 0/10\n1 0/20\n", 3),
        ("1 0/10\n2 0/20\n", 2),  # its own ancestor
    ],
)
def test_what_postgresql_would_not_take_either(text, timeline):
    with pytest.raises(ValueError, match=r"timeline|invalid literal"):
        h.parse_history(text, timeline)


# -- a world of logs that really happened ---------------------------------------------------


@st.composite
def lineages(draw):
    """Give ancestors with ascending numbers and positions, and a log that ends after them."""
    numbers = sorted(draw(st.sets(st.integers(1, 40), min_size=1, max_size=6)))
    positions = sorted(draw(st.lists(st.integers(1, 1 << 40), min_size=6, max_size=6)))
    numbers[0] = 1
    return [*zip(numbers[:-1], positions)], numbers[-1], positions[-1]


def log(lineage):
    ancestors, timeline, end = lineage
    return h.Log(timeline, end, ancestors)


@given(lineages(), st.integers(0, 1 << 41))
def test_every_beginning_of_a_log_can_follow_it(lineage, cut):
    """A log cut anywhere is a prefix; itself, it is the same."""
    theirs = log(lineage)
    cut = min(cut, theirs.end)
    before = [(number, end) for number, end in theirs.ancestors if end < cut]
    timeline = [*(number for number, _ in theirs.ancestors), theirs.timeline][len(before)]
    found = h.compare(h.Log(timeline, cut, before), theirs)
    assert found.relation == (
        h.SAME if cut == theirs.end and timeline == theirs.timeline else h.PREFIX
    )


@given(lineages(), st.integers(1, 1 << 20))
def test_a_log_that_went_on_after_the_fork_has_diverged(lineage, further):
    """And the fork is where the other one left, on whichever timeline that was."""
    theirs = log(lineage)
    for place, (timeline, fork) in enumerate(theirs.ancestors):
        mine = h.Log(timeline, fork + further, theirs.ancestors[:place])
        found = h.compare(mine, theirs)
        assert (found.relation, found.fork) == (h.DIVERGED, fork)
        text = found.sentence("mn2")
        assert text == (
            f"this node's log ends at {format_lsn(fork + further)} on timeline {timeline}, but "
            f"mn2's forked off at {format_lsn(fork)}"
        )


@given(lineages(), lineages())
def test_the_two_sides_never_contradict_each_other(one, other):
    first, second = log(one), log(other)
    there, back = h.compare(first, second), h.compare(second, first)
    opposite = {h.PREFIX: {h.AHEAD}, h.AHEAD: {h.PREFIX}}
    expected = opposite.get(there.relation, {there.relation})
    assert back.relation in expected
    if there.relation == h.DIVERGED:
        # Both name the position up to which they agree, and have gone beyond it.
        assert there.fork == back.fork <= min(first.end, second.end)


@given(lineages())
def test_unknown_ancestors_are_never_taken_for_a_divergence_of_another_branch(lineage):
    theirs = log(lineage)
    assert h.compare(h.Log(99, 1, None), theirs).relation == h.UNKNOWN
    assert h.compare(theirs, h.Log(99, 1, None)).relation == h.UNKNOWN
    mine = h.Log(theirs.timeline, theirs.end, None)
    assert h.compare(mine, theirs).relation == h.SAME


def test_the_same_number_from_another_position_is_another_timeline():
    """Two nodes that were promoted apart both call their timeline 2."""
    found = h.compare(h.Log(2, 500, [(1, 100)]), h.Log(2, 600, [(1, 90)]))
    assert (found.relation, found.fork) == (h.DIVERGED, 90)


def test_a_primary_that_was_left_behind_may_have_gone_on():
    mine = h.Log(2, 500, [(1, 100)])
    assert h.compare(mine, h.Log(1, 100, [])).relation == h.AHEAD
    found = h.compare(mine, h.Log(1, 120, []))
    assert (found.relation, found.fork) == (h.DIVERGED, 100)


def test_logs_without_a_common_beginning():
    assert h.compare(h.Log(7, 500, [(5, 100)]), h.Log(2, 600, [(1, 90)])).relation == h.UNKNOWN


@pytest.mark.parametrize("relation", sorted(h.SENTENCES))
def test_every_relation_is_one_sentence(relation):
    text = h.Comparison(relation, h.Log(3, 0x5000148, []), 0x5000060).sentence("mn2")
    assert "mn2" in text and "0/5000148 on timeline 3" in text and "\n" not in text
