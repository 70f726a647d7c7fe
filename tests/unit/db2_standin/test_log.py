"""The log of the stand-in: what a loss of power leaves, and which log is a beginning of which."""

from __future__ import annotations

import pytest
from db2.standin.log import START, Log, is_beginning, place


@pytest.fixture
def log(tmp_path):
    made = Log(f"{tmp_path}/log.jsonl", START, "origin")
    for number in range(3):
        made.append([made.next(number, [[f"insert {number}", []]])])
    return made


@pytest.mark.parametrize("lost", [1, 5, 60])
def test_a_torn_end_is_dropped_and_what_was_whole_stays(log, lost):
    with open(log.path, "rb+") as stream:
        stream.truncate(stream.seek(0, 2) - lost)
    again = Log(log.path, START, "origin")
    assert again.records == log.records[:2]
    again.append([again.next(9, [])])
    assert Log(log.path, START, "origin").records == again.records


def test_a_record_of_another_log_is_not_taken(log, tmp_path):
    other = Log(f"{tmp_path}/other.jsonl", START, "another origin")
    with pytest.raises(ValueError, match="follows"):
        log.append([other.next(0, [])])


def test_the_digest_at_a_position_tells_logs_apart(log):
    first = log.records[0]
    assert log.digest_at(first.end) == first.digest
    assert log.digest_at(first.end + 1) is None
    assert log.digest_at(log.end) == log.digest
    assert log.digest_at(START) == "origin"
    log.cut(first.end)
    assert (log.end, log.digest) == (first.end, first.digest)


@pytest.mark.parametrize(
    ("chains", "end", "expected"),
    [
        ([["a", 0]], 90, True),
        ([["a", 0]], 100, True),
        ([["a", 0]], 101, False),
        ([["a", 0], ["b", 100]], 500, True),
        ([["a", 0], ["c", 90]], 95, False),
        ([["a", 0], ["b", 100], ["d", 200]], 300, False),
        ([["z", 0]], 10, False),
    ],
)
def test_a_log_is_a_beginning_up_to_the_fork(chains, end, expected):
    assert is_beginning(chains, end, [["a", 0], ["b", 100]]) is expected


def test_files_have_numbers():
    assert place(START) == ("S0000000.LOG", 0)
    assert place(START + 4_076_000 * 2 + 4076 * 3 + 1) == ("S0000002.LOG", 3)
