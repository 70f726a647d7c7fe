"""``xcat-hamn setup database`` as its user sees it, on two running stand-ins."""

from __future__ import annotations

import contextlib
import json
import os
import sys

import pytest
from xcat_hamn.cli import setup
from xcat_hamn.cli.main import main
from xcat_hamn.database.db2.setup import nodes

sys.path.insert(0, os.path.dirname(__file__))

from setup_standins import QUICK, Two

from .conftest import free_ports

SITE = """\
[cluster]
nodes = mn1=10.11.0.11 mn2=10.11.0.12
[identity]
addresses = 10.11.0.10/24@eth0
[database]
engine = {engine}
instance = xcatdb
pgdata = /x
[fencing]
devices = none
"""


@pytest.fixture
def two(machines, monkeypatch, tmp_path):
    """Give two nodes of which either has a database of its own, to the verb."""
    one, other = machines(), machines()
    for machine, row in ((one, "cn1"), (other, "cn2")):
        machine.run("db2start")
        machine.ok("create db xcatdb")
        statements = (
            "create table nodes (name varchar(20))",
            f"insert into nodes values ('{row}')",
        )
        assert machine.sql(*statements).code == 0
    made = Two(one, other, free_ports(2))
    made.managed = False

    @contextlib.contextmanager
    def connected(site, options):
        yield made.pair(options)

    monkeypatch.setattr(nodes, "connected", connected)
    monkeypatch.setattr(nodes, "cluster_runs_it", lambda: made.managed)
    monkeypatch.setattr(setup, "UNTESTED", str(tmp_path / "untested"))
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup.Procedure, "patience", QUICK)
    made.site = tmp_path / "hamn.conf"
    made.site.write_text(SITE.format(engine="db2"))
    return made


def verb(two, *options):
    return main(["setup", "database", "--file", str(two.site), *options])


def test_a_dry_run_changes_nothing_and_shows_every_command(two, capsys):
    assert verb(two, "--dry-run") == 0
    out = capsys.readouterr().out
    assert two.changes() == []
    assert "xcatdb@mn1$ db2 BACKUP DB XCATDB TO" in out
    assert "xcatdb@mn2$ db2 RESTORE DATABASE XCATDB FROM" in out
    assert "TAKEN AT TIMESTAMP REPLACE HISTORY FILE WITHOUT PROMPTING" in out
    assert "mn2$ db2 TAKEOVER HADR ON DATABASE XCATDB" in out
    assert "HADR_TIMEOUT is 120 s, not 3" in out
    assert "Dry run: nothing was changed." in out


def test_a_database_of_the_standby_is_not_replaced_unasked(two, capsys):
    assert verb(two) == 107
    assert "--yes replaces it" in capsys.readouterr().err
    assert two.changes() == []
    assert two.standins[1].rows() == ["cn2"]


def test_the_whole_of_it_and_the_second_time(two, capsys):
    assert verb(two, "--yes") == 0
    out = capsys.readouterr().out
    assert "mn1: Role PRIMARY, State PEER, ConnectStatus CONNECTED" in out
    assert "XCATDB is a HADR pair: mn1 is the primary, mn2 its standby." in out
    assert sum("TAKEOVER" in change for change in two.changes()) == 2
    assert not any(" USING " in change for change in two.changes() if "TAKEOVER" in change)
    assert two.standins[0].rows() == ["cn1"]
    two.forget()
    two.managed = True
    assert verb(two, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["changed"], told["exit_code"]) == (False, 0)
    assert {step["done"] for step in told["steps"]} == {"before"}
    assert two.changes() == []


def test_a_test_that_failed_is_still_owed(two, capsys):
    def breaking(command):
        if "TAKEOVER" in command:
            two.refuse(command)

    two.commands[1].before = breaking
    assert verb(two, "--yes") == 1
    assert "the test of the synchronization failed" in capsys.readouterr().err
    two.commands[1].before = lambda command: None
    assert verb(two) == 0
    assert sum("TAKEOVER" in change for change in two.changes()) == 2
    two.forget()
    assert verb(two) == 0
    assert two.changes() == []


def test_without_xcat_the_test_is_left_out_and_said_so(two, capsys):
    two.commands[1].xcat = False
    assert verb(two, "--yes") == 0
    assert "xCAT is not installed on mn2" in capsys.readouterr().err


def test_a_database_that_the_cluster_runs_is_left_alone(two, capsys):
    two.managed = True
    assert verb(two, "--yes") == 1
    assert "pcs resource unmanage xcat-db-clone" in capsys.readouterr().err
    assert two.changes() == []


def test_progress_in_a_pipe_is_plain_lines(two, capsys):
    assert verb(two, "--yes", "--no-test") == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "100%" in lines
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize(
    ("engine", "words"), [("postgresql", "only Db2 is set up by this"), ("db2", "is one of this")]
)
def test_what_cannot_be_set_up(engine, words, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)
    site = tmp_path / "hamn.conf"
    site.write_text(SITE.format(engine=engine).replace("10.11.0.1", "192.0.2.1"))
    assert main(["setup", "database", "--file", str(site)]) == 78
    assert words in capsys.readouterr().err


def test_a_mode_that_loses_data_is_refused(two, capsys):
    assert verb(two, "--sync-mode", "async") == 2
    assert "use SYNC or NEARSYNC" in capsys.readouterr().err
    assert two.changes() == []


def test_clocks_that_differ_and_chosen_values(two, capsys):
    two.commands[1].ahead = 30
    options = ("--sync-mode", "SYNC", "--peer-window", "900", "--hadr-timeout", "60")
    assert verb(two, "--yes", "--no-test", *options) == 0
    assert "the clocks of mn1 and mn2 differ by" in capsys.readouterr().err
    shown = two.standins[1].hadr()
    assert (shown["HADR_SYNCMODE"], shown["PEER_WINDOW(seconds)"]) == ("SYNC", "900")


def test_only_root(monkeypatch, capsys):
    monkeypatch.setattr(setup.os, "geteuid", lambda: 1000)
    assert main(["setup", "database"]) == 77
    assert "use root" in capsys.readouterr().err
