"""The state of a set: whatever happens, it is "fresh" only while nothing is owed."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from xcat_hamn.files import ports
from xcat_hamn.files.ports import Result
from xcat_hamn.files.resident import schedule, state
from xcat_hamn.files.resident.decision import GATHER, NOTHING, View, decide
from xcat_hamn.files.resident.state import FULL, SAMPLE, SOME, SetState

GOOD = Result(True, ports.OK, "copied")
CUT = Result(False, ports.UNREACHABLE, "mn2 does not answer")
REFUSED = Result(False, ports.REFUSED_KEY, "mn2 refuses the key")


def fresh_state(now: float = 100.0) -> SetState:
    begun = state.begun(state.beginning(), FULL, now - 1, now - 1)
    found = state.ended(begun, GOOD, now)
    assert found.fresh
    return found


class World(RuleBasedStateMachine):
    """A source and a replica; the watch may lose events, then it says so at the next drain."""

    names = st.sampled_from([b"/s/a", b"/s/b", b"/s/c"])

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.source: dict[bytes, int] = {}
        self.replica: dict[bytes, int] = {b"/s/old": 1}
        self.events: set[bytes] = set()
        self.lost = False
        self.state = state.beginning()
        self.turn = 0

    def drain(self) -> None:
        if self.lost:
            self.state = state.doubted(self.state, "events were dropped", self.now)
        else:
            self.state = state.changed(self.state, self.events, (), self.now)
        self.events, self.lost = set(), False

    @rule(name=names)
    def write(self, name: bytes) -> None:
        self.turn += 1
        self.source[name] = self.turn
        self.events.add(name)

    @rule(name=names)
    def delete(self, name: bytes) -> None:
        if self.source.pop(name, None) is not None:
            self.events.add(name)

    @rule()
    def overflow(self) -> None:
        self.lost = True

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 20.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(due=st.booleans(), asked=st.booleans(), sample=st.booleans())
    def ask(self, due: bool, asked: bool, sample: bool) -> None:
        self.state = replace(self.state, due=due, asked=asked, sample=sample)

    @rule(blind=st.sampled_from(["", "too many directories"]))
    def blind(self, blind: str) -> None:
        if self.state.blind and not blind:
            self.state = state.doubted(self.state, "the watch began anew", None)
        self.state = replace(self.state, blind=blind)

    @rule(urgent=st.booleans())
    def step(self, urgent: bool) -> None:
        self.drain()
        step = decide(View(self.state, self.now, urgent))
        assert step.sentence
        if step.kind != NOTHING:
            assert self.state.job is None
            self.state = state.begun(self.state, step.kind, self.now, self.now)

    def copy(self, name: bytes) -> None:
        if name in self.source:
            self.replica[name] = self.source[name]
        else:
            self.replica.pop(name, None)

    @precondition(lambda self: self.state.job is not None)
    @rule(part=names)
    def progress(self, part: bytes) -> None:
        """The running copy gets to one of its names, at any moment before its end."""
        job = self.state.job
        assert job
        if job.kind == FULL or part in job.paths:
            self.copy(part)

    @precondition(lambda self: self.state.job is not None)
    @rule(
        result=st.sampled_from([GOOD, CUT, REFUSED, Result(False, ports.CANCELLED, "told to")]),
        before=st.lists(names),
    )
    def end(self, result: Result, before: list[bytes]) -> None:
        """The copy reads some names, then files change, then it reads the rest and ends."""
        job = self.state.job
        assert job
        wanted = {*self.source, *self.replica} if job.kind == FULL else set(job.paths)
        if job.kind != SAMPLE and result.ok:
            early = wanted.intersection(before)
            for name in early:
                self.copy(name)
            for name in before:
                self.write(name)
            for name in wanted - early:
                self.copy(name)
        self.drain()
        self.now += 0.2
        self.state = state.ended(self.state, result, self.now)

    @rule()
    def killed(self) -> None:
        """The process is killed and started again: what it knew is gone, with its events."""
        self.state = state.beginning()
        self.events, self.lost = set(), False

    @invariant()
    def fresh_only_when_equal(self) -> None:
        if self.state.fresh and not self.events and not self.lost:
            assert self.replica == self.source

    @invariant()
    def what_is_owed_is_worked_off(self) -> None:
        if self.state.owes and self.state.job is None:
            step = decide(View(self.state, self.now))
            assert step.kind != NOTHING or (step.at is not None and step.at > self.now)


World.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestWorld = World.TestCase


def test_the_process_begins_with_a_doubt() -> None:
    begin = state.beginning()
    assert not begin.fresh
    step = decide(View(begin, 5.0))
    assert step.kind == FULL
    assert "is unknown" in step.sentence
    assert begin.behind_since() is None
    assert state.beginning(3.0).behind_since() == 3.0


def test_a_change_during_a_copy_is_copied_again() -> None:
    one = state.changed(fresh_state(), [b"/s/a"], (), 101.0)
    running = state.begun(one, SOME, 102.0, 102.0)
    again = state.changed(running, [b"/s/a"], (), 102.5)
    after = state.ended(again, GOOD, 103.0)
    assert not after.fresh
    assert after.paths == {b"/s/a"}
    assert after.behind_since() == 102.5


def test_a_failed_copy_owes_what_it_took_since_it_happened() -> None:
    one = state.changed(fresh_state(), [b"/s/a"], [b"/s/d"], 101.0)
    running = state.begun(one, SOME, 102.0, 102.0)
    after = state.ended(running, CUT, 103.0)
    assert (after.paths, after.trees, after.since) == ({b"/s/a"}, {b"/s/d"}, 101.0)
    step = decide(View(after, 103.5))
    assert step.kind == NOTHING
    assert "mn2 does not answer" in step.sentence
    assert decide(View(after, 104.1)).kind == SOME


def test_failures_are_tried_again_ever_later_but_not_later_than_a_minute() -> None:
    now, pauses = 100.0, []
    found = state.changed(fresh_state(), [b"/s/a"], (), now)
    for _ in range(9):
        found = state.ended(state.begun(found, SOME, now, now), CUT, now)
        pauses.append(found.not_before - now)
        now = found.not_before
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    hurry = decide(View(found, found.failed_at + 1.0, urgent=True))
    assert hurry.kind == SOME


def test_changes_are_gathered_and_then_copied_at_once() -> None:
    found = state.changed(fresh_state(), [b"/s/a"], (), 101.0)
    step = decide(View(found, 101.1))
    assert (step.kind, step.at) == (NOTHING, 101.0 + GATHER)
    assert decide(View(found, 101.0 + GATHER)).kind == SOME
    assert decide(View(found, 101.1, urgent=True)).kind == SOME


def test_too_many_paths_become_a_doubt() -> None:
    paths = [b"/s/%d" % number for number in range(state.LIMIT + 1)]
    found = state.changed(fresh_state(), paths, (), 101.0)
    assert not found.paths
    assert f"more than {state.LIMIT}" in found.doubt


def test_a_set_that_is_not_wholly_seen_is_never_fresh_but_compared_now_and_then() -> None:
    found = state.ended(
        state.begun(replace(state.beginning(), blind="x is nfs"), FULL, 1.0, 1.0), GOOD, 2.0
    )
    assert not found.fresh
    waiting = decide(View(found, 3.0))
    assert waiting.kind == NOTHING
    assert "x is nfs" in waiting.sentence
    assert waiting.at is not None
    assert decide(View(found, waiting.at)).kind == FULL


def test_contents_that_differed_unseen_put_the_set_in_doubt_by_checksum() -> None:
    running = state.begun(fresh_state(), SAMPLE, 101.0, 101.0)
    strange = Result(True, ports.OK, "1 differed", 1, (b"/s/rotten",), 1)
    found = state.ended(running, strange, 102.0)
    assert "contents of 1 files differed" in found.doubt
    comparing = state.begun(found, FULL, 103.0, 103.0)
    assert comparing.job is not None
    assert comparing.job.checksum
    assert state.ended(comparing, GOOD, 104.0).fresh


def test_a_sample_that_meets_files_which_just_changed_raises_no_alarm() -> None:
    running = state.changed(state.begun(fresh_state(), SAMPLE, 101.0, 101.0), [b"/s/a"], (), 101.5)
    found = state.ended(running, Result(True, ports.OK, "1 differed", 1, (b"/s/a",), 1), 102.0)
    assert not found.doubt


def test_endless_doubts_leave_half_of_the_time() -> None:
    found = state.ended(state.begun(fresh_state(), FULL, 200.0, 200.0), GOOD, 210.0)
    found = state.doubted(found, "events were dropped", 210.0)
    assert decide(View(found, 215.0)).kind == NOTHING
    assert decide(View(found, 220.0)).kind == FULL
    assert decide(View(found, 215.0, urgent=True)).kind == FULL


@pytest.fixture
def paris(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def moment(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M"))


@pytest.mark.parametrize(
    ("last", "now", "elapsed", "due"),
    [
        ("2026-11-22 02:00", "2026-11-23 00:59", 82740, False),
        ("2026-11-22 02:00", "2026-11-23 01:00", 82800, True),
        ("2026-11-23 01:05", "2026-11-23 01:06", 60, False),
        # The clock was put forward over the time of the check, and back behind it again.
        ("2026-11-22 23:00", "2026-11-23 03:00", 60, True),
        ("2026-11-23 03:01", "2026-11-22 23:02", 60, False),
        # Put back by a month: the clock that nobody sets still asks for a check.
        ("2026-11-23 01:00", "2026-10-23 02:00", 3600, False),
        ("2026-11-23 01:00", "2026-10-24 02:00", 200000, True),
        # The nights on which clocks change.
        ("2026-03-28 02:30", "2026-03-29 03:35", 86700, True),
        ("2026-10-24 02:30", "2026-10-25 02:45", 87300, True),
    ],
)
def test_a_schedule_survives_clocks_that_jump(
    paris: None, last: str, now: str, elapsed: float, due: bool
) -> None:
    at_half_past_two = "02:30" if last.endswith("02:30") else "01:00"
    assert schedule.is_due(at_half_past_two, moment(last), moment(now), elapsed) is due


def test_a_set_without_a_schedule_is_never_due() -> None:
    assert not schedule.is_due("", 0.0, 1e9, 1e9)
    assert 0 < schedule.next_after("01:00", 1e9) <= 3600
