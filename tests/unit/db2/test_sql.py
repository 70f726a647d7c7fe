"""SQL through ibm_db where it is, else through db2: what is called, and what an answer means."""

from __future__ import annotations

import json
import os

import pytest
from test_instance import Commands, Silent, instance
from xcat_hamn import errors
from xcat_hamn.database.db2.instance import CommandRefused
from xcat_hamn.database.db2.sql import Sql
from xcat_hamn.system.deadline import Deadline

DONE = (0, "DB20000I  The SQL command completed successfully.\n")
PYTHON = os.path.basename(os.path.realpath("/usr/bin/python3"))


@pytest.fixture
def sql(monkeypatch):
    """Return what makes an Sql of answers, with or without ibm_db."""

    def make(commands, *, driver=False):
        monkeypatch.setattr(Sql, "_has_driver", staticmethod(lambda: driver))
        monkeypatch.setattr("xcat_hamn.database.db2.sql.sys.executable", f"/usr/bin/{PYTHON}")
        return Sql(instance(commands), Deadline(9), Silent())

    return make


def test_one_connection_which_is_ended(sql):
    commands = Commands(db2=[DONE, (0, "Y\n")])
    one = sql(commands)
    one.read()
    assert [call[1:] for call in commands.calls] == [
        ["CONNECT", "TO", "XCATDB"],
        ["-x", "SELECT ibmreqd FROM sysibm.sysdummy1"],
        ["terminate"],
    ]
    assert one.via == "db2"


def test_it_is_ended_also_when_the_database_refuses(sql):
    refused = (4, 'SQL1776N  The command cannot be issued on an HADR database. Reason code = "1".')
    commands = Commands(db2=[refused])
    with pytest.raises(CommandRefused) as caught:
        sql(commands).read()
    assert (caught.value.code, caught.value.reason) == ("SQL1776N", "1")
    assert commands.calls[-1][1:] == ["terminate"]


def test_a_proof_leaves_no_table_behind_whatever_happens(sql):
    none = (4, 'SQL0204N  "XCAT_HAMN_VERIFY" is an undefined name.  SQLSTATE=42704\n')
    commands = Commands(db2=[DONE, none, DONE, DONE, DONE, (0, " 1\n"), DONE, DONE])
    sql(commands).write()
    assert commands.calls[-2][-1] == "DROP TABLE xcat_hamn_verify"
    full = (4, "SQL0964C  The transaction log for the database is full.  SQLSTATE=57011\n")
    commands = Commands(db2=[DONE, none, DONE, DONE, full, DONE, DONE])
    with pytest.raises(CommandRefused, match="SQL0964C"):
        sql(commands).write()
    assert commands.calls[-2][-1] == "DROP TABLE xcat_hamn_verify"


def test_what_was_written_must_come_back(sql):
    commands = Commands(db2=[DONE, DONE, DONE, DONE, DONE, (1, ""), DONE])
    with pytest.raises(CommandRefused, match="does not come back"):
        sql(commands).write()


def test_ibm_db_gets_its_task_on_standard_input(sql):
    told = []
    commands = Commands(**{PYTHON: [(0, "Y\n")]})
    real = commands.run
    commands.run = lambda argv, **more: (told.append(more["input"]), real(argv, **more))[1]
    one = sql(commands, driver=True)
    one.read()
    (call,) = commands.calls
    assert call[1] == "-I" and call[2].endswith("driver.py") and len(call) == 3
    asked = json.loads(told[0])
    assert asked["database"] == "XCATDB" and len(asked["statements"]) == 1
    assert one.via == "ibm_db"


@pytest.mark.parametrize(
    "answer",
    [
        (3, "libdb2.so.1: cannot open shared object file"),
        (1, "[IBM][CLI Driver] SQL1013N  The database alias name could not be found."),
        errors.CommandTimeout("`python3` had not ended: look"),
    ],
)
def test_db2_decides_when_ibm_db_cannot(sql, answer):
    commands = Commands(**{PYTHON: [answer], "db2": [DONE, (0, "Y\n")]})
    one = sql(commands, driver=True)
    one.read()
    assert one.via == "db2"
