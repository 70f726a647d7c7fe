"""cfgloc and the proof that the database takes writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.errors import HamnError, NodeError, PermissionProblem
from xcat_hamn.services import cfgloc, writable

PASSWORD = "s3cret|with;odd=characters"


def test_postgresql():
    text = f"Pg:dbname=xcatdb;host=10.11.0.10;port=5433|xcatadm|{PASSWORD}\n"
    found = cfgloc.parse(text)
    assert (found.engine, found.user, found.password) == ("Pg", "xcatadm", PASSWORD)
    assert found.settings == {"dbname": "xcatdb", "host": "10.11.0.10", "port": "5433"}


def test_db2_has_a_name_only():
    found = cfgloc.parse("DB2:xcatdb|xcatdb|secret")
    assert (found.engine, found.settings) == ("DB2", {"dbname": "xcatdb"})


def test_no_file_means_sqlite(tmp_path):
    assert cfgloc.read(str(tmp_path / "none")).engine == cfgloc.SQLITE


@pytest.mark.parametrize("text", ["", "\n", "Pg", "Pg:", "Pg:dbname=x", "Pg:dbname=x|user", "|||"])
def test_an_odd_file_is_refused(tmp_path, text):
    (tmp_path / "cfgloc").write_text(text)
    with pytest.raises(NodeError, match="does not name a database"):
        cfgloc.read(str(tmp_path / "cfgloc"))


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text):
    try:
        cfgloc.parse(text)
    except ValueError as problem:
        assert text not in str(problem) or len(text) < 3


def test_an_unreadable_file_is_a_matter_of_permissions(tmp_path):
    (tmp_path / "cfgloc").mkdir()
    with pytest.raises(PermissionProblem, match="mode 0600"):
        cfgloc.read(str(tmp_path / "cfgloc"))


@pytest.mark.parametrize(
    ("recovery", "read_only", "word"),
    [
        (False, "off", writable.WRITABLE),
        (True, "off", writable.READ_ONLY),
        (True, "on", writable.READ_ONLY),
        (False, "on", writable.READ_ONLY),
    ],
)
def test_a_standby_and_a_read_only_primary_lose_writes(recovery, read_only, word):
    found = writable.judge(recovery, read_only)
    assert found.word == word
    assert ("lost silently" in found.reason) is (word == writable.READ_ONLY)


def test_an_engine_that_nobody_can_ask_is_never_called_writable():
    found = writable.proof(cfgloc.parse("mysql:xcatdb|xcatdb|secret"), 1, None)
    assert found.word == writable.UNPROVEN
    assert "mysql" in found.reason


def test_an_absent_server_is_a_sentence_without_the_password():
    pytest.importorskip("psycopg2")
    location = cfgloc.parse(f"Pg:dbname=x;host=127.0.0.1;port=1|xcatadm|{PASSWORD}")
    with pytest.raises(HamnError, match="does not answer") as caught:
        writable.proof(location, 1, None)
    assert PASSWORD not in str(caught.value)


def test_sqlite_is_a_file_that_takes_writes(tmp_path, monkeypatch):
    table = tmp_path / "site.sqlite"
    monkeypatch.setattr(writable, "SQLITE_TABLE", str(table))
    location = cfgloc.read(str(tmp_path / "cfgloc"))
    with pytest.raises(HamnError, match="no database here"):
        writable.proof(location, 1, None)
    table.write_text("")
    assert writable.proof(location, 1, None).word == writable.WRITABLE
    monkeypatch.setattr(writable.os, "access", lambda path, mode: False)
    assert writable.proof(location, 1, None).word == writable.READ_ONLY
