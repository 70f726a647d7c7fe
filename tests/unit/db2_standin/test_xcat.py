"""The xCAT stand-in on the Db2 stand-in: the test of R 5.1.9."""

from __future__ import annotations

import os
import sys

import pytest
from xcat.standin import db2, initdb
from xcat.standin.database import Database, DatabaseDownError

NODE = {"node": "testnode"}


@pytest.fixture
def on(monkeypatch, tmp_path, library):
    """Give xCAT's view of the database on a host."""
    monkeypatch.setattr(sys, "path", [*sys.path, library])
    monkeypatch.setattr(db2, "LIBRARY", library)
    monkeypatch.setenv("XCAT_STANDIN_ROOT", str(tmp_path))
    os.makedirs(tmp_path / "etc/xcat")
    (tmp_path / "etc/xcat/cfgloc").write_text("DB2:xcatdb|xcatdb|cluster")

    def look(machine):
        monkeypatch.setenv(db2.HOME_VARIABLE, machine.path)
        return Database()

    return look


def test_a_node_added_on_one_side_is_found_on_the_other(make_pair, on):
    one, other = make_pair({"passwords": {"xcatdb": "cluster"}})
    database = on(one)
    given = initdb.parser().parse_args(
        ["--domain=cluster.test", "--master=10.11.0.10", "--network=10.11.0.0/24"]
    )
    initdb.fill(database, given)
    database.put("nodelist", NODE, {"groups": "compute,all"})
    database.put("nodelist", NODE, {"status": "booted"})
    database.close()
    other.ok("takeover hadr on db xcatdb")
    database = on(other)
    assert database.rows("nodelist", **NODE) == [
        {"node": "testnode", "groups": "compute,all", "status": "booted"}
    ]
    assert database.site()["master"] == "10.11.0.10"
    database.delete("nodelist", **NODE)
    database.close()
    one.wait_state("STANDBY/PEER/CONNECTED")
    one.ok("takeover hadr on db xcatdb")
    database = on(one)
    assert database.rows("nodelist", **NODE) == []
    database.close()


def test_a_standby_and_a_stopped_instance_are_a_database_that_is_down(make_pair, on):
    one, other = make_pair({"passwords": {"xcatdb": "cluster"}})
    initdb.fill(
        on(one),
        initdb.parser().parse_args(
            ["--domain=cluster.test", "--master=10.11.0.10", "--network=10.11.0.0/24"]
        ),
    )
    kept = on(one)
    assert kept.site()["domain"] == "cluster.test"
    with pytest.raises(DatabaseDownError, match="SQL1776N"):
        on(other).site()
    one.run("db2stop", "force")
    on(one)
    with pytest.raises(DatabaseDownError, match="SQL1032N"):
        kept.site()
    one.run("db2start")
    assert kept.site()["domain"] == "cluster.test"  # the connection activates the primary
