"""The set-up of a HADR pair on two running stand-ins: from nothing to PEER, and from anywhere."""

from __future__ import annotations

import os
import sys

import pytest
from db2.standin.client import connect
from xcat_hamn.database.db2.setup import steps, synchronization
from xcat_hamn.database.db2.setup.procedure import SetupRefused, StepFailed
from xcat_hamn.database.db2.setup.values import Options
from xcat_hamn.errors import HamnError, Refused

sys.path.insert(0, os.path.dirname(__file__))

from setup_standins import Interrupted, Two

from .conftest import free_ports


@pytest.fixture
def two(machines, request):
    """Give mn1 with a database and mn2 without; their instances are stopped."""
    release = getattr(request, "param", "11.5")
    one, other = machines(release=release), machines(release=release)
    one.run("db2start")
    one.ok("create db xcatdb")
    assert (
        one.sql(
            "create table nodes (name varchar(20) primary key)", "insert into nodes values ('cn1')"
        ).code
        == 0
    )
    one.run("db2stop", "force")
    for machine in (one, other):
        machine.ok("update dbm cfg using SVCENAME 50001")
        machine.run("db2iauto", "-on", "xcatdb")
    return Two(one, other, free_ports(2))


def states(two):
    return [standin.state() for standin in two.standins]


PEER = ["PRIMARY/PEER/CONNECTED", "STANDBY/PEER/CONNECTED"]


@pytest.mark.parametrize("two", ["9.7", "10.1"], indirect=True)
def test_older_releases(two):
    work = two.set_up()
    assert [side.facts.found.state for side in work.pair.sides] == ["PEER", "PEER"]
    parameters = next(change for change in two.changes() if "TRACKMOD" in change)
    old = two.standins[0].home.release == "9.7"
    assert (" LOGRETAIN ON " in parameters, "LOGARCHMETH1" in parameters) == (old, not old)


def test_from_nothing_to_a_pair_and_nothing_the_second_time(two):
    two.set_up()
    assert states(two) == PEER
    assert [begun.split()[0] for begun in two.reports.begun[-4:]] == [
        "parameters",
        "parameters",
        "start-standby",
        "start-primary",
    ]
    shown = two.standins[1].ok("list db directory").raw
    assert "Alternate server port number         = 50001" in shown
    two.forget()
    two.set_up()
    assert two.changes() == []
    assert two.reports.begun == []


def test_what_a_dry_run_says_is_what_is_done(two):
    for standin in two.standins:
        standin.run("db2start")
    work = two.procedure()
    work.prepare(dry_run=True)
    said = {"mn1": [], "mn2": []}
    for step, side, done in work.plan():
        for action in () if done else step.actions(work.pair, side):
            said[side.name] += action.shown().splitlines()
    assert two.changes() == []
    stamp = two.set_up().pair.image().stamp
    # Of a database that is not there yet nothing is known: the restored one has these already.
    said["mn2"].remove(next(line for line in said["mn2"] if "LOGARCHMETH1" in line))
    for commands, lines in zip(two.commands, said.values()):
        planned = [line.replace("TIMESTAMP", stamp).split() for line in lines]
        planned = [words for words in planned if words[0] not in ("rsync", "mkdir")]
        done = [change.split() for change in commands.changes if not change.startswith("rsync")]
        assert [words[:7] for words in done] == [words[:7] for words in planned]
        assert all(set(now) <= set(before) for now, before in zip(done, planned))


@pytest.mark.parametrize("when", ["before", "after"])
def test_it_goes_on_after_a_failure_in_each_step(two, when):
    """Each run is broken at the first change that no run before has come to."""
    seen = []

    def breaking(command):
        if command not in seen:
            seen.append(command)
            (two.refuse if when == "before" else two.interrupt)(command)

    for commands in two.commands:
        setattr(commands, when, breaking)
    for _ in range(40):
        try:
            two.set_up()
            break
        except (StepFailed, Interrupted):
            continue
    assert states(two) == PEER
    kinds = {" ".join(command.split()[:2]) for command in seen}
    assert {
        "db2start",
        "db2iauto -off",
        "db2 UPDATE",
        "db2 BACKUP",
        "rsync --archive",
        "db2 RESTORE",
        "db2 START",
    } <= kinds
    if when == "after":
        # Nothing that had its effect is done twice, but where only Db2's own word is missing.
        backups = [change for change in two.changes() if "BACKUP" in change]
        assert len(backups) == 1


def test_a_failure_says_what_to_do(two):
    standin = two.standins[0]
    standin.fault("backup", "refuse SQL1035N")
    with pytest.raises(StepFailed) as caught:
        two.set_up()
    assert "could not back XCATDB up on mn1 (requirement 5.1.3)" in str(caught.value)
    assert "stop xcatd and every other client" in str(caught.value)
    assert "goes on from here" in str(caught.value)
    standin.fault("backup", "")
    two.set_up()
    assert states(two) == PEER


def test_a_start_that_finds_no_standby_names_what_does_not_fit(two):
    two.set_up()
    one, other = two.standins
    other.ok("deactivate db xcatdb")
    one.ok("deactivate db xcatdb")
    other.ok("activate db xcatdb")
    other.ok("deactivate db xcatdb")
    work = two.procedure()
    work.prepare()
    two.commands[1].before = lambda command: None
    two.commands[1].after = lambda command: "ACTIVATE" in command and other.crash()
    with pytest.raises(StepFailed) as caught:
        work.run()
    assert "requirement 5.1.7" in str(caught.value)
    two.commands[1].after = lambda command: None
    two.set_up()
    assert states(two) == PEER


def test_clients_are_cut_off(two):
    one = two.standins[0]
    one.run("db2start")
    one.db2("connect to xcatdb")
    two.commands[0].xcatd = True
    two.set_up()
    assert "systemctl stop xcatd" in two.commands[0].changes
    assert states(two) == PEER


def test_clients_that_come_back_are_told_of(two, monkeypatch):
    one = two.standins[0]
    one.run("db2start")
    clients = [connect("xcatdb", one.path)]
    monkeypatch.setattr(steps, "_DISCONNECT", 0.3)

    def again(command):
        if "FORCE" in command or "DEACTIVATE" in command:
            clients.append(connect("xcatdb", one.path))

    two.commands[0].after = again
    with pytest.raises(StepFailed, match="stop xcatd on the service nodes, too"):
        two.set_up()
    two.commands[0].after = lambda command: None
    two.set_up()
    assert states(two) == PEER
    for client in clients:
        client.close()


def test_a_wrong_state_after_start_hadr_is_explained(two):
    two.set_up()
    standby = two.standins[1]
    standby.ok("deactivate db xcatdb")
    work = two.procedure()
    work.prepare()
    problems = work.verify()
    assert any("HADR is not active" in text or "has ended" in text for text in problems), problems
    two.set_up()
    assert states(two) == PEER


def test_a_standby_that_diverged_is_told_and_restored(two):
    two.set_up()
    one, other = two.standins
    one.crash()
    other.wait_state("STANDBY/DISCONNECTED_PEER/DISCONNECTED")
    other.ok("takeover hadr on db xcatdb by force")
    one.run("db2start")
    one.ok("start hadr on db xcatdb as primary by force")
    one.sql("insert into nodes values ('cn99')")
    with pytest.raises(Refused, match="both have the role PRIMARY"):
        two.set_up()
    one.ok("deactivate db xcatdb")
    one.ok("start hadr on db xcatdb as standby")
    one.wait_state("inactive")
    # Now mn2 is the primary and mn1 has what mn2 lacks.
    work = two.procedure()
    work.prepare()
    assert work.pair.primary.name == "mn2"
    work.run()
    assert any("--restore" in problem for problem in work.verify())
    two.forget()
    two.commands[1].xcatd = True
    two.set_up(Options(restore=True))
    assert any("ONLINE" in change for change in two.changes())
    assert two.commands[1].xcatd, "the primary's clients were cut off"
    assert states(two) == PEER[::-1]
    assert other.rows() == ["cn1"]


def test_the_old_procedure_is_put_right(two):
    """A pair with HADR_TIMEOUT 3 keeps its data, its roles and what is sound."""
    two.set_up()
    for standin in two.standins:
        standin.db2("update db cfg for xcatdb using HADR_TIMEOUT 3 HADR_PEER_WINDOW 300")
    work = two.set_up()
    common = work.pair.values
    assert (common.timeout, common.window) == (120, 300)
    assert two.standins[0].rows() == ["cn1"]
    for standin in two.standins:
        assert standin.hadr()["HADR_TIMEOUT(seconds)"] == "120"


def test_after_a_takeover_the_roles_stay(two):
    two.set_up()
    two.standins[1].ok("takeover hadr on db xcatdb")
    two.forget()
    work = two.set_up()
    assert work.pair.primary.name == "mn2"
    assert two.changes() == []


def test_the_synchronization(two):
    work = two.set_up()
    told = []
    test = synchronization.Test(
        work.pair, lambda node, command: told.append((node, command)), lambda: work.verify()
    )
    planned = test.commands()
    test.run()
    assert told == planned
    assert states(two) == PEER
    assert two.standins[0].rows() == ["cn1"]


def test_databases_that_are_not_in_step_are_told(two):
    work = two.set_up()
    test = synchronization.Test(work.pair, lambda *_: None, work.verify)
    two.commands[1]._env = lambda argv, _: (0, "")
    with pytest.raises(HamnError, match="--restore"):
        test.run()


def test_ports_that_clash_are_refused_before_anything_is_done(two):
    assert two.ports[0] < two.ports[1]
    two.commands[1].services = f"DB2_xcatdb {two.ports[0] - 1}/tcp\n"
    two.commands[1].services += f"DB2_xcatdb_END {two.ports[0] + 5}/tcp\n"
    with pytest.raises(SetupRefused, match="SQL1768N reason 22"):
        two.set_up()
    assert not any("UPDATE" in change for change in two.changes())


def test_a_lone_copy_that_waits_for_logs_is_no_primary(two):
    two.set_up()
    one, other = two.standins
    one.end()
    other.ok("deactivate db xcatdb")
    other.ok("stop hadr on db xcatdb")
    lone = Two(other, other, two.ports)
    with pytest.raises(SetupRefused, match="SQL1117N.*ROLLFORWARD DATABASE XCATDB TO END OF LOGS"):
        lone.set_up()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("rsync: write failed on x: No space left on device (28)", "make room there"),
        ("bash: line 1: rsync: command not found", "install rsync"),
        ("io timeout after 120 seconds", "look at the network"),
        ("something else", r"see rsync\(1\)"),
    ],
)
def test_a_copy_that_breaks_is_told(two, said, words):
    for commands in two.commands:
        commands._rsync = lambda argv, _: (11, said)
    with pytest.raises(StepFailed, match=f"requirement 5.1.4.*{words}"):
        two.set_up()
    for commands in two.commands:
        del commands._rsync
    two.set_up()
    assert states(two) == PEER
    assert sum("BACKUP" in change for change in two.changes()) == 1


def test_an_older_standby_is_refused(two):
    two.standins[1].set(release="10.1")
    with pytest.raises(SetupRefused, match="a standby must not be older"):
        two.set_up()
