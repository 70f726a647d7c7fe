"""What the agent reads and decides, held against two running stand-ins.

The stand-in is written from the same documents as the agent, but by other means: it does not know
how its outputs are read, and it accepts a command or refuses it by its own state.
"""

from __future__ import annotations

import json
import time

import pytest
from xcat_hamn.database.db2 import decision, hadr, rows
from xcat_hamn.database.db2 import view as v
from xcat_hamn.database.db2.advice import advice, is_succeeded
from xcat_hamn.database.db2.configuration import parse_db_cfg
from xcat_hamn.database.db2.messages import failed, failure, parse_messages
from xcat_hamn.database.db2.pairing import mismatches
from xcat_hamn.database.db2.window import remember
from xcat_hamn.errors import CommandFailed

from .conftest import wait_for

#: Sixty seconds here, where every duration is shortened to a hundredth.
LONG = 6000
COMMANDS = {
    rows.PLAIN: "takeover hadr on db xcatdb",
    rows.FORCE_IN_WINDOW: "takeover hadr on db xcatdb by force peer window only",
    rows.FORCE: "takeover hadr on db xcatdb by force",
}


def found_on(machine):
    return hadr.read_db2pd(machine.run("db2pd", "-hadr", "-db", "xcatdb").raw, "xcatdb")


def look(machine):
    return hadr.standing(found_on(machine)[1])


def clock_of(machine):
    return int(machine.home.now())


def judged(machine, record, **known):
    """Return what the agent would do at promote, with the window that it remembered."""
    found = look(machine)
    record = remember(record, found)
    end = record.end if record else None
    view = v.view_of(found, now=clock_of(machine), window_end=end, peer_name="mn1", **known)
    return decision.judge_promotion(view)


def configuration(machine):
    return parse_db_cfg(machine.ok("get db cfg for xcatdb").raw)


@pytest.mark.parametrize("release", ["9.7", "10.1", "11.5"])
def test_every_layout_says_the_same(pair, release):
    one, other = pair
    for machine in pair:
        path = f"{machine.home.own}/settings.json"
        with open(path, encoding="utf-8") as stream:
            settings = json.load(stream)
        with open(path, "w", encoding="utf-8") as stream:
            json.dump({**settings, "release": release}, stream)
    primary, standby = look(one), look(other)
    assert (primary.role, standby.role) == ("PRIMARY", "STANDBY")
    for found in (primary, standby):
        assert (found.state, found.known, found.connect) == ("PEER", True, "CONNECTED")
        assert (found.database, found.syncmode) == ("XCATDB", "NEARSYNC")
        assert found.partner_host
        assert found.connected_at and abs(found.connected_at - time.time()) < 60
    assert primary.primary_log == primary.standby_log == standby.standby_log
    one.crash()
    wait_for(lambda: not look(other).attached, "the loss of the connection")
    assert look(other).state in (hadr.DISCONNECTED_PEER, hadr.REMOTE_CATCHUP_PENDING)


def test_a_planned_move(pair):
    one, other = pair
    verdict = judged(other, None, peer=v.PEER_PRIMARY)
    assert verdict.how == rows.PLAIN
    other.ok(COMMANDS[verdict.how])
    assert judged(other, None, peer=v.PEER_STANDBY).how == rows.NOTHING
    one.wait_state("STANDBY/PEER/CONNECTED")
    assert judged(one, None, peer=v.PEER_PRIMARY).how == rows.PLAIN


def test_a_dead_primary_inside_the_window(make_pair):
    one, other = make_pair(HADR_PEER_WINDOW=LONG)
    assert one.sql("insert into nodes values ('cn2')").code == 0
    one.crash()
    assert judged(other, None).row == decision.NOT_PROVEN_DOWN
    verdict = judged(other, None, down=True, fenced_at=clock_of(other))
    assert verdict.how == rows.FORCE_IN_WINDOW
    other.ok(COMMANDS[verdict.how])
    assert other.rows() == ["cn1", "cn2"]


def test_a_dead_primary_whose_window_has_ended_since(make_pair):
    one, other = make_pair(HADR_PEER_WINDOW=LONG)
    assert one.sql("insert into nodes values ('cn2')").code == 0
    one.crash()
    other.wait_state("STANDBY/DISCONNECTED_PEER/DISCONNECTED")
    record = remember(None, look(other))
    fenced_at = clock_of(other)
    other.fault("clock", "3600")
    other.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    assert other.db2(COMMANDS[rows.FORCE_IN_WINDOW]).message() == "SQL1770N 9"
    late = judged(other, record, down=True, fenced_at=clock_of(other))
    assert (late.how, late.row) == (rows.REFUSE, "primary lost after the window")
    verdict = judged(other, record, down=True, fenced_at=fenced_at)
    assert (verdict.how, verdict.row) == (rows.FORCE, "died inside the window")
    other.ok(COMMANDS[verdict.how])
    assert other.rows() == ["cn1", "cn2"]


def test_a_primary_that_went_on_alone(pair):
    """Its window is over when it commits alone, so a fencing after that proves nothing."""
    one, other = pair
    other.crash()
    assert one.sql("insert into nodes values ('alone')").code == 0
    assert other.run("db2start").code == 0
    one.crash()
    other.ok("activate db xcatdb")
    other.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    verdict = judged(other, None, down=True, fenced_at=clock_of(other))
    assert (verdict.how, verdict.row) == (rows.REFUSE, "primary lost without a window")


def test_conditions_without_a_block(machines, pair):
    _, other = pair
    other.ok("deactivate db xcatdb")
    assert found_on(other) == (hadr.NOT_ACTIVATED, [])
    assert configuration(other).role == "STANDBY"
    assert other.run("db2stop").code == 0
    with pytest.raises(hadr.InstanceDown):
        found_on(other)
    alone = machines()
    assert alone.run("db2start").code == 0
    alone.ok("create db xcatdb")
    alone.ok("activate db xcatdb")
    assert found_on(alone) == (hadr.NOT_HADR, [])
    assert configuration(alone).role == "STANDARD"


@pytest.mark.parametrize(("fault", "kind"), [("changing", hadr.Busy), ("garbage", CommandFailed)])
def test_faults(pair, fault, kind):
    pair[1].fault("db2pd", fault)
    with pytest.raises(kind):
        found_on(pair[1])


def test_configurations_of_a_pair(pair):
    one, other = (configuration(machine) for machine in pair)
    assert (one.role, other.role) == ("PRIMARY", "STANDBY")
    assert one.number("HADR_TIMEOUT") == 60 and one.archives_logs
    assert mismatches(one, other, ("mn1", "mn2")) == []


def test_refusals_are_understood(pair):
    one, other = pair
    refused = one.db2(COMMANDS[rows.PLAIN])
    assert failed(refused.code)
    found = failure(parse_messages(refused.raw))
    assert (found.code, found.reason) == ("SQL1770N", "4")
    assert "only a standby takes over" in advice(found)
    client = other.db2("connect to xcatdb")
    assert failure(parse_messages(client.raw)).reason == "1"
    done = other.ok(COMMANDS[rows.PLAIN])
    assert not failed(done.code) and failure(parse_messages(done.raw)) is None


def test_an_old_primary_hears_that_it_was_succeeded(pair):
    one, other = pair
    one.crash()
    other.ok(COMMANDS[rows.FORCE_IN_WINDOW])
    assert one.run("db2start").code == 0
    found = failure(parse_messages(one.db2("activate db xcatdb").raw))
    assert is_succeeded(found) and "START HADR AS STANDBY" in advice(found)
