"""Two configurations make a pair, or not; its window lasts until a dead primary is fenced."""

from __future__ import annotations

import pytest
from db2_samples import read
from xcat_hamn.database.db2.configuration import parse_db_cfg
from xcat_hamn.database.db2.pairing import mismatches, warnings

FULL = read("dbcfg-11.5-standard-full")
NAMES = ("mn1", "mn2")


def pair(**changed):
    """Return the configurations of mn1 and mn2, the latter's parameters ``changed``."""
    other = FULL
    for one, two in (("10.11.0.11", "10.11.0.12"), ("DB2_HADR_1", "DB2_HADR_2")):
        other = other.replace(one, "@").replace(two, one).replace("@", two)
    return parse_db_cfg(FULL), with_values(other, **changed)


def with_values(text, **changed):
    lines = []
    for line in text.splitlines():
        name = next((n for n in changed if f"({n})" in line), None)
        lines.append(line if name is None else f"{line.partition(' =')[0]} = {changed[name]}")
    return parse_db_cfg("\n".join(lines))


def test_a_pair():
    assert mismatches(*pair(), NAMES) == []


def test_the_recorded_pair_with_a_target_list():
    primary = parse_db_cfg(read("dbcfg-11.5-primary-targetlist"))
    standby = parse_db_cfg(read("dbcfg-11.5-principal-standby-targetlist"))
    assert mismatches(primary, standby, NAMES) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"HADR_TIMEOUT": "60"}, "HADR_TIMEOUT is 120 on mn1 and 60 on mn2: "),
        ({"HADR_PEER_WINDOW": "0"}, "HADR_PEER_WINDOW is 300 on mn1 and 0 on mn2: "),
        ({"HADR_SYNCMODE": "ASYNC"}, "HADR_SYNCMODE is SYNC on mn1 and ASYNC on mn2: "),
        ({"HADR_LOCAL_HOST": "10.11.0.99"}, "HADR_REMOTE_HOST is 10.11.0.12 on mn1, but"),
        ({"HADR_REMOTE_SVC": "60000"}, "HADR_REMOTE_SVC is 60000 on mn2, but"),
        ({"HADR_REMOTE_INST": ""}, "HADR_REMOTE_INST is not set on mn2: "),
        ({"LOGARCHMETH1": "OFF"}, "the logs are circular on mn2: "),
    ],
)
def test_what_does_not_match_is_named_with_both_values(changed, said):
    found = mismatches(*pair(**changed), NAMES)
    assert len(found) == 1 and said in found[0]
    assert all(": " in sentence for sentence in found)


def test_a_target_list_lets_window_and_mode_differ():
    listed = {"HADR_TARGET_LIST": "mn1:1|mn2:2"}
    mine, theirs = with_values(FULL, **listed), pair(HADR_PEER_WINDOW="0", **listed)[1]
    assert mismatches(mine, theirs, NAMES) == []


def test_names_and_addresses_may_mean_the_same():
    mine, theirs = pair(HADR_LOCAL_HOST="mn2.cluster.test", HADR_LOCAL_SVC="55002")
    assert len(mismatches(mine, theirs, NAMES)) == 2
    assert mismatches(mine, theirs, NAMES, lambda *_: True, lambda *_: True) == []


def test_two_primaries_are_no_pair():
    mine, theirs = (parse_db_cfg(FULL.replace("STANDARD", "PRIMARY")) for _ in NAMES)
    assert any("both have the role PRIMARY" in said for said in mismatches(mine, theirs, NAMES))


@pytest.mark.parametrize(
    ("changed", "needed", "said"),
    [
        ({}, 200, None),
        ({}, 265, None),
        ({}, 266, "HADR_PEER_WINDOW is 300 s, but up to 301 s pass"),
        ({"HADR_PEER_WINDOW": "0"}, 20, "set 120 or more"),
        ({"HADR_SYNCMODE": "ASYNC"}, 20, "HADR_SYNCMODE is ASYNC"),
        ({"HADR_TIMEOUT": "3"}, 20, "HADR_TIMEOUT is 3 s"),
        ({"LOGINDEXBUILD": "OFF"}, 20, "LOGINDEXBUILD is OFF"),
        ({"HADR_REPLAY_DELAY": "600"}, 20, "HADR_REPLAY_DELAY is set"),
    ],
)
def test_what_a_dead_primary_would_cost(changed, needed, said):
    found = warnings(with_values(FULL, **changed), needed)
    assert len(found) == (said is not None)
    assert all(said in sentence and ": " in sentence for sentence in found)
