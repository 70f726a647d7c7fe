"""Snapshots, configurations, messages and tables, as they were printed."""

from __future__ import annotations

import pytest
from db2_samples import names, read, replies
from xcat_hamn.database.db2 import messages as m
from xcat_hamn.database.db2.configuration import BACKUP_PENDING, ROLLFORWARD_PENDING, parse_db_cfg
from xcat_hamn.database.db2.snapshot import parse_snapshot
from xcat_hamn.database.db2.tables import parse_table
from xcat_hamn.errors import CommandFailed

#: sample -> role, services, window, window end, position, gap.
SNAPSHOTS = {
    "snapshot-10.1-primary-peer-with-db-header": (
        *("PRIMARY", "55002", None, None),
        (("S0000101.LOG", 0, 0x2AD24A1), 0),
    ),
    "snapshot-10.1-primary-peer": (
        *("PRIMARY", "HAMN2", None, None),
        (("S0000104.LOG", 654, 0x356638A), 158),
    ),
    "snapshot-10.1-standby-peer-after-takeover": (
        *("STANDBY", "HAMN2", None, None),
        (("S0000104.LOG", 654, 0x3566527), 864220),
    ),
    "snapshot-9.7-primary-peer-nearsync-peerwindow-collapsed": (
        *("PRIMARY", "DB2_HADR_2", 120, 1283699407),
        (("S0000102.LOG", 18, 0xFA28D7C), 0),
    ),
}

#: sample -> role, remote host, mode, spool limit, window, targets.
CONFIGURATIONS = {
    "dbcfg-11.5-primary-single": ("PRIMARY", "mn3", "NEARSYNC", 52000, 0, []),
    "dbcfg-11.5-primary-targetlist": (
        *("PRIMARY", "mn2", "NEARSYNC", 52000, 0),
        [("mn2", "55002"), ("mn3", "55003")],
    ),
    "dbcfg-11.5-principal-standby-targetlist": (
        *("STANDBY", "mn1", "NEARSYNC", 52000, 0),
        [("mn1", "55001"), ("mn3", "55003")],
    ),
    "dbcfg-11.5-standby-single-superasync": ("STANDBY", "mn1", "SUPERASYNC", 52000, 0, []),
    "dbcfg-9.7-standby": ("STANDBY", "mn2.a-long-domain.cluster.test", "NEARSYNC", None, 60, []),
    "dbcfg-standard-no-hadr": ("STANDARD", "", "NEARSYNC", 0, 0, []),
    "dbcfg-11.5-standard-full": ("STANDARD", "10.11.0.12", "SYNC", 13000, 300, []),
    "dbcfg-9.7-logretain": ("STANDARD", "", "", None, None, []),
    "dbcfg-11.5-primary-show-detail": ("PRIMARY", "", "", 52000, 120, []),
}

#: sample -> (code, reason, SQLSTATE) of each of its messages.
MESSAGES = {
    "cli-sql1776n-rc1-driver-connect-to-standby": [("SQL1776N", "1", "")],
    "clp-sql0104n-wrapped-trailing-space": [("SQL0104N", "", "42601")],
    "clp-sql1117n-rollforward-pending-wrapped": [("SQL1117N", "", "57019")],
    "clp-sql1363w-after-update-dbcfg": [("DB20000I", "", ""), ("SQL1363W", "", "")],
    "clp-sql6031n-db2nodes-wrapped": [("SQL6031N", "11", "")],
    "docker-entrypoint-db2gcf-operable-then-start": [("SQL1063N", "", ""), ("SQL1063N", "", "")],
    "clp-sql1770n-9-wrapped": [("SQL1770N", "9", "")],
    "clp-sql1776n-6-wrapped": [("SQL1776N", "6", "")],
    "clp-sql1224n-after-db21034e": [("DB21034E", "", ""), ("SQL1224N", "", "55032")],
    "clp-sql1766w-start-hadr": [("SQL1766W", "", "")],
}
DONE = [("DB20000I", "", "")]
STOPPED, STARTED = [("SQL1064N", "", "")] * 2, [("SQL1063N", "", "")] * 2

#: transcript -> the messages of each reply.
TRANSCRIPTS = {
    "clp-10.1-takeover-stop-rollforward-transcript": [
        *(DONE, DONE, DONE, STOPPED + STARTED, DONE),
        *([("SQL1776N", "4", "")], DONE, [("SQL30108N", "1", "08506")]),
    ],
    "clp-11.5-hadr-setup-transcript": [
        *(DONE, [("SQL1032N", "", ""), ("SQL1032N", "", "57019")], STARTED, DONE),
        *([], DONE, DONE, STOPPED, DONE, DONE),
    ],
    "clp-11.5-purescale-takeover-stop-start-transcript": [
        *(STOPPED, [("SQL1032N", "", "")], STARTED, DONE),
    ],
}
TABLES = {
    "mon_get_hadr-10.5-peer": [{"HADR_STATE": "PEER"}],
    "mon_get_hadr-10.5-purescale-assisted-remote-catchup": [
        {
            "LOG_STREAM_ID": stream,
            "PRIMARY_MEMBER": member,
            "STANDBY_MEMBER": "0",
            "HADR_STATE": state,
            "HADR_FLAGS": flags,
        }
        for stream, member, state, flags in (
            ("0", "0", "PEER", ""),
            ("1", "0", "REMOTE_CATCHUP", "ASSISTED_REMOTE_CATCHUP"),
            ("2", "2", "PEER", ""),
        )
    ],
    "snaphadr-view-10.1-primary-peer": [
        {
            "DBNAME": "XCATDB",
            "CONNECT_STAT": "CONNECTED",
            "ROLE": "PRIMARY",
            "STATE": "PEER",
            "SYNCMODE": "NEARSYNC",
            "HEARTBEAT": "0",
            "LOCAL": "mn1",
            "REMOTE": "mn2",
            "SNAPSHOT_TIMESTAMP": "2016-04-14-18.05.03.220468",
        }
    ],
}
INSTANCES = {
    "db2gcf-status-available": "Available",
    "db2gcf-status-operable": "Operable",
    "docker-entrypoint-db2gcf-operable-then-start": "Operable",
}
#: IBM's own cluster integration: nothing that this project reads, kept for comparison.
PEERS = {
    "ibm-db2diag-nonforced-takeover-timeline-11.5.8",
    "ibm-pacemaker-crm-status-host-failed-11.5.7",
    "ibm-pacemaker-db2cm-list-host-failed-11.5.7",
}


def test_every_sample_is_named_here():
    here = {*SNAPSHOTS, *CONFIGURATIONS, *MESSAGES, *TRANSCRIPTS, *TABLES, *INSTANCES, *PEERS}
    assert here == {name for name in names() if not name.startswith("db2pd-")}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_snapshot_is_read(name):
    role, service, window, end, log = SNAPSHOTS[name]
    found = parse_snapshot(read(name))
    assert (found.role, found.state, found.connect) == (role, "PEER", "CONNECTED")
    assert (found.known, found.attached, found.syncmode) == (True, True, "NEARSYNC")
    assert (found.partner_service, found.peer_window, found.peer_window_end) == (
        *(service, window),
        end,
    )
    assert found.primary_log == found.standby_log == log[0]
    assert (found.log_gap, found.heartbeat_missed) == (log[1], 0)
    assert found.partner_instance == "xcatdb"


def test_states_of_a_snapshot_have_blanks():
    text = read("snapshot-10.1-primary-peer")
    for word, state in (
        ("Disconnected peer", "DISCONNECTED_PEER"),
        ("Remote catchup pending", "REMOTE_CATCHUP_PENDING"),
        ("Remote catchup", "REMOTE_CATCHUP"),
        ("Local catchup", "LOCAL_CATCHUP"),
    ):
        found = parse_snapshot(text.replace("= Peer", f"= {word}"))
        assert (found.state, found.known) == (state, True)
    odd = parse_snapshot(text.replace("= Peer", "= Sideways"))
    assert (odd.state, odd.known) == ("Sideways", False)


def test_a_snapshot_without_hadr_and_no_snapshot():
    header = read("snapshot-10.1-primary-peer-with-db-header").partition("HADR Status")[0]
    assert parse_snapshot(header) is None
    with pytest.raises(CommandFailed, match="no snapshot"):
        parse_snapshot("SQL1032N  No start database manager command was issued.")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_is_read(name):
    found = parse_db_cfg(read(name))
    assert (
        found.role,
        found.text("HADR_REMOTE_HOST"),
        found.text("HADR_SYNCMODE"),
        found.number("HADR_SPOOL_LIMIT"),
        found.number("HADR_PEER_WINDOW"),
        found.targets,
    ) == CONFIGURATIONS[name]
    assert found.number("HADR_TIMEOUT") == 120


def test_log_archiving_index_settings_and_pending_states():
    new = parse_db_cfg(read("dbcfg-11.5-standard-full"))
    assert new.archives_logs and new.text("LOGARCHMETH1") == "DISK:/var/lib/db2/archive/"
    assert (new.text("INDEXREC"), new.is_set("LOGINDEXBUILD")) == ("RESTART", True)
    assert new.is_set(BACKUP_PENDING) and not new.is_set(ROLLFORWARD_PENDING)
    assert "LOGRETAIN" not in new and not new.pending()
    old = parse_db_cfg(read("dbcfg-9.7-logretain"))
    assert old.archives_logs and old.text("LOGRETAIN") == "RECOVERY"
    assert (old.text("INDEXREC"), old.is_set("LOGINDEXBUILD")) == ("SYSTEM (RESTART)", False)
    assert old.is_set(ROLLFORWARD_PENDING) and not old.is_set(BACKUP_PENDING)
    circular = read("dbcfg-11.5-standard-full").replace("DISK:/var/lib/db2/archive/", "OFF")
    assert not parse_db_cfg(circular).archives_logs


def test_show_detail_tells_what_waits_for_an_activation():
    found = parse_db_cfg(read("dbcfg-11.5-primary-show-detail"))
    assert found.pending() == {"HADR_TIMEOUT": "60", "HADR_PEER_WINDOW": "300"}
    assert found.role == "PRIMARY"


def test_no_configuration():
    with pytest.raises(CommandFailed, match="no configuration"):
        parse_db_cfg("SQL1031N  The database directory cannot be found.  SQLSTATE=58031")


def coded(text):
    return [(one.code, one.reason, one.sqlstate) for one in m.parse_messages(text)]


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_read(name):
    assert coded(read(name)) == MESSAGES[name]


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_a_transcript_is_read(name):
    assert [coded(text) for text in replies(name)] == TRANSCRIPTS[name]


def test_the_text_of_a_message_is_one_line():
    wrapped = read("clp-sql1117n-rollforward-pending-wrapped")
    assert str(m.parse_messages(wrapped)[0]) == (
        'SQL1117N A connection to or activation of database "XCATDB" cannot be made because of '
        "ROLL-FORWARD PENDING."
    )


def test_which_messages_are_failures():
    started = m.parse_messages(read("docker-entrypoint-db2gcf-operable-then-start"))
    assert m.failure(started) is None
    assert m.failure(m.parse_messages(read("clp-sql1363w-after-update-dbcfg"))) is None
    found = m.failure(m.parse_messages(read("clp-sql1224n-after-db21034e")))
    assert found.code == "SQL1224N"
    refused = m.parse_messages(read("clp-sql1770n-9-wrapped"))
    assert m.find(refused, "SQL1770N", "9") and not m.find(refused, "SQL1770N", "1")


@pytest.mark.parametrize(
    ("code", "failed"),
    [(0, False), (1, False), (2, False), (3, False), (4, True), (6, True), (8, True), (-9, True)],
)
def test_exit_codes_add_up(code, failed):
    assert m.failed(code) is failed


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read(name):
    assert parse_table(read(name)) == TABLES[name]


@pytest.mark.parametrize("name", INSTANCES)
def test_the_state_of_an_instance_is_read(name):
    assert m.instance_state(read(name)) == INSTANCES[name]


def test_the_timestamp_of_a_backup():
    assert m.backup_timestamp(replies("clp-11.5-hadr-setup-transcript")[4]) == "20240804083707"
    assert m.backup_timestamp("SQL2413N  Online backup is not allowed") == ""


@pytest.mark.parametrize("name", sorted(PEERS))
def test_outputs_of_ibms_cluster_tools_are_nothing_to_us(name):
    for parse in (parse_snapshot, parse_db_cfg):
        with pytest.raises(CommandFailed):
            parse(read(name))
    assert not m.parse_messages(read(name)) and not m.instance_state(read(name))
