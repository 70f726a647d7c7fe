"""Every sample of db2pd's output, with what it must be read as."""

from __future__ import annotations

import pytest
from db2_samples import names, read
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.hadr import parse_db2pd, read_db2pd, standing
from xcat_hamn.errors import CommandFailed

P, S = "PRIMARY", "STANDBY"
SYNC, NEAR, ASYNC, SUPER = "SYNC", "NEARSYNC", "ASYNC", "SUPERASYNC"
PEER, GONE, UP = "PEER", "DISCONNECTED", "CONNECTED"
PENDING, REMOTE, HELD = "REMOTE_CATCHUP_PENDING", "REMOTE_CATCHUP", "DISCONNECTED_PEER"
TCP = ("TCP_PROTOCOL",)

#: sample -> per block: role, state, connection, mode, standby, stream, window end, partner, flags.
BLOCKS = {
    "db2pd-10.1-fragments-remote_catchup-and-replay-only-window": [
        ("", REMOTE, "", "", None, None, None, "", ()),
    ],
    "db2pd-10.1-primary-peer-sync-ros": [
        (P, PEER, UP, SYNC, 1, 0, None, "mn2.cluster.test", ()),
    ],
    "db2pd-11.1-primary-peer-emptyflags-loggap-hbmissed": [
        (P, PEER, UP, NEAR, 1, 0, 1564147143, "mn2", ()),
    ],
    "db2pd-11.1-primary-peer-nearsync": [(P, PEER, UP, NEAR, 1, 0, 1552153645, "mn1", TCP)],
    "db2pd-11.1-standby-peer-nearsync": [(S, PEER, UP, NEAR, 0, 0, 1552153819, "mn2", TCP)],
    "db2pd-11.5-primary-after-takeover-header-fragment": [
        (P, "", "", "", None, None, None, "", ()),
    ],
    "db2pd-11.5-primary-peer-nearsync-ddmmyyyy-lasttakeover": [
        (P, PEER, UP, NEAR, 1, 0, 1722786172, "mn2", TCP),
    ],
    "db2pd-11.5-purescale-primary-after-takeover": [(P, PEER, UP, ASYNC, 1, 0, None, "mn1", TCP)],
    "db2pd-11.5-purescale-primary-assisted_remote_catchup-flags": [
        (P, PEER, UP, ASYNC, 1, 0, None, "mn1", ("STANDBY_REPLAY_NOT_ON_PREFERRED", *TCP)),
        (
            *(P, REMOTE, UP, ASYNC, 1, 1, None, "mn1"),
            ("ASSISTED_REMOTE_CATCHUP", "STANDBY_REPLAY_NOT_ON_PREFERRED", *TCP),
        ),
    ],
    "db2pd-11.5-purescale-primary-member0-peer-async": [
        (P, PEER, UP, ASYNC, 1, 0, None, "mn3", TCP)
    ],
    "db2pd-11.5-purescale-primary-member1-peer-async": [
        (P, PEER, UP, ASYNC, 1, 1, None, "mn3", TCP)
    ],
    "db2pd-11.5-purescale-standby-after-takeover": [
        (S, PEER, UP, ASYNC, 0, 0, None, "mn3", TCP),
        (S, PEER, UP, ASYNC, 0, 1, None, "mn4", TCP),
    ],
    "db2pd-11.5-purescale-standby-two-logstreams-peer": [
        (S, PEER, UP, ASYNC, 0, 0, None, "mn1", TCP),
        (S, PEER, UP, ASYNC, 0, 1, None, "mn2", TCP),
    ],
    "db2pd-9.5-primary-peer-sync-columns": [
        (P, PEER, UP, SYNC, None, None, None, "mn2.example.org", ())
    ],
    "db2pd-9.7-primary-peer-nearsync-peerwindow-collapsed": [
        (P, PEER, UP, NEAR, None, None, 1283702347, "10.11.0.12", ()),
    ],
    "db2pd-11.5-primary-congested": [
        (
            *(P, PEER, "CONGESTED", NEAR, 1, 0, 1722514740, "mn2"),
            ("STANDBY_RECV_BLOCKED", "STANDBY_LOG_DEVICE_FULL", *TCP),
        ),
    ],
    "db2pd-11.5-primary-disconnected": [(P, GONE, GONE, NEAR, 1, 0, None, "mn2", ())],
    "db2pd-11.5-primary-disconnected_peer-writes-blocked": [
        (P, HELD, GONE, NEAR, 1, 0, 1722514710, "mn2", ())
    ],
    "db2pd-11.5-primary-takeover-in-progress": [(P, PEER, UP, NEAR, 1, 0, 1722514740, "mn2", TCP)],
    "db2pd-11.5-primary-three-standbys": [
        (P, PEER, UP, NEAR, 1, 0, 1722514740, "mn2", TCP),
        (P, REMOTE, UP, SUPER, 2, 0, None, "mn3", TCP),
        (P, GONE, GONE, SUPER, 3, 0, None, "mn4", ()),
    ],
    "db2pd-11.5-standby-disconnected_peer": [(S, HELD, GONE, NEAR, 0, 0, 1722514705, "mn1", ())],
    "db2pd-11.5-standby-local_catchup": [(S, "LOCAL_CATCHUP", GONE, NEAR, 0, 0, None, "mn1", ())],
    "db2pd-11.5-standby-remote_catchup-gap": [(S, REMOTE, UP, NEAR, 0, 0, None, "mn1", TCP)],
    "db2pd-11.5-standby-remote_catchup_pending-connected": [
        (S, PENDING, UP, NEAR, 0, 0, None, "mn1", TCP)
    ],
    "db2pd-11.5-standby-remote_catchup_pending-disconnected-window-expired": [
        (S, PENDING, GONE, NEAR, 0, 0, 1722514145, "mn1", ())
    ],
    "db2pd-11.5-standby-ros-replay-only-window-delay": [
        (S, REMOTE, UP, SUPER, 0, 0, None, "mn1", TCP)
    ],
    "db2pd-12.9-standby-unknown-state-and-key": [
        (S, "ASSISTED_QUANTUM_CATCHUP", UP, NEAR, 0, 0, None, "", ())
    ],
    "db2pd-9.7-primary-disconnected-columns": [
        (P, GONE, GONE, NEAR, None, None, None, "10.11.0.11", ())
    ],
    "db2pd-9.7-standby-disconnectedpeer-columns": [
        (S, HELD, GONE, NEAR, None, None, 1283702347, "10.11.0.11", ())
    ],
    "db2pd-9.7-standby-peer-columns": [
        (S, PEER, UP, NEAR, None, None, 1283702347, "10.11.0.11", ())
    ],
    "db2pd-9.7-standby-remotecatchuppending-columns": [
        (S, PENDING, GONE, NEAR, None, None, None, "10.11.0.11", ())
    ],
}

#: Samples without a block.
EMPTY = {
    "db2pd-11.5-db-not-activated-on-member": hadr.NOT_ACTIVATED,
    "db2pd-hadr-not-active-standard-db": hadr.NOT_HADR,
}
FAILING = {
    "db2pd-11.5-instance-down-unable-to-attach": (hadr.InstanceDown, "db2start"),
    "db2pd-11.5-changing-data-structure": (hadr.Busy, "call it again"),
}


def shown(one):
    return (
        *(one.role, one.state, one.connect, one.syncmode, one.standby_id, one.log_stream),
        *(one.peer_window_end, one.partner_host, one.flags),
    )


def test_every_sample_is_named_here():
    assert {*BLOCKS, *EMPTY, *FAILING} == set(names("db2pd-*"))


@pytest.mark.parametrize("name", BLOCKS)
def test_a_sample_is_read(name):
    found = parse_db2pd(read(name))
    assert [shown(one) for one in found] == BLOCKS[name]
    for one in found:
        assert one.known == (one.state in hadr.STATES)
        assert one.attached == (one.connect in ("CONNECTED", "CONGESTED"))
        assert one.database in ("XCATDB", "")
    assert read_db2pd(read(name))[0] == hadr.ACTIVE


@pytest.mark.parametrize("name", EMPTY)
def test_a_database_that_has_no_hadr_now_gives_nothing(name):
    assert read_db2pd(read(name)) == (EMPTY[name], [])
    assert parse_db2pd(read(name)) == []


@pytest.mark.parametrize("name", FAILING)
def test_what_db2pd_cannot_see_is_said(name):
    kind, what = FAILING[name]
    with pytest.raises(kind, match=what):
        parse_db2pd(read(name))


def one(name):
    return standing(parse_db2pd(read(name)))


def test_all_figures_of_the_key_value_layout():
    found = one("db2pd-11.1-standby-peer-nearsync")
    assert (found.database, found.member) == ("XCATDB", 0)
    assert (found.local_host, found.local_instance) == ("mn1", "xcatdb")
    assert (found.partner_host, found.partner_instance) == ("mn2", "xcatdb")
    assert found.standby_host == "mn1"
    assert found.connected_at == 1552060727
    assert (found.heartbeat_interval, found.heartbeat_missed) == (15, 0)
    assert (found.heartbeat_expected, found.timeout) == (6186, 60)
    assert (found.since_last_received, found.peer_wait_limit) == (5, 0)
    assert found.primary_log == found.standby_log == ("S0000380.LOG", 15574, 27906658173)
    assert found.replay_log == found.standby_log
    assert (found.log_gap, found.replay_gap, found.peer_window) == (0, 155, 300)
    assert found.last_takeover is None and found.applications_left is None
    assert found.fields["STANDBY_SPOOL_LIMIT"] == "0"


def test_all_figures_of_the_column_layout():
    found = one("db2pd-9.5-primary-peer-sync-columns")
    assert (found.database, found.member) == ("XCATDB", 0)
    assert (found.log_gap, found.heartbeat_missed, found.timeout) == (1412, 0, 8)
    assert found.connected_at == 1160694729
    assert (found.local_host, found.partner_service) == ("mn1.example.org", "xhadr_2")
    assert found.partner_instance == "xcatdb"
    assert found.primary_log == ("S0000933.LOG", 0, 0x1CB4000)
    assert found.standby_log == ("S0000932.LOG", 3, 0x1CB3A77)
    assert one("db2pd-9.7-standby-disconnectedpeer-columns").peer_window == 120


def test_optional_keys():
    assert one("db2pd-11.5-primary-takeover-in-progress").applications_left == 3
    delayed = one("db2pd-11.5-standby-ros-replay-only-window-delay")
    assert (delayed.replay_delay, delayed.replay_only) == (600, True)
    unknown = one("db2pd-12.9-standby-unknown-state-and-key")
    assert unknown.fields["HADR_FUTURE_SETTING"] == "7" and not unknown.known


def test_the_displayed_date_of_the_window_counts_for_nothing():
    text = read("db2pd-11.1-standby-peer-nearsync")
    assert standing(parse_db2pd(text.replace("03/09/2019", "31-12-1999"))).peer_window_end == (
        1552153819
    )
    without = text.replace(" (1552153819)", "")
    assert standing(parse_db2pd(without)).peer_window_end is None


def test_the_window_end_may_disagree_with_the_window():
    """One recording has 300 seconds and an end almost a thousand away."""
    found = one("db2pd-11.1-primary-peer-emptyflags-loggap-hbmissed")
    assert found.peer_window == 300
    assert found.peer_window_end - found.connected_at == 1018


def test_a_primary_speaks_for_its_principal_standby_and_a_database_for_its_weakest_stream():
    assert one("db2pd-11.5-primary-three-standbys").standby_host == "mn2"
    weakest = one("db2pd-11.5-purescale-primary-assisted_remote_catchup-flags")
    assert (weakest.log_stream, weakest.state) == (1, REMOTE)


def test_only_the_database_that_was_asked_for_counts():
    text = read("db2pd-11.1-standby-peer-nearsync")
    both = text + "\n" + text.replace("XCATDB", "OTHER").replace("= PEER", "= LOCAL_CATCHUP")
    assert [found.database for found in parse_db2pd(both)] == ["XCATDB", "OTHER"]
    assert [found.state for found in parse_db2pd(both, "xcatdb")] == ["PEER"]
    with pytest.raises(CommandFailed, match="OTHER instead of xcatdb"):
        parse_db2pd(text.replace("XCATDB", "OTHER"), "xcatdb")


@pytest.mark.parametrize("text", ["", " \n", "bash: db2pd: command not found\n", "a = b\n", "\x00"])
def test_what_is_not_db2pds_output_is_refused(text):
    with pytest.raises(CommandFailed, match="no HADR block"):
        parse_db2pd(text)


def test_other_recorded_outputs_are_not_taken_for_db2pds():
    """IBM's own cluster tools print `HADR Primary State = Online` and the like."""
    for name in names():
        if not name.startswith("db2pd"):
            with pytest.raises(CommandFailed):
                parse_db2pd(read(name))
