"""The state machine of HADR, walked with two daemons over loopback."""

from __future__ import annotations

import signal
import subprocess
import threading
import time

from .conftest import SCALE, TIMEOUT, WINDOW, wait_for

WINDOW_ONLY = "takeover hadr on db xcatdb by force peer window only"
BY_FORCE = "takeover hadr on db xcatdb by force"


def window_end(machine):
    """Return PEER_WINDOW_END as seconds since the epoch."""
    return int(machine.hadr()["PEER_WINDOW_END"].rpartition("(")[2].rstrip(")"))


def test_setup_ships_rows_and_planned_takeover_swaps_the_roles(pair):
    one, other = pair
    assert one.sql("insert into nodes values ('cn2')").code == 0
    assert other.ok("takeover hadr on db xcatdb").text.startswith(
        "DB20000I  The".replace("  ", " ")
    )
    assert other.state() == "PRIMARY/PEER/CONNECTED"
    one.wait_state("STANDBY/PEER/CONNECTED")
    assert (one.role(), other.role()) == ("STANDBY", "PRIMARY")
    assert other.rows() == ["cn1", "cn2"]
    assert other.sql("delete from nodes where name = 'cn2'").code == 0
    one.ok("takeover hadr on db xcatdb")
    assert one.rows() == ["cn1"]


def test_silent_death_is_seen_after_the_timeout_and_the_window_keeps_what_was_acknowledged(pair):
    one, other = pair
    assert one.sql("insert into nodes values ('cn2')").code == 0
    one.signal(signal.SIGSTOP)
    started = time.monotonic()
    assert other.state() == "STANDBY/PEER/CONNECTED"
    other.wait_state("STANDBY/DISCONNECTED_PEER/DISCONNECTED")
    assert time.monotonic() - started >= TIMEOUT * SCALE * 0.6
    frozen = other.hadr()["PEER_WINDOW_END"]
    other.ok(WINDOW_ONLY)
    assert frozen != "NULL"
    assert other.state() == "PRIMARY/DISCONNECTED/DISCONNECTED"
    assert other.rows() == ["cn1", "cn2"]


def test_a_plain_takeover_from_a_silent_partner_hangs_for_the_timeout(pair):
    one, other = pair
    one.signal(signal.SIGSTOP)
    started = time.monotonic()
    done = other.db2("takeover hadr on db xcatdb")
    assert (done.code, done.message()) == (4, "SQL1770N 7")
    assert time.monotonic() - started >= TIMEOUT * SCALE * 0.6
    other.ok(WINDOW_ONLY)


def test_after_the_window_peer_window_only_is_refused_and_force_is_not(pair):
    one, other = pair
    one.crash()
    assert other.state() == "STANDBY/DISCONNECTED_PEER/DISCONNECTED"
    other.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    done = other.db2(WINDOW_ONLY)
    assert (done.code, done.message()) == (4, "SQL1770N 9")
    assert other.role() == "STANDBY"
    other.ok(BY_FORCE)
    assert other.role() == "PRIMARY"


def test_the_margin_of_the_window_and_a_wrong_clock_refuse(pair):
    one, other = pair
    one.crash()
    other.fault("clock", str(WINDOW * SCALE - 0.02))
    assert other.db2(WINDOW_ONLY).message() == "SQL1770N 9"


def test_a_takeover_in_the_window_lets_the_old_primary_reintegrate(pair):
    one, other = pair
    one.crash()
    other.ok(WINDOW_ONLY)
    assert other.sql("insert into nodes values ('cn3')").code == 0
    assert one.run("db2start").code == 0
    assert one.role() == "PRIMARY"
    assert one.db2("activate db xcatdb").message() == "SQL1776N 6"
    assert one.db2("connect to xcatdb").message() == "SQL1776N 6"
    assert one.db2("start hadr on db xcatdb as primary").message() == "SQL1768N 19"
    assert one.state() == "inactive"
    one.ok("start hadr on db xcatdb as standby")
    one.wait_state("STANDBY/PEER/CONNECTED")
    one.ok("takeover hadr on db xcatdb")
    assert one.rows() == ["cn1", "cn3"]


def test_a_diverged_old_primary_goes_down_after_start_hadr_has_said_success(pair):
    one, other = pair
    other.ok("deactivate db xcatdb")
    assert one.state() == "PRIMARY/DISCONNECTED/DISCONNECTED"
    assert one.sql("insert into nodes values ('only here')").code == 0
    one.crash()
    other.ok("activate db xcatdb")
    other.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    other.ok(BY_FORCE)
    assert other.sql("insert into nodes values ('cn3')").code == 0
    assert one.run("db2start").code == 0
    one.ok("start hadr on db xcatdb as standby")
    one.wait_state("inactive")
    assert "ADM12500E" in one.diagnostics()
    assert one.role() == "STANDBY"
    assert other.rows() == ["cn1", "cn3"]


def test_a_standby_that_is_killed_blocks_writes_for_the_window_and_a_clean_end_does_not(pair):
    one, other = pair
    other.crash()
    started = time.monotonic()
    assert one.sql("insert into nodes values ('cn2')").code == 0
    assert time.monotonic() - started >= WINDOW * SCALE * 0.6
    assert one.state() == "PRIMARY/DISCONNECTED/DISCONNECTED"
    assert other.run("db2start").code == 0
    other.ok("activate db xcatdb")
    other.wait_state("STANDBY/PEER/CONNECTED")
    other.ok("deactivate db xcatdb")
    assert one.state() == "PRIMARY/DISCONNECTED/DISCONNECTED"
    assert one.sql("insert into nodes values ('cn3')").code == 0


def test_reconnection_in_the_window_lets_writes_go_on(make_pair):
    one, other = make_pair(HADR_PEER_WINDOW=1000)
    other.crash()
    writing = threading.Thread(target=one.sql, args=("insert into nodes values ('cn2')",))
    writing.start()
    wait_for(lambda: one.hadr()["LOG_HADR_WAIT_COUNT"] != "0", "a write that waits")
    assert one.state() == "PRIMARY/DISCONNECTED_PEER/DISCONNECTED"
    assert one.rows() == ["cn1"]  # who only reads does not wait
    assert other.run("db2start").code == 0
    other.ok("activate db xcatdb")
    writing.join(3)
    assert not writing.is_alive()
    other.wait_state("STANDBY/PEER/CONNECTED")
    assert one.rows() == ["cn1", "cn2"]


def test_the_primarys_window_never_ends_before_the_copy_of_the_standby(pair):
    one, other = pair
    other.signal(signal.SIGSTOP)
    one.wait_state("PRIMARY/DISCONNECTED_PEER/DISCONNECTED")
    promised = window_end(one)
    other.signal(signal.SIGCONT)
    assert window_end(other) <= promised


def test_force_tells_a_living_primary_to_stop_and_it_keeps_its_role(pair):
    one, other = pair
    other.ok(WINDOW_ONLY)
    assert other.state() == "PRIMARY/DISCONNECTED/DISCONNECTED"
    wait_for(lambda: one.state() == "PRIMARY/DISCONNECTED/DISCONNECTED", "the loss is noticed")
    assert one.rows() == ["cn1"]
    assert one.sql("insert into nodes values ('late')").message() == "SQL1224N"
    one.ok("deactivate db xcatdb")
    one.ok("start hadr on db xcatdb as standby")
    one.wait_state("STANDBY/PEER/CONNECTED")


def test_a_primary_that_ends_cleanly_leaves_no_window_and_comes_back_with_its_standby(pair):
    one, other = pair
    assert one.run("db2stop").message() == "SQL1025N"
    assert one.run("db2stop", "force").code == 0
    assert other.state() == "STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED"
    assert other.db2(WINDOW_ONLY).message() == "SQL1770N 9"
    assert one.run("db2start").code == 0
    assert one.state() == "inactive"
    one.ok("activate db xcatdb")
    one.wait_state("PRIMARY/PEER/CONNECTED")


def test_a_primary_without_its_standby_waits_and_stays_down(pair):
    one, other = pair
    assert other.run("db2stop", "force").code == 0
    one.ok("deactivate db xcatdb")
    for command in (
        "activate db xcatdb",
        "connect to xcatdb",
        "start hadr on db xcatdb as primary",
    ):
        done = one.db2(command)
        assert (done.code, done.message()) == (4, "SQL1768N 7")
        assert (one.state(), one.role()) == ("inactive", "PRIMARY")
    one.ok("start hadr on db xcatdb as primary by force")
    assert one.state() == "PRIMARY/DISCONNECTED/DISCONNECTED"


def test_deactivate_interrupts_a_primary_that_waits(make_pair):
    one, other = make_pair(HADR_TIMEOUT=1000)
    assert other.run("db2stop", "force").code == 0
    one.ok("deactivate db xcatdb")
    waiting = subprocess.Popen(
        [f"{one.path}/sqllib/bin/db2", "activate db xcatdb"], stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.5)
    one.db2("deactivate db xcatdb")
    text, _ = waiting.communicate(timeout=5)
    assert 'Reason code = "10"' in text


def test_forced_takeover_without_window_after_asynchronous_shipping(make_pair):
    one, other = make_pair(HADR_SYNCMODE="ASYNC")
    assert one.hadr()["PEER_WINDOW(seconds)"] == "0"
    assert one.sql("insert into nodes values ('cn2')").code == 0
    one.crash()
    other.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    assert other.db2(WINDOW_ONLY).message() == "SQL1770N 9"
    other.ok(BY_FORCE)
    assert other.rows() == ["cn1", "cn2"]


def test_superasync_never_reaches_peer_and_switches_all_the_same(make_pair):
    one, other = make_pair(HADR_SYNCMODE="SUPERASYNC")
    assert one.sql("insert into nodes values ('cn2')").code == 0
    other.ok("takeover hadr on db xcatdb")
    assert other.rows() == ["cn1", "cn2"]


def test_parameters_that_do_not_match_never_connect(pair):
    one, other = pair
    other.ok("deactivate db xcatdb")
    other.ok("update db cfg for xcatdb using HADR_PEER_WINDOW 90")
    other.ok("activate db xcatdb")
    wait_for(lambda: "ADM12513E reason code 10" in other.diagnostics(), "the refusal")
    assert other.state() == "STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED"


def test_commits_survive_a_kill_of_both(pair):
    one, other = pair
    assert one.sql("insert into nodes values ('cn2')", "insert into nodes values ('cn3')").code == 0
    one.crash()
    other.crash()
    for machine in (other, one):
        assert machine.run("db2start").code == 0
        assert machine.db2("activate db xcatdb").code == 0
    assert one.rows() == ["cn1", "cn2", "cn3"]
    one.wait_state("PRIMARY/PEER/CONNECTED")


def test_a_primary_that_was_only_frozen_keeps_its_promise_and_then_goes_on_alone(pair):
    one, other = pair
    one.signal(signal.SIGSTOP)
    other.wait_state("STANDBY/DISCONNECTED_PEER/DISCONNECTED")
    other.ok(WINDOW_ONLY)
    one.signal(signal.SIGCONT)
    one.wait_state("PRIMARY/DISCONNECTED_PEER/DISCONNECTED")
    started = time.monotonic()
    assert one.sql("insert into nodes values ('split brain')").code == 0
    assert time.monotonic() - started >= WINDOW * SCALE * 0.5
    assert (one.role(), other.role()) == ("PRIMARY", "PRIMARY")
    one.ok("deactivate db xcatdb")
    one.ok("start hadr on db xcatdb as standby")
    one.wait_state("inactive")
    assert "ADM12500E" in one.diagnostics()
    assert other.rows() == ["cn1"]


def test_a_partition_is_silent_on_both_sides_and_heals(pair):
    one, other = pair
    other.fault("link", "cut")
    one.wait_state("PRIMARY/DISCONNECTED_PEER/DISCONNECTED")
    one.wait_state("PRIMARY/DISCONNECTED/DISCONNECTED")
    other.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    assert one.sql("insert into nodes values ('cn2')").code == 0
    other.fault("link", "")
    other.wait_state("STANDBY/PEER/CONNECTED")
    other.ok("takeover hadr on db xcatdb")
    assert other.rows() == ["cn1", "cn2"]


def test_a_failed_takeover_can_leave_two_standbys_with_equal_logs(pair):
    one, other = pair
    other.fault("switch", "crash")
    other.db2("takeover hadr on db xcatdb")
    other.fault("switch", "")
    assert other.run("db2start").code == 0
    assert (one.role(), other.role()) == ("STANDBY", "STANDBY")
    other.ok("activate db xcatdb")
    one.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    assert one.db2("takeover hadr on db xcatdb").message() == "SQL1770N 1"
    one.ok(BY_FORCE)
    other.wait_state("STANDBY/PEER/CONNECTED")
    assert one.rows() == ["cn1"]


def test_states_can_be_held(pair):
    one, other = pair
    one.fault("congested", "yes")
    one.wait_state("PRIMARY/PEER/CONGESTED")
    one.fault("congested", "")
    other.ok("deactivate db xcatdb")
    other.fault("local-catchup", "hold")
    other.ok("activate db xcatdb")
    assert other.state() == "STANDBY/LOCAL_CATCHUP/DISCONNECTED"
    assert other.db2(BY_FORCE).message() == "SQL1770N 2"
    one.fault("catchup", "hold")
    other.fault("local-catchup", "")
    other.wait_state("STANDBY/REMOTE_CATCHUP/CONNECTED")
    assert other.db2("takeover hadr on db xcatdb").message() == "SQL1770N 1"
    one.fault("catchup", "")
    other.wait_state("STANDBY/PEER/CONNECTED")


def test_a_write_that_waits_in_the_window_fails_when_the_database_is_stopped(make_pair):
    one, other = make_pair(HADR_PEER_WINDOW=10000)
    other.crash()
    failed = []

    def write():
        failed.append(one.sql("insert into nodes values ('cn2')").message())

    writing = threading.Thread(target=write)
    writing.start()
    wait_for(lambda: one.hadr()["LOG_HADR_WAIT_COUNT"] != "0", "a write that waits")
    assert one.run("db2stop", "force").code == 0
    writing.join(3)
    assert failed in (["SQL1224N"], ["SQL1032N"])
    for machine in (other, one):
        assert machine.run("db2start").code == 0
        assert machine.db2("activate db xcatdb").code == 0
    assert one.rows() == ["cn1"]
    other.wait_state("STANDBY/PEER/CONNECTED")
    assert one.sql("insert into nodes values ('cn3')").code == 0
    other.ok("takeover hadr on db xcatdb")
    assert other.rows() == ["cn1", "cn3"]
