"""`xcat-hamn rejoin` where the database is Db2: what is refused, and what is done to one node."""

from __future__ import annotations

import contextlib
import json

import pytest
from cluster_standins import Command, StandInCluster
from xcat_hamn.cli import exits, main, rejoin, rejoin_db2
from xcat_hamn.errors import CommandFailed
from xcat_hamn.rejoin import db2

BAN, CLEAR, CLEANUP = (
    "crm_resource --ban --resource=xcat-db-clone --node=mn1",
    "crm_resource --clear --resource=xcat-db-clone --node=mn1",
    "crm_resource --cleanup --resource=xcat-db --node=mn1",
)


class Returning(StandInCluster):
    """mn2 has the role; mn1 has come back diverged, and its database does not run."""

    def __init__(self):
        super().__init__()
        self.engine = "xcat-db2hadr"
        self.attributes["mn1"] = {"xcat-db": "diverged", "xcat-db-limit": "it has parted"}
        self.attributes["mn2"] = {"xcat-db": "primary-alone", "master-xcat-db": "1000"}
        self.group_node, self.primary = "mn2", ("Promoted", "mn2")
        self.restored = []
        self.problem = None

    def start(self, argv, *, quiet=False):
        self.commands.append(" ".join(argv))
        if "--cleanup" in argv and self.restored:
            self.attributes["mn1"] = {"xcat-db": "standby"}
        return Command(0)

    def begin(self):
        assert self.commands == [BAN], "the cluster has been told to keep its hands off"

    def run_steps(self, keys):
        if self.problem:
            raise self.problem
        self.restored += keys


@pytest.fixture
def cluster(monkeypatch):
    made = Returning()

    class Procedure:
        def __init__(self, pair, _reporter):
            assert pair == "the pair of mn2 and mn1"

        prepare = staticmethod(made.begin)
        run = staticmethod(made.run_steps)

    @contextlib.contextmanager
    def connected(_site, view):
        assert view.primary == "mn2"
        yield "the pair of mn2 and mn1"

    monkeypatch.setattr(rejoin, "Runner", lambda: made)
    monkeypatch.setattr(rejoin_db2, "Foreground", made.start)
    monkeypatch.setattr(rejoin_db2, "load_site", lambda: None)
    monkeypatch.setattr(rejoin_db2, "_connected", connected)
    monkeypatch.setattr(db2, "Procedure", Procedure)
    monkeypatch.setattr(db2, "FOLLOWS", 0.2)
    monkeypatch.setattr(db2, "_EVERY", 0.01)
    return made


def run(*words):
    return main.main(["rejoin", *words])


def test_it_says_what_is_given_up_and_restores_that_node_alone(cluster, capsys):
    assert run("mn1", "--yes") == exits.OK
    assert cluster.commands == [BAN, CLEAR, CLEANUP]
    assert cluster.restored == list(db2.STEPS)
    output = capsys.readouterr().out
    assert "what was committed on mn1 alone is not in mn2's, and is given up" in output
    assert "mn1 is the standby of mn2 again" in output


def test_nothing_of_it_stops_a_client_or_starts_a_database():
    assert not {"xcatd", "clients", "start-standby", "start-primary"} & set(db2.STEPS)


@pytest.mark.parametrize(
    ("node", "word", "sentence"),
    [
        ("mn9", "diverged", "mn9 is no node of this cluster"),
        ("mn2", "diverged", "mn2 has the primary database"),
        ("mn1", "standby", "follows mn2 already"),
        ("mn1", "disconnected", "not known to have diverged from mn2's (it has parted)"),
    ],
)
def test_where_there_is_nothing_to_restore_nothing_is_done(cluster, capsys, node, word, sentence):
    cluster.attributes["mn1"]["xcat-db"] = word
    assert run(node, "--yes") == exits.FAILED
    assert cluster.commands == []
    assert sentence in capsys.readouterr().err


def test_a_copy_is_made_of_a_database_that_has_not_diverged_when_asked_for(cluster):
    cluster.attributes["mn1"]["xcat-db"] = "disconnected"
    assert run("mn1", "--copy", "--yes") == exits.OK
    assert cluster.restored


def test_without_a_terminal_and_in_a_dry_run_nothing_is_done(cluster, capsys):
    assert run("mn1") == exits.LOSS
    assert run("mn1", "--dry-run") == exits.OK
    assert cluster.commands == []
    assert "Dry run: nothing was changed" in capsys.readouterr().out


def test_a_restore_that_fails_leaves_no_ban(cluster, capsys):
    cluster.problem = CommandFailed("the disk is full: make room")
    assert run("mn1", "--yes") == exits.FAILED
    assert cluster.commands == [BAN, CLEAR, CLEANUP]
    assert "the disk is full" in capsys.readouterr().err


def test_a_database_that_does_not_follow_in_time_is_reported(cluster, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "run_steps", lambda keys: None)
    monkeypatch.setattr(db2.Procedure, "run", staticmethod(lambda keys: None))
    assert run("mn1", "--yes") == exits.FAILED
    assert "in vain for the database on mn1 to follow: it has parted" in capsys.readouterr().err


def test_json_is_all_there_is_on_stdout(cluster, capsys):
    assert run("mn1", "--yes", "--json") == exits.OK
    assert json.loads(capsys.readouterr().out) == {
        "node": "mn1",
        "primary": "mn2",
        "how": "restore",
        "done": True,
    }
