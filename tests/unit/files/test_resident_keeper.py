"""The keeper between a watch, lanes and clocks that are stand-ins."""

from __future__ import annotations

from typing import Any

import pytest
from xcat_hamn.files import ports
from xcat_hamn.files.ports import Result
from xcat_hamn.files.resident import report
from xcat_hamn.files.resident.keeper import MARK, MARK_EVERY, Keeper, roots_of
from xcat_hamn.files.resident.orders import FINISH, SYNC
from xcat_hamn.files.resident.process import Dark
from xcat_hamn.files.sets import FileSet, Root
from xcat_hamn.files.watch.changes import Changes
from xcat_hamn.files.watch.changes import Root as WatchedRoot

GOOD = Result(True, ports.OK, "copied", seconds=0.1)


def failed(kind: str) -> Result:
    return Result(False, kind, f"it failed: {kind}")


class Clock:
    def __init__(self) -> None:
        self.now, self.ahead = 1000.0, 1e9

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + self.ahead


class Watch:
    def __init__(self) -> None:
        self.next = Changes()
        self.dark: dict[bytes, str] = {}

    def changes(self) -> Changes:
        given, self.next = self.next, Changes()
        return given

    def blind(self) -> dict[bytes, str]:
        return self.dark

    def touch(self, root: bytes, *paths: bytes) -> None:
        for path in paths:
            self.next.note(WatchedRoot(root), path)

    def lose(self, root: bytes) -> None:
        self.next.lose([WatchedRoot(root)], "events were dropped")


class Lane:
    def __init__(self) -> None:
        self.key, self.call, self.cancelled = "", None, 0

    @property
    def busy(self) -> bool:
        return bool(self.key)

    def begin(self, key: str, call: Any) -> None:
        assert not self.key
        self.key, self.call = key, call

    def free(self) -> None:
        self.key = ""

    def cancel(self) -> None:
        self.cancelled += 1


class Journal:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)

    warning = info


class Calls:
    """A transfer that notes what it was called with."""

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
            return name, arguments, options

        return call


KEYS = FileSet("keys", (Root("/nowhere/etc", "/nowhere/etc", ("id_*", "config")),), importance=1)
INSTALL = FileSet("install", (Root("/nowhere/i", "/nowhere/i"),), excludes=("*.tmp",), importance=9)


class Bench:
    def __init__(self, *sets: FileSet) -> None:
        self.clock, self.watch, self.journal = Clock(), Watch(), Journal()
        self.quick, self.whole = Lane(), Lane()
        self.keeper = Keeper(
            sets or (KEYS, INSTALL), self.watch, self.quick, self.whole, self.clock, self.journal
        )

    def end(self, lane: str, result: Result = GOOD, seconds: float = 0.2) -> None:
        self.clock.now += seconds
        self.keeper.ended(lane, getattr(self, lane).key, result)

    def settle(self) -> None:
        """Let every copy succeed until nothing is left to do."""
        for _ in range(20):
            self.keeper.advance()
            self.clock.now += 1
            for lane in ("quick", "whole"):
                if getattr(self, lane).busy:
                    self.end(lane)
        assert all(known.fresh for known in self.keeper.states.values())

    def called(self, lane: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        call = getattr(self, lane).call
        found: tuple[str, tuple[Any, ...], dict[str, Any]] = call(Calls())
        return found

    def word(self, name: str) -> str:
        return report.word_of(self.keeper.states[name])


def test_what_is_named_alone_is_watched_alone() -> None:
    hosts = FileSet("hosts", (Root("/etc: hosts", "/etc", ("hosts",)), Root("~x/y", "")))
    assert roots_of(hosts) == [b"/etc/hosts"]
    assert roots_of(KEYS) == [b"/nowhere/etc"]


def test_everything_is_compared_at_the_start_the_most_important_first() -> None:
    bench = Bench()
    bench.keeper.advance()
    assert bench.quick.key == "keys"
    assert bench.whole.key == "install"
    assert bench.called("whole")[0] == "full"
    assert bench.word("install") == report.DOUBTFUL
    bench.settle()


def test_a_change_goes_to_the_sets_that_hold_it_and_no_further() -> None:
    bench = Bench()
    bench.settle()
    bench.watch.touch(b"/nowhere/i", b"/nowhere/i/a", b"/nowhere/i/b.tmp")
    bench.watch.touch(b"/nowhere/etc", b"/nowhere/etc/passwd")
    bench.keeper.advance()
    assert bench.keeper.states["keys"].fresh
    assert bench.word("install") == report.COPYING
    bench.clock.now += 1
    bench.keeper.advance()
    name, arguments, options = bench.called("quick")
    assert (name, arguments[1:]) == ("some", ([b"/nowhere/i/a"], []))
    assert options["until"] == bench.clock.time()
    bench.end("quick")
    assert bench.keeper.states["install"].fresh


def test_what_changes_until_the_end_of_a_copy_is_known_when_it_is_judged() -> None:
    bench = Bench()
    bench.settle()
    bench.watch.touch(b"/nowhere/i", b"/nowhere/i/a")
    bench.keeper.advance()
    bench.clock.now += 1
    bench.keeper.advance()
    bench.watch.touch(b"/nowhere/i", b"/nowhere/i/a")
    bench.end("quick")
    assert not bench.keeper.states["install"].fresh
    bench.settle()


def test_a_node_that_was_away_is_compared_anew() -> None:
    bench = Bench()
    bench.settle()
    bench.clock.now += MARK_EVERY + 1
    bench.keeper.advance()
    assert bench.quick.key == MARK
    bench.end("quick", failed(ports.UNREACHABLE))
    assert bench.keeper.contact() == "it failed: unreachable"
    assert bench.keeper.states["keys"].fresh
    bench.clock.now += MARK_EVERY + 1
    bench.keeper.advance()
    bench.end("quick")
    assert not bench.keeper.contact()
    assert "was away" in bench.keeper.states["keys"].doubt
    bench.settle()


def test_the_other_node_is_told_what_it_has_and_its_clock_is_looked_at() -> None:
    told: list[object] = []
    ahead = failed(ports.CLOCK)

    class Other:
        def mark(self, until: dict[str, float]) -> Result:
            told.append(until)
            return GOOD

        def hello(self) -> ports.Peer:
            return ports.Peer(problem=ahead)

    bench = Bench()
    bench.settle()
    bench.watch.touch(b"/nowhere/i", b"/nowhere/i/a")
    bench.clock.now += MARK_EVERY + 1
    bench.keeper.advance()
    assert bench.quick.call
    result = bench.quick.call(Other())
    assert told == [{"keys": bench.clock.time()}]
    bench.end("quick", result)
    assert bench.keeper.contact() == ahead.sentence
    assert bench.keeper.states["keys"].fresh


def test_the_last_copy_does_not_wait_for_a_check_on_schedule() -> None:
    bench = Bench()
    bench.settle()
    bench.clock.ahead += 86400
    bench.keeper.advance()
    assert bench.keeper.states["install"].job
    order = bench.keeper.order(FINISH, (), 60)
    assert bench.whole.cancelled + bench.quick.cancelled
    for lane in ("quick", "whole"):
        if getattr(bench, lane).busy:
            bench.end(lane, failed(ports.CANCELLED))
    for _ in range(6):
        bench.keeper.advance()
        for lane in ("quick", "whole"):
            if getattr(bench, lane).busy:
                assert bench.called(lane)[0] == "full"
                bench.end(lane)
    found = bench.keeper.standing(order)
    assert (set(found.proven), found.over) == ({"keys", "install"}, True)
    assert not bench.keeper.orders


def test_the_last_copy_says_what_is_not_proven_at_its_deadline() -> None:
    bench = Bench()
    bench.settle()
    bench.watch.touch(b"/nowhere/i", b"/nowhere/i/a")
    bench.keeper.advance()
    order = bench.keeper.order(FINISH, (), 30)
    for _ in range(40):
        bench.keeper.advance()
        if bench.quick.busy:
            bad = bench.quick.key == "install"
            bench.end("quick", failed(ports.UNREACHABLE) if bad else GOOD)
        bench.clock.now += 1
    found = bench.keeper.standing(order)
    assert found.over
    assert dict(found.missing) == {"install": "it failed: unreachable"}


def test_the_last_copy_ends_early_when_only_a_hand_can_help() -> None:
    bench = Bench(INSTALL)
    bench.settle()
    bench.watch.touch(b"/nowhere/i", b"/nowhere/i/a")
    order = bench.keeper.order(FINISH, (), 600)
    bench.keeper.advance()
    assert not bench.keeper.standing(order).over
    bench.end("quick", failed(ports.REFUSED_KEY))
    assert bench.keeper.standing(order).over


def test_a_sync_compares_even_what_is_fresh() -> None:
    bench = Bench()
    bench.settle()
    order = bench.keeper.order(SYNC, ("install",), 60)
    assert not bench.keeper.standing(order).proven
    bench.keeper.advance()
    lane = "quick" if bench.quick.busy else "whole"
    assert bench.called(lane)[0] == "full"
    bench.end(lane)
    assert bench.keeper.standing(order).proven == ("install",)


def test_a_set_that_cannot_be_seen_whole_is_proven_by_a_comparison_after_the_order() -> None:
    bench = Bench(INSTALL)
    bench.watch.dark[b"/nowhere/i"] = "too many directories"
    bench.keeper.advance()
    bench.end("whole")
    assert bench.word("install") == report.UNWATCHED
    order = bench.keeper.order(FINISH, (), 60)
    assert not bench.keeper.standing(order).over
    bench.clock.now += 1
    bench.keeper.advance()
    bench.end("quick" if bench.quick.busy else "whole")
    assert bench.keeper.standing(order).proven == ("install",)


def test_where_nothing_can_be_watched_everything_is_compared_now_and_then() -> None:
    bench = Bench(INSTALL)
    dark = Dark(roots_of(INSTALL), "too many open files")
    keeper = Keeper([INSTALL], dark, bench.quick, bench.whole, bench.clock, bench.journal)
    for _ in range(3):
        keeper.advance()
        lane = "quick" if bench.quick.busy else "whole"
        assert bench.called(lane)[0] == "full"
        bench.clock.now += 0.2
        keeper.ended(lane, "install", GOOD)
        assert report.word_of(keeper.states["install"]) == report.UNWATCHED
        wake = keeper.advance()
        assert "too many open files" in keeper.steps["install"].sentence
        assert bench.clock.now < wake
        bench.clock.now = wake
        keeper.advance()
        if bench.quick.key == MARK:
            keeper.ended("quick", MARK, GOOD)


@pytest.mark.parametrize("jump", [-86400.0 * 30, 3600.0])
def test_a_clock_that_jumps_neither_loses_nor_repeats_anything(jump: float) -> None:
    bench = Bench(INSTALL)
    bench.settle()
    bench.clock.ahead += jump
    bench.watch.touch(b"/nowhere/i", b"/nowhere/i/a")
    bench.keeper.advance()
    assert bench.keeper.states["install"].behind_since() == pytest.approx(bench.clock.now, abs=1)
    bench.settle()
    bench.keeper.advance()
    assert not bench.quick.busy or bench.quick.key == MARK
    assert not bench.whole.busy


def test_lost_events_are_a_doubt_that_is_told_once() -> None:
    bench = Bench(INSTALL)
    bench.settle()
    bench.watch.lose(b"/nowhere/i")
    bench.keeper.drain()
    bench.watch.lose(b"/nowhere/i")
    bench.keeper.drain()
    assert bench.word("install") == report.DOUBTFUL
    assert bench.journal.lines.count("install: events were dropped") == 1
    bench.settle()
