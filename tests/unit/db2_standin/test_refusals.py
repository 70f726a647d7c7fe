"""What Db2 refuses, the stand-in refuses with the same code, reason and exit code."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from .conftest import free_ports, wait_for

HADR = "hadr on db xcatdb"


def messages(machine, commands):
    done = {text: machine.db2(text) for text in commands}
    return {text: (reply.code, reply.message()) for text, reply in done.items()}


@pytest.fixture
def single(machines):
    """A started instance with a standard database."""
    one = machines()
    assert one.run("db2start").code == 0
    one.ok("create db xcatdb")
    return one


def test_a_stopped_instance_refuses(machines):
    one = machines()
    expected = {
        "connect to xcatdb": (4, "SQL1032N"),
        "activate db xcatdb": (4, "SQL1032N"),
        "get db cfg for xcatdb": (4, "SQL1032N"),
        f"takeover {HADR}": (4, "SQL1032N"),
        "terminate": (0, "DB20000I"),
        "list db directory": (0, ""),
    }
    assert messages(one, expected) == expected
    assert one.run("db2stop").code == 1
    one.set(dbcfg_offline=True)
    assert one.db2("get db cfg for xcatdb").message() == "SQL1013N"


def test_instance_start_and_stop(single):
    done = single.run("db2start")
    assert (done.code, done.message()) == (1, "SQL1026N")
    assert single.db2("db2start").message() == "SQL1026N"
    single.ok("activate db xcatdb")
    assert single.run("db2stop").message() == "SQL1025N"
    done = single.run("db2stop", "force")
    assert (done.code, done.message()) == (0, "SQL1064N")
    assert single.pid() == 0


def test_a_standard_database_refuses_hadr_commands(single):
    expected = {
        "connect to nosuch": (4, "SQL1013N"),
        f"start {HADR} as standby": (4, "SQL1767N 1"),
        f"start {HADR} as primary": (4, "SQL1768N 1"),
        f"stop {HADR}": (4, "SQL1769N 1"),
        f"takeover {HADR}": (4, "SQL1770N 4"),
        f"takeover {HADR} by force": (4, "SQL1770N 4"),
        "deactivate db xcatdb": (2, "SQL1496W"),
        "create db xcatdb": (4, "SQL1005N"),
        "get snapshot for db on xcatdb": (2, "SQL1611W"),
        "start hadr": (4, "SQL1024N"),
        "update db cfg for xcatdb using LOGRETAIN ON": (4, "SQL0104N"),
        "update db cfg for xcatdb using HADR_PEER WINDOW 120": (4, "SQL0104N"),
        "update db cfg for xcatdb using HADR_SYNCMODE NEARLY": (4, "SQL0104N"),
        "update db cfg for xcatdb using HADR_TIMEOUT soon": (4, "SQL0104N"),
        "select 1 from sysibm.sysdummy1": (4, "SQL1024N"),
        "backup db xcatdb online to /dev/null": (4, "SQL2413N"),
        "backup db xcatdb to /nowhere": (4, "SQL2036N"),
        "rollforward db nosuch complete": (4, "SQL1013N"),
    }
    assert messages(single, expected) == expected
    single.ok("activate db xcatdb")
    assert single.db2(f"start {HADR} as standby").message() == "SQL1767N 3"
    assert single.db2("activate db xcatdb").message() == "SQL1490W"


def test_backup_pending_and_rollforward_pending(single, machines):
    single.ok("update db cfg for xcatdb using LOGARCHMETH1 LOGRETAIN LOGINDEXBUILD OFF")
    expected = {
        "connect to xcatdb": (4, "SQL1116N"),
        "activate db xcatdb": (4, "SQL1116N"),
        f"start {HADR} as primary": (4, "SQL1116N"),
        f"restore db xcatdb from {single.backups}": (4, "SQL2542N"),
    }
    assert messages(single, expected) == expected
    single.ok(f"backup db xcatdb to {single.backups}")
    single.ok("connect to xcatdb")
    assert single.db2("backup db xcatdb to /dev/null").message() == "SQL1035N"
    assert single.db2(f"restore db xcatdb from {single.backups}").message() == "SQL1035N"
    assert single.db2("deactivate db xcatdb").message() == "SQL1495W"
    single.ok("terminate")
    question = single.db2(f"restore db xcatdb from {single.backups}", stdin="n\n")
    assert "SQL2539W" in question.text
    assert question.code == 4
    single.ok("connect to xcatdb")
    single.ok("terminate")
    answered = single.db2(f"restore db xcatdb from {single.backups}", stdin="y\n")
    assert (answered.code, "(y/n)" in answered.text) == (0, True)
    assert single.db2("connect to xcatdb").message() == "SQL1117N"
    assert single.db2(f"start {HADR} as primary").message() == "SQL1117N"
    single.ok("rollforward db xcatdb to end of logs and complete")
    single.ok("connect to xcatdb")


def test_configuration_that_start_hadr_refuses(pair):
    one, _ = pair
    one.ok("deactivate db xcatdb")
    port = free_ports(1)[0]
    good = {
        "HADR_LOCAL_HOST": "127.0.0.1",
        "HADR_LOCAL_SVC": str(port),
        "HADR_REMOTE_HOST": "127.0.0.1",
        "HADR_REMOTE_SVC": str(port + 1),
    }
    one.db2(f"update dbm cfg using SVCENAME {port + 10}")
    for parameter, value, reason in (
        ("HADR_LOCAL_HOST", "192.0.2.1", 4),
        ("HADR_LOCAL_HOST", "::1", 11),
        ("HADR_LOCAL_SVC", "no-such-service", 5),
        ("HADR_REMOTE_SVC", "no-such-service", 6),
        ("HADR_REMOTE_HOST", "no-such-host.invalid", 12),
        ("HADR_LOCAL_SVC", str(port + 11), 21),
        ("LOGARCHMETH1", "OFF", 1),
    ):
        words = " ".join(f"{key} {text}" for key, text in {**good, parameter: value}.items())
        one.ok(f"update db cfg for xcatdb using {words}")
        done = one.db2(f"start {HADR} as primary by force")
        assert (done.code, done.message()) == (4, f"SQL1768N {reason}"), parameter
        assert one.state() == "inactive"


def test_start_hadr_warns_without_logged_index_builds(make_pair):
    _, other = make_pair()
    other.ok("deactivate db xcatdb")
    other.ok("update db cfg for xcatdb using LOGINDEXBUILD OFF")
    done = other.db2(f"start {HADR} as standby")
    assert (done.code, done.message()) == (2, "SQL1766W")


def test_roles_refuse_what_is_not_theirs(pair):
    one, other = pair
    expected = {
        f"start {HADR} as primary": (4, "SQL1777N"),
        f"start {HADR} as standby": (4, "SQL1767N 3"),
        f"takeover {HADR}": (4, "SQL1770N 4"),
        "activate db xcatdb": (2, "SQL1490W"),
    }
    assert messages(one, expected) == expected
    expected = {
        f"start {HADR} as standby": (4, "SQL1777N"),
        f"start {HADR} as primary": (4, "SQL1767N 2"),
        f"stop {HADR}": (4, "SQL1769N 2"),
        "connect to xcatdb": (4, "SQL1776N 1"),
        "backup db xcatdb to /dev/null": (4, "SQL1776N 1"),
        f"takeover {HADR} peer window only": (4, "SQL0104N"),
    }
    assert messages(other, expected) == expected
    other.ok("deactivate db xcatdb")
    expected = {
        f"takeover {HADR}": (4, "SQL1770N 5"),
        f"takeover {HADR} by force": (4, "SQL1770N 5"),
        f"start {HADR} as primary": (4, "SQL1767N 2"),
        "connect to xcatdb": (4, "SQL1776N 1"),
    }
    assert messages(other, expected) == expected
    other.ok(f"stop {HADR}")
    assert other.db2("connect to xcatdb").message() == "SQL1117N"
    other.ok(f"start {HADR} as standby")
    other.wait_state("STANDBY/PEER/CONNECTED")
    one.ok(f"stop {HADR}")
    assert one.role() == "STANDARD"
    assert one.rows() == ["cn1"]
    other.wait_state("STANDBY/REMOTE_CATCHUP_PENDING/DISCONNECTED")
    assert other.db2(f"takeover {HADR}").message() == "SQL1770N 1"


def test_who_is_not_the_owner_may_do_sql_only(single):
    if os.geteuid():
        pytest.skip("needs root, which gives the instance to another user")
    os.chown(f"{single.path}/sqllib", 65534, -1)
    expected = {
        "activate db xcatdb": (4, "SQL1092N"),
        "get db cfg for xcatdb": (0, ""),
        f"takeover {HADR}": (4, "SQL1092N"),
    }
    assert messages(single, expected) == expected
    assert single.run("db2stop").message() == "SQL1092N"
    assert single.sql("create table t (a int)").code == 0


def test_passwords_are_checked_and_told(make_pair):
    one, other = make_pair({"passwords": {"xcatdb": "cluster"}})
    done = other.db2(f"takeover {HADR} user xcatdb using wrong")
    assert (done.code, done.message()) == (4, "SQL30082N")
    other.ok(f"takeover {HADR} user xcatdb using cluster")
    with open(f"{other.home.diagnostics}/standin-commands.log", encoding="utf-8") as stream:
        log = stream.read()
    assert "using (a word)" in log
    assert "cluster" not in log
    assert one.role() == "STANDBY"


def test_faults_on_request(pair):
    one, other = pair
    other.fault("takeover", "refuse SQL1770N 10")
    assert other.db2(f"takeover {HADR}").message() == "SQL1770N 10"
    other.fault("takeover", "")
    one.fault("db2pd", "changing")
    assert "Changing data structure" in one.run("db2pd", "-hadr", "-db", "xcatdb").text
    one.fault("db2pd", "garbage")
    assert "(null)" in one.run("db2pd", "-hadr", "-db", "xcatdb").text
    one.fault("db2pd", "hang")
    with pytest.raises(subprocess.TimeoutExpired):
        one.run("db2pd", "-hadr", "-db", "xcatdb", timeout=0.7)
    one.fault("db2pd", "slow 0.2")
    assert one.state() == "PRIMARY/PEER/CONNECTED"


def test_db2pd_answers_while_the_daemon_is_stopped(pair):
    one, _ = pair
    one.signal(signal.SIGSTOP)
    assert one.state() == "PRIMARY/PEER/CONNECTED"


def test_instance_tools(machines):
    one = machines()
    status = one.run("db2gcf", "-s", "-i", "xcatdb", "-p", "0")
    assert (status.code, "DB2 State : Operable" in status.raw) == (1, True)
    with open(one.home.nodes, "w", encoding="utf-8") as stream:
        stream.write("0 no-such-host.invalid 0\n")
    done = one.run("db2start")
    assert (done.code, done.message()) == (4, "SQL6031N 10")
    assert one.run("db2gcf", "-u", "-p", "0", "-i", "xcatdb").code == 0
    with open(one.home.nodes, encoding="utf-8") as stream:
        assert stream.read() == f"0 {os.uname().nodename} 0\n"
    status = one.run("db2gcf", "-s", "-i", "xcatdb")
    assert (status.code, "DB2 State : Available" in status.raw) == (0, True)
    assert one.run("db2gcf", "-k", "-i", "xcatdb").code == 0
    assert one.pid() == 0
    assert "stand-in" in one.run("db2level").text
    assert one.run("db2ilist").text == "xcatdb"
    assert one.run("db2iauto", "-on", "xcatdb").code == 0
    assert "DB2AUTOSTART=YES" in one.run("db2set").text
    assert one.run("db2iauto", "-off", "xcatdb").code == 0
    assert "DB2AUTOSTART" not in one.run("db2set").text


def test_a_client_lives_as_long_as_its_shell(single):
    program = f"{single.path}/sqllib/bin/db2"
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            'exec 2>&1; "$1" connect to xcatdb; "$1" "values 1"; echo "rc $?"',
            "sh",
            program,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert "1 record(s) selected." in done.stdout
    assert "rc 0" in done.stdout
    wait_for(lambda: single.state() == "inactive", "nobody is connected any more")
    assert single.db2("values 1").message() == "SQL1024N"


def test_exit_codes_of_sql(single):
    single.ok("connect to xcatdb")
    single.ok("create table t (a int primary key)")
    assert single.db2("select * from t").code == 1
    assert single.db2("+w", "select * from t").code == 0
    single.ok("insert into t values (1)")
    done = single.db2("insert into t values (1)")
    assert (done.code, done.message()) == (4, "SQL0803N")
    assert done.text.startswith("DB21034E")
    assert single.db2("select * from nosuch").message() == "SQL0204N"
    assert single.db2("delete from t where a = 9").code == 1
    assert single.db2("-x", "select a from t").raw == "1\n"
    done = single.db2("-tv", stdin="select * from nosuch;\nselect a from t;")
    assert done.code == 4
    single.ok("force applications all")
    assert single.db2("values 1").message() == "SQL1224N"
