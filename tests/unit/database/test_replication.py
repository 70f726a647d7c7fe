"""Connection strings, settings, and the names that commits wait for."""

from __future__ import annotations

import os
import pwd

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.database.postgresql.client import standby_names
from xcat_hamn.database.postgresql.installation import Installation
from xcat_hamn.database.postgresql.replication import COPYING, Replication, discard_copy
from xcat_hamn.system.runner import Runner

extensions = pytest.importorskip("psycopg2.extensions")

#: Anything but the zero byte, which no argument of a program can hold.
WORDS = st.text(st.characters(min_codepoint=1, exclude_categories=("Cs",)), min_size=1, max_size=30)


def replication(**changed):
    given_values = {"node": "mn1", "user": "xcat_repl", "passfile": "/pass", "port": 5432}
    given_values.update(changed)
    addresses = given_values.pop("addresses", {"mn1": "10.11.0.11", "mn2": "10.11.0.12"})
    return Replication(given_values.pop("node"), addresses, **given_values)


@given(node=WORDS, user=WORDS, passfile=WORDS, address=WORDS)
def test_no_name_breaks_out_of_the_connection_string(node, user, passfile, address):
    """libpq itself reads it back."""
    made = replication(
        node=node, user=user, passfile=passfile, addresses={node: "x", node + "2": address}
    )
    fields = extensions.parse_dsn(made.settings()["primary_conninfo"])
    assert fields == {
        "host": address,
        "port": "5432",
        "user": user,
        "application_name": node,
        "connect_timeout": "5",
        "passfile": passfile,
    }


def test_without_a_password_file_none_is_named():
    assert "passfile" not in replication(passfile="").settings()["primary_conninfo"]


def test_the_settings_have_no_secret_and_no_peer_is_no_upstream():
    assert "password" not in " ".join(replication().settings().values())
    alone = replication(addresses={"mn1": "10.11.0.11"})
    assert alone.peers == {} and "primary_conninfo" not in alone.settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("hot_standby", "on"), ("fsync", "on"), ("synchronous_commit", "on")],
)
def test_settings_that_the_promises_rest_on(name, value):
    assert replication().settings()[name] == value


def test_a_copy_in_the_making_does_not_pass_for_the_standby():
    """Commits would wait for pg_basebackup's receiver."""
    assert replication().peers.get(COPYING) is None
    assert COPYING not in replication().settings()["primary_conninfo"]


@given(st.lists(WORDS, unique=True, min_size=1, max_size=4))
def test_standby_names_are_quoted(names):
    text = standby_names(names)
    assert text.startswith("1 (") and text.endswith(")")
    inside, read, quoted = text[3:-1], [], False
    word = ""
    # As PostgreSQL's scanner reads it: a doubled quote stands for one.
    index = 0
    while index < len(inside):
        character = inside[index]
        if character == '"' and quoted and inside[index + 1 : index + 2] == '"':
            word += '"'
            index += 1
        elif character == '"':
            quoted = not quoted
            if not quoted:
                read.append(word)
                word = ""
        elif quoted:
            word += character
        index += 1
    assert read == sorted(names)


def test_nobody_to_wait_for():
    assert standby_names([]) == ""


@pytest.fixture
def copying(tmp_path):
    """Give the installation of an interrupted copy."""
    name = pwd.getpwuid(os.geteuid()).pw_name
    working = tmp_path / "main.xcat-hamn-copy"
    working.mkdir()
    (working / "PG_VERSION").write_text("15\n")
    made = Installation(Runner(), pgdata=f"{tmp_path}/main", user=name, bindir="", config_file="")
    return made, working


def test_what_is_left_of_a_copy_is_removed(copying):
    installation, working = copying
    discard_copy(installation)
    assert not working.exists()
    discard_copy(installation)


def test_it_is_never_removed_through_a_link(copying, tmp_path):
    installation, working = copying
    precious = tmp_path / "precious"
    working.rename(precious)
    working.symlink_to(precious)
    discard_copy(installation)
    assert (precious / "PG_VERSION").exists() and not working.is_symlink()
