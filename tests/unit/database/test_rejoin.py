"""What becomes of a returning server, and what is kept of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.database.postgresql import aside, history, lineage, rejoin
from xcat_hamn.database.postgresql.progress import Progress
from xcat_hamn.errors import DeadlineExceeded
from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.runner import Runner

MEBIBYTE = 1 << 20
RELATIONS = sorted(history.SENTENCES)


def comparison(relation=history.DIVERGED, end=5000, fork=4000, timeline=2):
    return history.Comparison(relation, history.Log(timeline, end, [(1, 100)]), fork)


def order(kind, end=5000, timeline=2):
    return rejoin.Order(kind, timeline, end)


@given(st.sampled_from([rejoin.REWIND, rejoin.COPY]), st.integers(1, 99), st.integers(0, 1 << 64))
def test_an_order_survives_its_text(kind, timeline, end):
    found = rejoin.parse_order(str(rejoin.Order(kind, timeline, end)))
    assert (found.kind, found.timeline, found.end) == (kind, timeline, end)


@pytest.mark.parametrize(
    "text",
    [None, "", "rewind", "rewind 1", "rewind 1 x", "remove 1 2", "rewind 1 2 3", "failed: x"],
)
def test_what_is_no_order(text):
    assert rejoin.parse_order(text) is None


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("commits", [None, 0, 1, 5])
@pytest.mark.parametrize("auto", [False, True])
def test_only_a_log_that_has_diverged_is_ever_touched_without_an_order(relation, commits, auto):
    chosen = rejoin.choose(comparison(relation), commits, None, auto)
    if relation != history.DIVERGED:
        assert chosen == rejoin.FOLLOW
    elif auto or commits == 0:
        assert chosen == rejoin.REWIND
    else:
        assert chosen == rejoin.HOLD


@pytest.mark.parametrize("kind", [rejoin.REWIND, rejoin.COPY])
@pytest.mark.parametrize("about", [{"end": 4999}, {"timeline": 3}])
def test_an_order_holds_for_the_data_that_it_was_given_for(kind, about):
    assert rejoin.choose(comparison(), 3, order(kind), False) == kind
    assert rejoin.choose(comparison(), 3, order(kind, **about), False) == rejoin.HOLD


def test_an_order_to_rewind_is_nothing_where_there_is_nothing_to_undo():
    assert (
        rejoin.choose(comparison(history.PREFIX), None, order(rejoin.REWIND), False)
        == rejoin.FOLLOW
    )


@pytest.mark.parametrize(
    ("commits", "said"),
    [(None, "may exist"), (0, "no transactions exist"), (1, "1 transaction e"), (7, "7 transac")],
)
def test_transactions_are_counted_in_words(commits, said):
    assert said in lineage.counted(commits)


def test_the_timeline_is_that_of_the_segment_not_of_the_last_restartpoint(tmp_path):
    wal = tmp_path / "pg_wal"
    wal.mkdir()
    for name in [*names(0, 1, timeline=8), *names(1, 2, timeline=9), "00000009.history"]:
        (wal / name).write_bytes(b"x" * 16)
    assert lineage.timeline_at(str(tmp_path), 8, 10) == 8
    assert lineage.timeline_at(str(tmp_path), 8, 20) == 9
    assert lineage.timeline_at(str(tmp_path), 9, 10) == 9
    assert lineage.timeline_at(str(tmp_path), 8, 16) == 8
    assert lineage.timeline_at(str(tmp_path), 8, 99) == 8
    assert lineage.newest_timeline(str(tmp_path)) == 9


# -- what is kept ---------------------------------------------------------------------------


def names(*numbers, timeline=2):
    return [f"{timeline:08X}00000000{number:08X}" for number in numbers]


def test_segments_are_recognized():
    assert aside.is_segment("000000010000000000000003")
    for name in ("00000002.history", "000000010000000000000003.partial", "archive_status"):
        assert not aside.is_segment(name)


@given(
    st.integers(0, 300 * MEBIBYTE),
    st.integers(1, 300 * MEBIBYTE),
    st.sampled_from([1, 16, 64]),
)
def test_every_byte_after_the_fork_is_in_a_segment_that_is_kept(fork, length, size):
    size *= MEBIBYTE
    end = fork + length
    there = [aside.Segment(name, size) for name in names(*range(4096 * MEBIBYTE // size))[:700]]
    kept = aside.divergent(iter(there), comparison(end=end, fork=fork))
    assert kept[0].begin <= fork < kept[0].end
    assert kept[-1].begin < end <= kept[-1].end
    for earlier, later in zip(kept, kept[1:]):
        assert earlier.end == later.begin


def test_segments_of_others_timelines_and_of_the_future_stay():
    there = [aside.Segment(name, MEBIBYTE) for name in names(0, 1, 2) + names(1, timeline=3)]
    kept = aside.divergent(iter(there), comparison(end=MEBIBYTE + 5, fork=MEBIBYTE + 1))
    assert [segment.name for segment in kept] == names(1)


#: As pg_waldump 15 printed it; the second and third are no commits.
DUMP = """\
rmgr: Transaction len (rec/tot):     34/    34, tx:        727, lsn: 0/03002108, prev 0/030020C8, \
desc: COMMIT 2026-11-22 19:17:59.771049 UTC
rmgr: Transaction len (rec/tot):     34/    34, tx:        728, lsn: 0/03002130, prev 0/03002108, \
desc: ABORT 2026-11-22 19:18:00.771049 UTC
rmgr: Heap        len (rec/tot):     59/    59, tx:        729, lsn: 0/030020C8, prev 0/030020A0, \
desc: INSERT off 2 flags 0x00, blkref #0: rel 1663/5/16385 blk 0
rmgr: Transaction len (rec/tot):     34/    34, tx:        730, lsn: 0/03002160, prev 0/03002130, \
desc: COMMIT_PREPARED gid x: 2026-11-22 19:18:01.771049 UTC
"""


def test_commits_are_counted():
    assert aside.count_commits(DUMP) == 2
    assert aside.count_commits("") == 0


# -- progress -------------------------------------------------------------------------------


@pytest.fixture
def progress(tmp_path):
    return Progress(f"{tmp_path}/run/progress")


def shell(progress, script, seconds=10.0):
    import getpass

    return progress.run(Runner(), ["/bin/sh", "-c", script], getpass.getuser(), Deadline(seconds))


def test_the_last_line_is_what_counts(progress):
    assert shell(progress, "echo one; printf '10%%\\r20%%\\r'; exit 3") == 3
    assert progress.last_words() == "20%"
    assert shell(progress, "true") == 0
    assert progress.last_words() == "it printed nothing"


def test_a_program_that_takes_too_long_is_ended_with_its_children(progress, tmp_path):
    script = f"sleep 60 & echo $! > {tmp_path}/child; wait"
    with pytest.raises(DeadlineExceeded):
        shell(progress, script, 0.5)
    child = (tmp_path / "child").read_text().strip()
    Deadline(5).wait_for(lambda: not is_alive(child), "the end of the child")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
            return stream.read().split()[2] != "Z"
    except OSError:
        return False
