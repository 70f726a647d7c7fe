"""The parts of the set-up that need no Db2: what is read, what is chosen, what ssh is told."""

from __future__ import annotations

import shlex
import threading

import pytest
from db2_samples import read
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.configuration import parse_db_cfg
from xcat_hamn.database.db2.setup import facts, measuring, pair, values, verification
from xcat_hamn.database.db2.setup.values import Options
from xcat_hamn.errors import CommandTimeout, MissingTool, Refused
from xcat_hamn.system import remote
from xcat_hamn.system.runner import Result, Runner

DIRECTORY = """
 System Database Directory

 Number of entries in the directory = 2

Database 1 entry:

 Database alias                       = XCATDB
 Database name                        = XCATDB
 Node name                            = MN
 Directory entry type                 = Remote
 Alternate server hostname            =
 Alternate server port number         =

Database 2 entry:

 Database alias                       = XCATDB
 Database name                        = XCATDB
 Local database directory             = /var/lib/db2
 Directory entry type                 = Indirect
 Alternate server hostname            = 10.11.0.12
 Alternate server port number         = 50001
"""
HISTORY = """
                    List History File for xcatdb

Number of matching file entries = 3

 Op Obj Timestamp+Sequence Type Dev Earliest Log Current Log  Backup ID
 -- --- ------------------ ---- --- ------------ ------------ --------------
  B  D  20100805161232001   F    D  S0000000.LOG S0000000.LOG
 ----------------------------------------------------------------------------
    Comment: DB2 BACKUP XCATDB OFFLINE
     Status: A
 ----------------------------------------------------------------------------
  EID: 5 Location: /var/lib/db2/backup

 Op Obj Timestamp+Sequence Type Dev Earliest Log Current Log  Backup ID
 -- --- ------------------ ---- --- ------------ ------------ --------------
  B  D  20100806161232001   N    D  S0000000.LOG S0000000.LOG
 ----------------------------------------------------------------------------
     Status: A
 ----------------------------------------------------------------------------
  EID: 6 Location:

 SQLCA Information

 sqlcaid : SQLCA     sqlcabc: 136   sqlcode: -2059   sqlerrml: 0

 Op Obj Timestamp+Sequence Type Dev Earliest Log Current Log  Backup ID
 -- --- ------------------ ---- --- ------------ ------------ --------------
  B  D  20100807161232001   I    D  S0000000.LOG S0000000.LOG
     Status: A

  B  D  20100808161232001   F    D  S0000000.LOG S0000000.LOG
     Status: I
"""
UTILITIES = """
ID                               = 3
Type                             = BACKUP
Database Name                    = XCATDB
Progress Monitoring:
   Estimated Percentage Complete = 41
      Total Work                       = 20000 bytes
      Completed Work                   = 5000 bytes
"""


def test_services():
    text = "ssh 22/tcp\nDB2_HADR_1\t55001/tcp hadr # one\ndomain 53/udp\n# x 1/tcp\nbad\n"
    assert facts.parse_services(text) == {"ssh": 22, "DB2_HADR_1": 55001, "hadr": 55001}


def test_the_local_entry_of_the_directory_counts():
    found = facts.directory_entry(DIRECTORY, "xcatdb")
    assert found["Alternate server hostname"] == "10.11.0.12"
    assert facts.directory_entry(DIRECTORY, "other") is None
    assert facts.directory_entry(DIRECTORY.partition("Database 2")[0], "xcatdb") is None


def test_only_whole_backups_that_succeeded_count():
    assert facts.parse_history(HISTORY) == ["20100805161232"]


def test_the_release():
    text = 'Informational tokens are "DB2 v11.5.8.0", "s2209201700",\n"DYN2209201700AMD64", ...'
    assert facts.parse_release(text) == (11, 5, 8, 0)
    assert facts.parse_release("garbage") == ()


def test_the_progress_of_a_utility():
    assert measuring.work(UTILITIES) == (20000, 5000)
    assert measuring.work("   Completed Work = 77 bytes") == (None, 77)
    assert measuring.work("SQL1611W  No data was returned.") == (None, None)


def test_the_progress_of_a_backup_is_asked_beside_it(monkeypatch):
    """By a process of its own: a back-end of db2 serves one command at a time."""
    monkeypatch.setattr(measuring, "_EVERY", 0.001)
    asked, told = threading.Event(), []

    class Node:
        class instance:  # noqa: N801
            program = staticmethod(lambda name: f"/bin/{name}")

        @staticmethod
        def owner(argv, timeout):
            assert argv[0] == "timeout"
            assert argv[2:] == ["/bin/db2", "LIST", "UTILITIES", "SHOW", "DETAIL"]
            return Result(argv, 0, UTILITIES, "", 0.0)

    def tell(fraction):
        told.append(fraction)
        asked.set()

    with measuring.utilities(Node, 0, tell):
        assert asked.wait(10)
    assert set(told) == {0.25}


def test_the_progress_of_rsync_however_it_comes():
    told = []
    reader = measuring.Rsync(told.append)
    text = b"\r     32,768   3%    0.00kB/s\r  1,048,576 100%  9.1MB/s 0:00:00 (xfr#1)\r\n"
    for index in range(len(text)):
        reader.read(text[index : index + 1])
    assert told == [0.03, 1.0]


# -- values --------------------------------------------------------------------------------------

FULL = read("dbcfg-11.5-standard-full")


def configured(**changed):
    lines = []
    for line in FULL.splitlines():
        name = next((n for n in changed if f"({n})" in line), None)
        lines.append(line if name is None else f"{line.partition(' =')[0]} = {changed[name]}")
    return parse_db_cfg("\n".join(lines))


@pytest.mark.parametrize(
    ("now", "options", "chosen"),
    [
        ({"HADR_TIMEOUT": 3, "HADR_PEER_WINDOW": 0}, {}, (120, 120, "NEARSYNC")),
        ({"HADR_TIMEOUT": 60, "HADR_PEER_WINDOW": 900}, {}, (60, 900, "NEARSYNC")),
        ({"HADR_SYNCMODE": "SYNC", "HADR_TIMEOUT": 240}, {}, (240, 120, "SYNC")),
        ({"HADR_SYNCMODE": "ASYNC"}, {}, (120, 120, "NEARSYNC")),
        ({"HADR_TIMEOUT": 240}, {"timeout": 90, "window": 600}, (90, 600, "NEARSYNC")),
    ],
)
def test_what_is_sound_is_kept(now, options, chosen):
    base = {"HADR_TIMEOUT": 120, "HADR_PEER_WINDOW": 0, "HADR_SYNCMODE": "NEARSYNC"}
    found = values.choose(configured(**{**base, **now}), Options(**options))
    assert (found.timeout, found.window, found.mode) == chosen


def test_an_unknown_database_gets_the_defaults():
    assert values.choose(None, Options()) == values.Values()


def test_logretain_where_it_is_known():
    old = parse_db_cfg(
        " HADR database role = STANDARD\n Log retain (LOGRETAIN) = OFF\n"
        " Archive (LOGARCHMETH1) = OFF\n Index (INDEXREC) = SYSTEM (RESTART)\n"
    )
    assert values.for_recovery(old) == {
        "LOGRETAIN": "ON",
        "TRACKMOD": "ON",
        "LOGINDEXBUILD": "ON",
        "INDEXREC": "RESTART",
    }


def test_what_cannot_be_seen_is_set_with_the_rest_but_is_no_reason_to_change_anything():
    on = {"LOGINDEXBUILD": "ON", "INDEXREC": "RESTART"}
    circular = configured(LOGARCHMETH1="OFF", **on)
    assert "TRACKMOD" not in circular, "the recording has no such line"
    assert values.for_recovery(circular) == {"LOGARCHMETH1": "LOGRETAIN", "TRACKMOD": "ON"}
    assert values.for_recovery(configured(LOGARCHMETH1="DISK:/logs", **on)) == {}


class FakeMachine:
    here = True
    name = "mn1"


@pytest.mark.parametrize(
    ("here", "there", "port"),
    [
        ({}, {}, 55001),
        ({"DB2_HADR_1": 7001}, {}, 7001),
        ({"DB2_HADR_1": 1}, {"DB2_HADR_1": 2}, 55001),
    ],
)
def test_a_port_that_is_named_already_stays(monkeypatch, here, there, port):
    sides = [pair.Side(FakeMachine(), service) for service in values.SERVICES]
    known = iter((here, there))
    monkeypatch.setattr(pair, "look", lambda *_: facts.Facts(services=next(known)))
    both = pair.Pair(sides, Options())
    both.folder = lambda side: "/x"
    both.look()
    assert [side.port for side in sides] == [port, 55002]


# -- which one is the primary --------------------------------------------------------------------


class FakeSide:
    def __init__(self, name, *, exists):
        self.name = name
        self.facts = facts.Facts(exists=exists)


def side(name, role="", *, restored=False):
    made = FakeSide(name, exists=bool(role))
    if role:
        pending = "DATABASE" if restored else "NO"
        made.facts.configuration = parse_db_cfg(
            f" HADR database role = {role}\n Rollforward pending = {pending}\n"
        )
    return made


@pytest.mark.parametrize(
    ("one", "two", "primary"),
    [
        (side("mn1", "STANDARD"), side("mn2"), "mn1"),
        (side("mn1"), side("mn2", "STANDARD"), "mn2"),
        (side("mn1", "STANDARD", restored=True), side("mn2", "STANDARD"), "mn2"),
        (side("mn1", "STANDARD"), side("mn2", "STANDBY"), "mn1"),
        (side("mn1", "STANDBY"), side("mn2", "PRIMARY"), "mn2"),
        (side("mn1", "STANDARD"), side("mn2", "PRIMARY"), "mn2"),
        (side("mn1", "STANDARD"), side("mn2", "STANDARD"), "mn1"),
        (side("mn1"), side("mn2"), "mn1"),
    ],
)
def test_the_databases_tell_which_one_is_the_primary(one, two, primary):
    assert pair.choose((one, two), "", one).name == primary


def test_the_administrator_tells_where_they_do_not():
    one, two = side("mn1", "STANDARD"), side("mn2", "STANDARD")
    assert pair.choose((one, two), "mn2", one) is two
    with pytest.raises(Refused, match="mn2 cannot be the primary"):
        pair.choose((side("mn1", "PRIMARY"), side("mn2", "STANDBY")), "mn2", one)


@pytest.mark.parametrize("role", ["PRIMARY", "STANDBY"])
def test_two_of_the_same_role_are_refused(role):
    with pytest.raises(Refused, match=f"both have the role {role}"):
        pair.choose((side("mn1", role), side("mn2", role)), "mn1", side("mn1"))


# -- the proof -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "SQL1117N"),
        (hadr.Hadr(role="STANDARD"), "Role is STANDARD"),
        (hadr.Hadr(role="STANDBY", state="REMOTE_CATCHUP_PENDING"), "HADR ports pass"),
        (hadr.Hadr(role="STANDBY", state="LOCAL_CATCHUP"), "logs of its own"),
        (hadr.Hadr(role="STANDBY", state="NEW_STATE"), "not known here"),
        (hadr.Hadr(role="STANDBY", state="PEER", connect="DISCONNECTED"), "ConnectStatus"),
    ],
)
def test_a_wrong_state_is_answered(found, words):
    standby = side("mn2", "STANDARD", restored=True)
    standby.facts.up, standby.facts.found = True, found
    primary = side("mn1", "PRIMARY")
    primary.facts.found = hadr.Hadr(role="PRIMARY", state="PEER", connect="CONNECTED")

    class Both:
        sides = (primary, standby)

    Both.primary, Both.standby = primary, standby
    Both.same_service = staticmethod(lambda one, other: one == other)
    assert not verification.in_peer(Both)
    assert any(words in sentence for sentence in verification.problems(Both))


# -- the other node ------------------------------------------------------------------------------


@pytest.fixture
def ssh(monkeypatch):
    """Return a remote, its calls of ssh and the answers that they get."""
    calls, answers = [], []

    def run(self, argv, **options):
        calls.append((list(argv), options))
        code, out, err = answers.pop(0) if answers else (0, "", "")
        return Result(argv, code, out, err, 0.0)

    monkeypatch.setattr(Runner, "run", run)
    return remote.Remote("fd11::12", "/run/x"), calls, answers


def test_nothing_is_ever_asked_and_only_known_hosts_are_talked_to(ssh):
    there, calls, _ = ssh
    there.run(["cat", "/a b"], timeout=7)
    argv = calls[0][0]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes"} <= set(argv)
    assert argv[-3:-1] == ["root@fd11::12", "--"]
    words = shlex.split(argv[-1])
    assert words[:3] == ["timeout", "--kill-after=5", "7.000"]
    assert words[-2:] == ["cat", "/a b"]
    assert there.place("/x") == "root@[fd11::12]:/x"


def test_the_owner_gets_his_environment_behind_the_change_of_user(ssh):
    there, calls, answers = ssh
    answers += [(0, "xcatdb:x:61:62::/var/lib/db2:/bin/sh\n", ""), (0, "", "")]
    there.run(["db2", "terminate"], user="xcatdb", user_env={"LD_LIBRARY_PATH": "/x"})
    words = shlex.split(calls[1][0][-1])
    assert words.index("--reuid=61") < words.index("LD_LIBRARY_PATH=/x")
    assert "--regid=62" in words


@pytest.mark.parametrize(
    ("code", "said", "error", "words"),
    [
        (255, "Host key verification failed.", remote.Unreachable, "compare it"),
        (255, "root@x: Permission denied (publickey).", remote.Unreachable, "authorized_keys"),
        (255, "connect to host x: Connection refused", remote.Unreachable, "no sshd"),
        (255, "", remote.Unreachable, "look at the network"),
        (124, "", CommandTimeout, "had not ended"),
        (127, "", MissingTool, "not installed on fd11::12"),
    ],
)
def test_what_keeps_us_from_the_other_node_is_told(ssh, code, said, error, words):
    there, _, answers = ssh
    answers.append((code, "", said))
    with pytest.raises(error, match=words):
        there.run(["db2pd"])
