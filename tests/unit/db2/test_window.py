"""What a standby remembers of the peer window, and that acting on it never loses a commit."""

from __future__ import annotations

import itertools

import pytest
from db2_samples import read
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.database.db2 import decision, hadr
from xcat_hamn.database.db2.hadr import Hadr, parse_db2pd, standing
from xcat_hamn.database.db2.view import view_of
from xcat_hamn.database.db2.window import Window, is_credible, parse_window, remember

LENGTH = 30


def showing(state, connect="DISCONNECTED", end=None, since=None, **values):
    return Hadr(
        **{"role": "STANDBY", "syncmode": "SYNC", "known": True, **values},
        state=state,
        connect=connect,
        connected_at=since,
        peer_window_end=end,
    )


PEER = showing("PEER", "CONNECTED", 500, 10)
HELD = showing("DISCONNECTED_PEER", end=500, since=480)
PENDING = showing("REMOTE_CATCHUP_PENDING", since=480)


def test_a_window_is_remembered_from_the_loss_of_the_connection_on():
    record = remember(remember(None, PEER), HELD)
    assert record == Window(500, 480)
    assert remember(record, PENDING) == record
    assert parse_window(str(record)) == record
    assert parse_window(str(remember(None, PEER))) == Window(500)


@pytest.mark.parametrize(
    "found",
    [
        showing("REMOTE_CATCHUP", "CONNECTED", since=490),
        showing("REMOTE_CATCHUP_PENDING", "CONNECTED", since=490),
        showing("REMOTE_CATCHUP_PENDING", since=495),
        showing("REMOTE_CATCHUP_PENDING"),
        showing("LOCAL_CATCHUP", since=480),
        showing("PEER", "CONNECTED"),
        showing("DISCONNECTED_PEER", end=900, since=480, syncmode="ASYNC"),
        showing("DISCONNECTED_PEER", end=900, since=480, peer_wait_limit=20),
        showing("DISCONNECTED_PEER", end=900, since=480, role="PRIMARY"),
        showing("ASSISTED_QUANTUM_CATCHUP", end=900, since=480, known=False),
    ],
)
def test_whatever_lets_the_primary_commit_alone_ends_it(found):
    assert remember(Window(500, 480), found) is None


def test_a_window_that_was_not_seen_to_freeze_is_not_trusted():
    """Between PEER and now the pair may have reconnected, caught up half and parted again."""
    assert remember(Window(500), PENDING) is None


@pytest.mark.parametrize("text", [None, "", "1", "x y", "1 2 3", "-3 0 4", "0 0", "\x00 1"])
def test_what_is_no_window_is_none(text):
    assert parse_window(text) is None


def test_samples():
    held = standing(parse_db2pd(read("db2pd-11.5-standby-disconnected_peer")))
    assert remember(None, held) == Window(1722514705, 1722514590)
    old = standing(parse_db2pd(read("db2pd-9.7-standby-disconnectedpeer-columns")))
    assert remember(None, old) == Window(1283702347, 1283697600)
    late = "db2pd-11.5-standby-remote_catchup_pending-disconnected-window-expired"
    assert remember(None, standing(parse_db2pd(read(late)))) is None


class Pair:
    """A stand-in for two Db2 databases with a peer window, by the documented rules.

    A client commits whenever it can.
    """

    def __init__(self, skew):
        self.time, self.skew = 1000, skew
        self.committed = self.here = 0
        self.linked = self.alive = True
        self.primary, self.standby = "PEER", "PEER"
        self.since, self.end, self.silent = 1000, 1000 + LENGTH, False
        self.fenced_at, self.record = None, None

    def happen(self, event):
        """Let seconds pass, or let something happen and a second pass."""
        if isinstance(event, str):
            getattr(self, event)()
        self.pass_time(event if isinstance(event, int) else 1)

    def pass_time(self, seconds):
        for _ in range(seconds):
            self.time += 1
            if self.alive and self.linked and self.primary == "PEER":
                self.end = self.time + LENGTH
            if self.primary == "DISCONNECTED_PEER" and self.time >= self.end:
                self.primary = "DISCONNECTED"
            if self.standby == "DISCONNECTED_PEER" and self.time >= self.end:
                self.standby = "REMOTE_CATCHUP_PENDING"
            self.commit()

    def commit(self):
        if self.alive and self.primary == "PEER" and self.linked:
            self.committed += 1
            self.here = self.committed
        elif self.alive and self.primary in ("DISCONNECTED", "REMOTE_CATCHUP"):
            self.committed += 1

    def cut(self):
        """Lose the connection; both notice."""
        if self.linked:
            self.linked, self.since = False, self.time
            held = self.standby == "PEER"
            self.primary = "DISCONNECTED_PEER" if held else "DISCONNECTED"
            self.standby = "DISCONNECTED_PEER" if held else "REMOTE_CATCHUP_PENDING"

    def heal(self):
        if not self.linked and self.alive:
            self.linked, self.since = True, self.time
            self.primary = self.standby = "REMOTE_CATCHUP"

    def catch_up(self):
        if self.linked and self.alive and self.standby == "REMOTE_CATCHUP":
            self.here = self.committed
            self.primary = self.standby = "PEER"
            self.end = self.time + LENGTH

    def die(self):
        """Die silently: the standby shows what it showed, until `cut`."""
        self.alive = False

    def fence(self):
        self.alive = False
        self.fenced_at = self.fenced_at or self.time + self.skew

    def shown(self):
        end = self.end if "PEER" in self.standby else None
        connect = "CONNECTED" if self.linked else "DISCONNECTED"
        return showing(self.standby, connect, end, self.since)

    def look(self):
        """Do what the agent's monitor does."""
        self.record = remember(self.record, self.shown())

    def verdict(self):
        found = self.shown()
        record = remember(self.record, found)
        view = view_of(
            found,
            down=self.fenced_at is not None,
            fenced_at=self.fenced_at,
            now=self.time + self.skew,
            window_end=record.end if record else None,
        )
        return decision.judge_promotion(view)


EVENTS = ("cut", "heal", "catch_up", "die", LENGTH - 6, LENGTH)


STEPS = [(event, looked) for event in EVENTS for looked in (False, True)]
#: At the end the primary's node is fenced, and the standby looked at for a while.
FENCED = [("fence", False), (LENGTH, True), (LENGTH, True)]


def play(steps, skew):
    """Cut, reconnect, catch up half and die in any order; the standby is looked at now and then."""
    pair = Pair(skew)
    for event, looked in [*steps, *FENCED]:
        pair.happen(event)
        if looked:
            pair.look()
        verdict = pair.verdict()
        if verdict.promotable:
            assert not pair.alive
            assert pair.here == pair.committed, (steps, verdict.row)


@pytest.mark.parametrize("skew", [-5, 5])
def test_a_forced_takeover_without_consent_never_lacks_a_commit(skew):
    for steps in itertools.product(STEPS, repeat=3):
        play(steps, skew)


@given(st.lists(st.sampled_from(STEPS), max_size=15), st.integers(-5, 5))
def test_nor_does_it_after_a_longer_history(steps, skew):
    play(steps, skew)


@pytest.mark.parametrize(
    ("events", "row"),
    [
        (("look", "die", "fence"), "dead, inside the window"),
        (("cut", "look", "fence", LENGTH), "died inside the window"),
        (("cut", "look", LENGTH, "fence"), "primary lost after the window"),
        (("cut", "look", "heal", "cut", "fence"), "primary lost without a window"),
    ],
)
def test_how_it_ends(events, row):
    pair = Pair(0)
    for event in events:
        pair.happen(event)
    verdict = pair.verdict()
    assert verdict.row == row
    assert verdict.promotable == (row in ("dead, inside the window", "died inside the window"))


@pytest.mark.parametrize(("now", "credible"), [(400, True), (379, True), (375, True), (374, False)])
def test_a_clock_that_is_behind_is_seen_by_a_window_that_ends_too_late(now, credible):
    found = showing("PEER", "CONNECTED", 500, 10, peer_window=120)
    assert is_credible(Window(500), found, now) == credible


def test_a_window_is_open_only_for_a_state_that_has_one():
    for state in hadr.STATES:
        view = view_of(showing(state), window_end=500, now=100)
        assert view.in_window == (state in ("PEER", "DISCONNECTED_PEER", "REMOTE_CATCHUP_PENDING"))
        assert not view_of(showing(state, syncmode="ASYNC"), window_end=500, now=100).in_window
