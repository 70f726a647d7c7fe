"""What a node knows of the other one, and when that proves that nothing is missing here."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn import errors
from xcat_hamn.cluster import fate
from xcat_hamn.database.db2 import hadr, rows, survey
from xcat_hamn.database.db2 import view as v
from xcat_hamn.database.db2.decision import judge, judge_promotion
from xcat_hamn.database.db2.survey import Data, Obituary, Survey, parse_data, rank_of
from xcat_hamn.database.db2.term import Term

NOW = int(time.time())
LOG = ("S0000001.LOG", 1, 5000)


class Shared:
    """A stand-in for the cluster's attributes."""

    def __init__(self):
        self.values = {}
        self.answers = True

    def shared(self, name, node):
        return self.shared_by_all(name).get(node)

    def shared_by_all(self, name):
        if not self.answers:
            raise errors.CommandFailed("the cluster does not answer: start it")
        return {node: value for (one, node), value in self.values.items() if one == name}


class Fates:
    def __init__(self):
        self.one = fate.LOST

    def of(self, _node):
        return self.one


class Node:
    """mn2, whose partner is mn1."""

    def __init__(self, directory):
        self.shared, self.fates, self.fenced = Shared(), Fates(), []
        self.term = Term(f"{directory}/durable")
        self.obituary = Obituary(f"{directory}/run", self._history)
        self.survey = Survey(
            self.shared,
            self.fates,
            self.obituary,
            self.term,
            "mn2",
            ["mn1"],
            f"{directory}/run",
        )

    def _history(self, _node, after, before):
        return min((t for t in self.fenced if after < t <= before), default=None)

    def view(self, found):
        return self.survey.view(found, promoted=False)

    def partner(self, data):
        self.shared.values[survey.DATA, "mn1"] = data


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def standby(state=hadr.PEER, connect=hadr.CONNECTED, **more):
    values = {
        "role": hadr.STANDBY,
        "state": state,
        "known": True,
        "connect": connect,
        "syncmode": "NEARSYNC",
        "standby_log": LOG,
        "fields": {"STANDBY_LOG_TIME": "anything (1700000000)"},
        **more,
    }
    return hadr.Hadr(**values)


def lost(**more):
    return standby(hadr.REMOTE_CATCHUP_PENDING, hadr.DISCONNECTED, connected_at=NOW - 40, **more)


def test_a_standby_takes_the_term_of_the_primary_that_it_follows(node):
    node.partner("primary 7 0")
    assert judge(node.view(standby())).how == rows.PLAIN
    assert node.term.read() == 7


@pytest.mark.parametrize("connect", [hadr.DISCONNECTED, ""])
def test_a_standby_that_is_not_connected_does_not(node, connect):
    node.partner("primary 7 0")
    node.view(standby(hadr.REMOTE_CATCHUP_PENDING, connect))
    assert node.term.read() == 0


@pytest.mark.parametrize(
    ("left", "how"),
    [
        ("3 5000", rows.FORCE),  # all that it had is here
        ("3 4000", rows.FORCE),
        ("4 5000", rows.FORCE),  # of a primary that did not last until this node's next look
        ("3 5001", rows.REFUSE),  # something is missing here
        ("2 5000", rows.REFUSE),  # used up: somebody has led since
        ("", rows.REFUSE),
        ("3", rows.REFUSE),
        ("three 5000", rows.REFUSE),
    ],
)
def test_a_primary_that_ended_cleanly_is_succeeded_when_all_is_here(node, left, how):
    node.term.write(3)
    node.partner("standby 3 0")
    node.shared.values[survey.HANDOVER, "mn2"] = left
    assert judge(node.view(lost())).how == how


def test_a_takeover_late_needs_the_proof_of_a_death_inside_the_window(node):
    node.partner("primary 1 0")
    node.view(standby(peer_window_end=NOW + 60))
    node.shared.values.clear()
    window = {"peer_window_end": NOW - 10, "connected_at": NOW - 40}
    node.view(standby(hadr.DISCONNECTED_PEER, hadr.DISCONNECTED, **window))
    assert judge_promotion(node.view(lost())).how == rows.REFUSE  # not proven down at all
    node.fates.one = fate.DOWN
    assert judge_promotion(node.view(lost())).how == rows.REFUSE  # proven now, which is too late


@pytest.mark.parametrize(
    ("fenced", "how"),
    [
        ([-20], rows.FORCE),
        ([-12], rows.REFUSE),  # inside the margin for the clocks
        ([-200], rows.REFUSE),  # of another death, of which the node came back
        ([-200, -20], rows.FORCE),
        ([100], rows.REFUSE),
    ],
)
def test_the_history_of_fencing_counts_for_this_death_alone(node, tmp_path, fenced, how):
    node.partner("primary 1 0")
    window = {"peer_window_end": NOW - 10, "connected_at": NOW - 40}
    node.view(standby(hadr.DISCONNECTED_PEER, hadr.DISCONNECTED, **window))
    (tmp_path / "run/peer-seen").write_text(str(NOW - 30))
    node.shared.values.clear()
    node.fates.one = fate.DOWN
    node.fenced = [NOW + seconds for seconds in fenced]
    assert judge_promotion(node.view(lost())).how == how


def test_a_node_that_came_back_ends_the_proof(node):
    node.fates.one = fate.DOWN
    first = node.view(lost())
    assert first.down
    node.fates.one = fate.MEMBER
    assert not node.view(lost()).down
    node.fates.one = fate.DOWN
    node.fenced = [NOW - 5]  # before it was back
    assert node.view(lost()).fenced_at >= NOW


def test_a_fate_that_nobody_tells_proves_nothing(node):
    def silent(_name):
        raise errors.CommandTimeout("crm_mon hangs: see why")

    node.fates.of = silent
    assert not node.view(lost()).down


def test_a_cluster_that_does_not_answer_is_not_nobody_there(node):
    node.shared.answers = False
    with pytest.raises(errors.CommandFailed):
        node.view(lost())


def test_consent_counts_for_the_very_end_that_was_shown(node):
    node.fates.one = fate.DOWN
    node.term.write(2)
    end = node.survey.end_of(lost())
    assert end == "2 5000 0 1700000000"
    node.shared.values[survey.CONSENT, "mn2"] = "2 5000"
    assert judge_promotion(node.view(lost())).how == rows.FORCE
    moved = lost(standby_log=("S0000001.LOG", 1, 5001))
    assert judge_promotion(node.view(moved)).how == rows.REFUSE


def test_consent_never_beats_a_primary(node):
    node.partner("primary 2 0")
    node.term.write(2)
    node.shared.values[survey.CONSENT, "mn2"] = "2 5000"
    assert judge_promotion(node.view(lost())).how == rows.REFUSE


@pytest.mark.parametrize(
    ("mine", "theirs", "how"),
    [
        (3, "claims 2 0", rows.START),
        (2, "claims 3 0", rows.REFUSE),
        (3, "claims 3 0", rows.REFUSE),
        (0, "claims 3 0", rows.REFUSE),
        (3, "standby 3 0", rows.START),
        (3, "primary 4 0", rows.REFUSE),
        (3, None, rows.REFUSE),
    ],
)
def test_a_stopped_primary_by_what_the_other_node_shows(node, mine, theirs, how):
    node.term.write(mine)
    if theirs:
        node.partner(theirs)
    assert judge(node.view(None)).how == how


@pytest.mark.parametrize(
    ("theirs", "how"),
    [
        ("standby 3 5000", rows.FORCE),
        ("standby 3 4999", rows.FORCE),
        ("standby 3 5001", rows.REFUSE),
        ("standby 2 9000", rows.FORCE),
        ("standby 4 10", rows.REFUSE),
        ("standby 3 0", rows.REFUSE),
    ],
)
def test_of_two_standbys_the_one_that_has_replayed_more(node, theirs, how):
    node.term.write(3)
    node.partner(theirs)
    assert judge(node.view(lost())).how == how


DATA = st.builds(
    Data,
    st.sampled_from([survey.LEADS, survey.CLAIMS, survey.FOLLOWS]),
    st.integers(0, 3),
    st.integers(0, 3),
)


@given(DATA, DATA)
def test_ranks_are_never_both_newer(one, other):
    forth, back = rank_of(one, other), rank_of(other, one)
    assert (forth, back) in [
        (v.NEWER, v.OLDER),
        (v.OLDER, v.NEWER),
        (v.SAME, v.SAME),
        (v.UNKNOWN, v.UNKNOWN),
    ]


@given(DATA)
def test_data_is_read_as_it_was_written(data):
    again = parse_data(str(data))
    assert again is not None
    assert str(again) == str(data)


@given(st.text())
def test_no_text_breaks_what_reads_data(text):
    assert parse_data(text) is None or str(parse_data(text)).split() == [
        text.split()[0],
        *(str(int(word)) for word in text.split()[1:]),
    ]
