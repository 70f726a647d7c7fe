"""The comparison with a primary, with a primary that is a stand-in."""

from __future__ import annotations

import pytest
from xcat_hamn.database.postgresql import history, upstream
from xcat_hamn.database.postgresql.client import ServerState
from xcat_hamn.database.postgresql.lineage import DIVERGED, Lineage
from xcat_hamn.database.postgresql.replication import Replication
from xcat_hamn.errors import CommandFailed
from xcat_hamn.system.deadline import Deadline

SYSTEM = "7000"


class StandInUpstream:
    """A primary on timeline 2, which forked off at 100; ``answers`` by position of the question."""

    asked = 0
    system = SYSTEM
    silent = False

    def __init__(self, replication, peer, *, user, deadline):
        assert (peer, user) == ("mn2", "postgres") and deadline.total <= 4

    def log(self, system):
        type(self).asked += 1
        if self.silent:
            raise CommandFailed("it did not answer: start it")
        if system != self.system:
            raise CommandFailed("its database is not a copy of this one")
        return history.Log(2, 500, [(1, 100)])

    def close(self):
        pass


class StandInInstallation:
    user = "postgres"

    def __init__(self, pgdata):
        self.pgdata = pgdata
        self.system_identifier = SYSTEM
        self.reached = (1, 90)

    def control_data(self):
        return self


@pytest.fixture
def primary(monkeypatch):
    made = type("Primary", (StandInUpstream,), {})
    monkeypatch.setattr(upstream, "Upstream", made)
    return made


@pytest.fixture
def made(world, tmp_path, primary, monkeypatch):
    """Return what makes the lineage of mn1, once for every monitor."""
    (tmp_path / "main/pg_wal").mkdir(parents=True)
    installation = StandInInstallation(f"{tmp_path}/main")
    addresses = {"mn1": "10.11.0.11", "mn2": "10.11.0.12"}
    replication = Replication("mn1", addresses, port=5432, user="repl", passfile="")
    counts = {"count": 3, "asked": 0}

    def commits(_installation, _comparison):
        counts["asked"] += 1
        return counts["count"]

    monkeypatch.setattr("xcat_hamn.database.postgresql.aside.commits", commits)

    def make():
        return Lineage(
            installation,
            replication,
            world.mn1.attributes,
            Deadline(30),
            world.mn1.log,
            f"{tmp_path}/run",
        )

    make.installation, make.counts = installation, counts
    return make


def state(position, timeline=1):
    return ServerState(True, position, timeline, "", "")


def test_a_divergence_is_shown_with_what_it_costs_which_is_counted_once(made, world):
    for _ in range(2):
        said = made().divergence("mn2", state(120))
        assert said.endswith("forked off at 0/64: 3 transactions exist only here")
    assert world.shown[(DIVERGED, "mn1")] == "1 120 100 3 mn2"
    assert made.counts["asked"] == 1
    made().divergence("mn2", state(130))
    assert made.counts["asked"] == 2


def test_a_beginning_is_no_divergence(made, world):
    assert made().divergence("mn2", state(100)) == ""
    assert (DIVERGED, "mn1") not in world.shown


def test_the_primary_is_asked_once_in_an_action(made, primary):
    one = made()
    for _ in range(3):
        one.divergence("mn2", state(120))
    assert primary.asked == 1


@pytest.mark.parametrize("trouble", ["silent", "foreign"])
def test_a_primary_that_cannot_be_compared_is_complained_of_once(made, primary, world, trouble):
    primary.silent = trouble == "silent"
    primary.system = SYSTEM if trouble == "silent" else "8000"
    for _ in range(3):
        assert made().divergence("mn2", state(120)) == ""
    assert len(world.mn1.log.lines) == 1
    primary.silent, primary.system = False, SYSTEM
    assert made().divergence("mn2", state(120))
    primary.silent = True
    made().divergence("mn2", state(120))
    assert len(world.mn1.log.lines) == 2


@pytest.mark.parametrize(("auto", "count"), [(True, 3), (False, 0)])
def test_a_restart_is_due_once(made, auto, count):
    made.counts["count"] = count
    one = made()
    assert not one.is_due(auto)
    one.divergence("mn2", state(120))
    assert one.is_due(auto)
    one.note_try(one.compare("mn2", state(120)))
    again = made()
    again.divergence("mn2", state(120))
    assert not again.is_due(auto)


def test_without_a_word_of_the_operator_transactions_are_left_alone(made):
    one = made()
    one.divergence("mn2", state(120))
    assert not one.is_due(False)


@pytest.mark.parametrize(
    ("reached", "parted"),
    [((1, 90), False), ((1, 100), False), ((1, 101), True), ((2, 300), False)],
)
def test_a_history_that_was_fetched_tells_whether_a_server_can_start_on_it(made, reached, parted):
    pgdata = made.installation.pgdata
    made.installation.reached = reached
    assert not made().parted_on_disk()
    with open(f"{pgdata}/pg_wal/00000002.history", "w", encoding="ascii") as stream:
        stream.write("1\t0/64\tno recovery target specified\n")
    assert made().parted_on_disk() == parted
