"""Data directories and what PostgreSQL's programs say of them."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.database.postgresql.installation import (
    ControlData,
    Installation,
    format_lsn,
    parse_lsn,
)
from xcat_hamn.errors import CommandFailed, MissingTool, NodeError
from xcat_hamn.system.runner import Result

#: As PostgreSQL 15 printed it; 13 to 17 differ in lines that are not looked at.
RECORDED = """\
pg_control version number:            1300
Catalog version number:               202209061
Database system identifier:           7575757575757575757
Database cluster state:               shut down
pg_control last modified:             Sun 22 Nov 2026 03:30:18 PM UTC
Latest checkpoint location:           0/197C350
Latest checkpoint's REDO location:    0/197C350
Latest checkpoint's REDO WAL file:    000000020000000000000001
Latest checkpoint's TimeLineID:       2
Latest checkpoint's PrevTimeLineID:   2
Latest checkpoint's full_page_writes: on
Latest checkpoint's NextXID:          0:749
Time of latest checkpoint:            Sun 22 Nov 2026 03:30:18 PM UTC
Minimum recovery ending location:     0/0
Min recovery ending loc's timeline:   0
wal_level setting:                    replica
Mock authentication nonce:            0123456789abcdef
"""
OF_17 = RECORDED.replace("1300", "1700") + "Default char data signedness:         signed\n"
OF_13 = "\n".join(line for line in RECORDED.splitlines() if "full_page_writes" not in line)


@given(st.integers(min_value=0, max_value=(1 << 64) - 1))
def test_a_log_position_survives_its_text(position):
    assert parse_lsn(format_lsn(position)) == position


@pytest.mark.parametrize(
    ("text", "position"), [("0/0", 0), ("0/16B3D80", 0x16B3D80), ("1/0", 1 << 32)]
)
def test_a_log_position_is_read_as_postgresql_writes_it(text, position):
    assert parse_lsn(text) == position
    assert format_lsn(position) == text


@pytest.mark.parametrize("text", ["", "0", "x/y", "1/"])
def test_what_is_no_log_position(text):
    with pytest.raises(ValueError, match="invalid literal"):
        parse_lsn(text)


@pytest.mark.parametrize("text", [RECORDED, OF_13, OF_17], ids=["15", "13", "17"])
def test_control_data(text):
    data = ControlData(text)
    assert data.system_identifier == "7575757575757575757"
    assert (data.timeline, data.checkpoint) == (2, 0x197C350)
    assert data.shut_down_cleanly and not data.of_standby


@pytest.mark.parametrize(
    ("state", "clean", "of_standby"),
    [
        ("shut down", True, False),
        ("shut down in recovery", False, True),
        ("in archive recovery", False, True),
        ("in production", False, False),
        ("in crash recovery", False, False),
        ("shutting down", False, False),
        ("starting up", False, False),
        ("unrecognized status code", False, False),
    ],
)
def test_states_of_a_data_directory(state, clean, of_standby):
    data = ControlData(RECORDED.replace("shut down", state))
    assert (data.shut_down_cleanly, data.of_standby) == (clean, of_standby)


@pytest.mark.parametrize(
    "line",
    [
        "Database cluster state",
        "Database system identifier",
        "Latest checkpoint's TimeLineID",
        "Latest checkpoint location",
    ],
)
def test_a_missing_line_is_reported(line):
    damaged = "\n".join(one for one in RECORDED.splitlines() if not one.startswith(line))
    with pytest.raises(CommandFailed, match="damaged"):
        ControlData(damaged)


@given(st.text())
def test_no_output_at_all_is_understood(text):
    with pytest.raises(CommandFailed):
        ControlData(text)


class StandInRunner:
    def __init__(self, stdout=RECORDED, returncode=0):
        self.asked = []
        self._result = (returncode, stdout)

    def run(self, argv, **options):
        self.asked.append((list(argv), options))
        returncode, stdout = self._result
        return Result(argv, returncode, stdout, "" if returncode == 0 else "broken", 0.0)


@pytest.fixture
def made(tmp_path):
    """Give a data directory with programs, and what it takes to look at it."""
    pgdata, bindir = tmp_path / "main", tmp_path / "bin"
    pgdata.mkdir()
    bindir.mkdir()
    for name in ("postgres", "pg_controldata", "pg_basebackup"):
        (bindir / name).write_text("")
        (bindir / name).chmod(0o755)
    (pgdata / "PG_VERSION").write_text("15\n")
    return Installation(
        StandInRunner(), pgdata=f"{pgdata}/", user="root", bindir=str(bindir), config_file=""
    )


def test_a_data_directory_and_its_programs(made, tmp_path):
    assert made.version() == 15
    assert not made.is_empty()
    assert made.program("postgres") == f"{tmp_path}/bin/postgres"
    made.require_usable()
    assert made.control_data().timeline == 2
    argv, options = made.runner.asked[0]
    assert argv == [f"{tmp_path}/bin/pg_controldata", "-D", f"{tmp_path}/main"]
    assert options["user"] == "root"


def test_a_missing_program_names_the_version_and_the_place(made, tmp_path):
    with pytest.raises(MissingTool, match=r"pg_dumpall.*version 15.*bin.*bindir"):
        made.program("pg_dumpall")


@pytest.mark.parametrize(
    ("version", "said"),
    [("12", "only 13 to 17"), ("18", "only 13 to 17"), ("", "no PG_VERSION"), (None, "PG_VERSION")],
)
def test_what_no_server_can_run_on(made, tmp_path, version, said):
    path = tmp_path / "main/PG_VERSION"
    path.unlink()
    (tmp_path / "main/something").write_text("")
    if version is not None:
        path.write_text(version)
    with pytest.raises(NodeError, match=said):
        made.require_usable()


def test_an_absent_configuration_file_is_named(made):
    made.config_file = "/nowhere/postgresql.conf"
    with pytest.raises(NodeError, match=r"/nowhere/postgresql\.conf.*copy it"):
        made.require_usable()


def test_absent_and_empty_directories_are_empty(tmp_path, made):
    (tmp_path / "main/PG_VERSION").unlink()
    assert made.is_empty()
    (tmp_path / "main").rmdir()
    assert made.is_empty()


@pytest.fixture
def process(tmp_path, made):
    """A process at home in the data directory."""
    started = subprocess.Popen(["sleep", "60"], cwd=tmp_path / "main")
    yield started
    started.kill()
    started.wait()


def pid_file(tmp_path, text):
    (tmp_path / "main/postmaster.pid").write_text(text)


def test_a_server_is_a_process_at_home_in_its_directory(made, tmp_path, process):
    pid_file(tmp_path, f"{process.pid}\n{tmp_path}/main\n1\n")
    assert made.postmaster_pid() == process.pid


@pytest.mark.parametrize("text", ["", "\n", "x\n", "-5\n", "99999999\n", "1\n"])
def test_a_pid_file_that_was_left_behind_is_no_server(made, tmp_path, text):
    pid_file(tmp_path, text)
    assert made.postmaster_pid() is None


def test_the_number_of_a_dead_server_may_be_somebody_elses(made, tmp_path):
    pid_file(tmp_path, f"{os.getpid()}\n")
    assert made.postmaster_pid() is None


def test_a_shell_in_the_data_directory_is_no_session(made, process):
    assert made.server_processes() == []


def test_sessions_that_outlived_their_server_are_found(made, tmp_path):
    program = tmp_path / "postgres"
    shutil.copy("/usr/bin/sleep", program)
    left = subprocess.Popen([str(program), "60"], cwd=tmp_path / "main")
    try:
        assert made.server_processes() == [left.pid]
        program.unlink()  # An upgrade of the package leaves "(deleted)" behind.
        assert made.server_processes() == [left.pid]
    finally:
        left.kill()
        left.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away")
def test_standby_signal(made, tmp_path):
    made.ask_for_standby()
    made.ask_for_standby()
    assert (tmp_path / "main/standby.signal").read_text() == ""
    assert made.was_standby()


def test_the_control_file_tells_a_standby_without_its_signal(made):
    assert not made.was_standby()
    made.runner = StandInRunner(RECORDED.replace("shut down", "shut down in recovery"))
    assert made.was_standby()


def test_an_unreadable_control_file_is_reported(made):
    made.runner = StandInRunner("", 1)
    with pytest.raises(CommandFailed, match=r"control file.*broken"):
        made.control_data()
