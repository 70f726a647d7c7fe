"""A former primary comes back to real PostgreSQL servers, action by action as Pacemaker calls."""

from __future__ import annotations

import os
import re

import pytest
import test_pgsql_real as real
from database_machine import BINDIR, PGDATA
from machines import wait_until
from test_pgsql_real import Agent, settle
from xcat_hamn.database.postgresql import client

# Fixtures are found by their names here.
database, store, pair, running = real.database, real.store, real.pair, real.running
pytestmark = real.pytestmark

#: What pg_rewind needs beyond replication, as the documentation tells an administrator.
HBA = "host postgres xcat_repl 10.11.0.0/24 trust"
WORKING = f"{PGDATA}.xcat-hamn-rewind"
#: Slow enough to be in the middle of something.
SLOW = "tc qdisc add dev eth0 root tbf rate 20mbit burst 64kb latency 400ms".split()
END = "SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn"


def lost(one: Agent, two: Agent, last_words: str = "") -> None:
    """Let `one` die as the primary, and `two`, which never heard of `last_words`, take over."""
    end = one.machine.sql("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    wait_until(lambda: int(two.machine.sql(END)) >= int(end), "the standby to have everything")
    if last_words:
        two.machine.run("ip", "link", "set", "eth0", "down")
        one.machine.sql(f"SET synchronous_commit = local; {last_words}")
    position = two.machine.sql(END)
    one.machine.run("pkill", "-KILL", "-x", "postgres")
    for path in one.machine.store.glob("*@mn1"):
        path.unlink()
    # As if it had been handed over: how a takeover is allowed is not what is tested here.
    timeline = two.machine.shown("tested-timeline")
    (one.machine.store / "tested-handover@mn2").write_text(f"{timeline} {position}")
    two.ok("promote")
    # Not earlier: the kernel still sends what the dead server had written.
    two.machine.run("ip", "link", "set", "eth0", "up")
    assert two("monitor").code == 8
    two.machine.sql("INSERT INTO kept VALUES (100)")


def allow_rewind(*agents: Agent) -> None:
    for agent in agents:
        agent.machine.run("sh", "-c", f"echo '{HBA}' >> {PGDATA}/pg_hba.conf")
        agent.machine.sql("SELECT pg_reload_conf()")


def order(agent: Agent, kind: str) -> None:
    """Tell the agent what `xcat-hamn rejoin` tells it."""
    timeline, end = agent.machine.shown("tested-diverged").split()[:2]
    (agent.machine.store / "tested-rejoin@mn1").write_text(f"{kind} {timeline} {end}")


def rows(agent: Agent) -> list[str]:
    return agent.machine.sql("SELECT n FROM kept ORDER BY n").split()


def kept_aside(agent: Agent) -> list[str]:
    found = agent.machine.run("sh", "-c", f"ls -d {PGDATA}.diverged-* 2>/dev/null", check=False)
    return found.split()


@pytest.fixture
def diverged(running):
    """Give a diverged former primary, held apart, and the primary of now."""
    one, two = running
    allow_rewind(one, two)
    one.machine.sql("INSERT INTO kept VALUES (1)")
    lost(one, two, "INSERT INTO kept VALUES (2)")
    one.ok("stop", "start")
    assert one.machine.shown("xcat-db") == "diverged"
    return one, two


def test_a_beginning_of_the_primarys_log_follows_at_once(running):
    one, two = running
    one.machine.sql("INSERT INTO kept VALUES (1)")
    lost(one, two)
    one.ok("stop", "start")
    settle(two, one)
    assert rows(one) == ["1", "100"]
    assert kept_aside(one) == []


def test_a_diverged_log_is_held_apart_with_a_sentence(diverged):
    one, two = diverged
    assert one("monitor").code == 0
    assert one.machine.score == "-INFINITY"
    limit = one.machine.shown("xcat-db-limit")
    position = r"[0-9A-F]+/[0-9A-F]+"
    assert re.fullmatch(
        f"this node's log ends at {position} on timeline 2, but mn2's forked off at {position}: "
        "1 transaction exists only here; `xcat-hamn rejoin mn1` sets that aside and follows mn2",
        limit,
    ), limit
    assert rows(one) == ["1", "2"] and kept_aside(one) == []
    # It does not knock at the primary, which would fill the logs of both and look like a standby.
    assert one.machine.sql("SHOW primary_conninfo") == ""
    assert two.machine.sql("SELECT count(*) FROM pg_stat_replication") == "0"
    # A restart changes nothing, and nobody promotes it beside the primary.
    one.ok("stop", "start")
    assert one.machine.shown("xcat-db") == "diverged"
    assert one("promote", OCF_RESKEY_CRM_meta_timeout="4000").code == 1


def test_an_order_sets_it_aside_and_the_role_can_come_back(diverged):
    one, two = diverged
    order(one, "rewind")
    one.ok("stop", "start")
    assert one.machine.shown("tested-rejoin") == ""
    settle(two, one)
    assert rows(one) == ["1", "100"]
    assert one.claim() == "following"
    assert one.machine.shown("tested-diverged") == ""
    # What is kept says how to look at it, and it works.
    (aside,) = kept_aside(one)
    text = one.machine.run("cat", f"{aside}/README")
    command = re.search(r"\S*/pg_waldump .*", text).group().split()
    shown = one.machine.as_postgres(*command)
    assert shown.count("desc: COMMIT") == 1
    two.ok("demote")
    one.ok("promote")
    settle(one, two)
    assert rows(two) == ["1", "100"]


def test_a_database_may_have_its_configuration_elsewhere(diverged):
    """As Debian does; pg_rewind's own recovery would not find it."""
    one, two = diverged
    machine = one.machine
    machine.run("install", "-d", "-o", "postgres", "/var/lib/etc")
    machine.run("sh", "-c", f"mv {PGDATA}/*.conf /var/lib/etc && rm -f {PGDATA}/*.conf")
    machine.run(
        *("sh", "-c"),
        f"echo \"data_directory = '{PGDATA}'\nhba_file = '/var/lib/etc/pg_hba.conf'\n"
        "ident_file = '/var/lib/etc/pg_ident.conf'\" >> /var/lib/etc/postgresql.conf",
    )
    one.parameters["config_file"] = "/var/lib/etc/postgresql.conf"
    order(one, "rewind")
    one.ok("stop", "start")
    settle(two, one)
    assert rows(one) == ["1", "100"]


def test_an_order_for_other_data_is_not_obeyed(diverged):
    one, _ = diverged
    (one.machine.store / "tested-rejoin@mn1").write_text("rewind 1 4711")
    one.ok("stop", "start")
    assert one.machine.shown("xcat-db") == "diverged"
    assert one.machine.shown("tested-rejoin").startswith("failed: the order was for other data")
    assert rows(one) == ["1", "2"] and kept_aside(one) == []


def test_auto_needs_no_order(running):
    one, two = running
    allow_rewind(one, two)
    lost(one, two, "INSERT INTO kept VALUES (2)")
    one.parameters["rejoin"] = "auto"
    one.ok("stop", "start")
    settle(two, one)
    assert rows(one) == ["100"] and len(kept_aside(one)) == 1


def test_what_was_never_committed_needs_no_order_either(running):
    one, two = running
    allow_rewind(one, two)
    lost(one, two, "SELECT pg_logical_emit_message(false, 'x', 'y'); CHECKPOINT")
    one.ok("stop", "start")
    settle(two, one)
    assert rows(one) == ["100"] and len(kept_aside(one)) == 1


def test_a_rewind_that_cannot_be_done_changes_nothing_and_says_why(running):
    """Nobody has let it into database postgres."""
    one, two = running
    lost(one, two, "INSERT INTO kept VALUES (2)")
    one.ok("stop", "start")
    order(one, "rewind")
    one.ok("stop", "start")
    assert one.machine.shown("xcat-db") == "diverged"
    answer = one.machine.shown("tested-rejoin")
    assert answer.startswith("failed: ") and "pg_hba.conf" in answer, answer
    assert rows(one) == ["2"] and kept_aside(one) == []
    assert WORKING not in one.machine.files()


def test_a_copy_keeps_the_whole_old_database(running):
    one, two = running
    lost(one, two, "INSERT INTO kept VALUES (2)")
    one.ok("stop", "start")
    order(one, "copy")
    one.ok("stop", "start")
    settle(two, one)
    assert rows(one) == ["100"]
    (aside,) = kept_aside(one)
    assert f"{aside}/data/PG_VERSION" in one.machine.files()
    assert "replaced by a copy of mn2's" in one.machine.run("cat", f"{aside}/README")


def test_an_interrupted_rewind_is_never_started_as_a_database(diverged):
    one, two = diverged
    two.machine.run(*SLOW)
    order(one, "rewind")
    one.ok("stop")
    patient = {"OCF_RESKEY_CRM_meta_timeout": "60000"}
    process = one.machine.begin(one.path, "start", one.parameters, **patient)
    progress = "/run/xcat-hamn/tested/progress"
    wait_until(
        lambda: re.search(r"[1-9]%\)", one.machine.run("cat", progress, check=False)) is not None,
        "the rewind to be in the middle",
        30,
    )
    os.killpg(process.pid, 9)
    process.communicate()
    assert f"{PGDATA}/PG_VERSION" not in one.machine.files()
    one.ok("stop")
    assert one.machine.run("pgrep", "-x", "pg_rewind", check=False) == ""
    two.machine.run("tc", "qdisc", "delete", "dev", "eth0", "root")
    one.ok("start")
    settle(two, one)
    assert rows(one) == ["1", "100"]
    assert WORKING not in one.machine.files()
    assert len(kept_aside(one)) == 1


def test_a_primary_that_appears_later_is_noticed_and_a_restart_brings_it_in_line(running):
    one, two = running
    allow_rewind(one, two)
    lost(one, two, "INSERT INTO kept VALUES (2)")
    one.parameters["rejoin"] = "auto"
    word = one.machine.store / "xcat-db@mn2"
    said = word.read_text()
    word.write_text("stopped")
    one.ok("stop", "start")
    word.write_text(said)
    outcome = one("monitor")
    assert outcome.code == 1 and "is restarted" in outcome.reason
    # What Pacemaker does next.
    one.ok("stop", "start")
    settle(two, one)
    assert rows(one) == ["100"]


def test_what_could_not_be_brought_in_line_is_not_restarted_for_ever(running):
    one, two = running
    lost(one, two, "INSERT INTO kept VALUES (2)")
    one.parameters["rejoin"] = "auto"
    one.ok("stop", "start")
    for _ in range(2):
        assert one("monitor").code == 0
        assert one.machine.shown("xcat-db") == "diverged"


#: Looks as fast as it can, until the server itself has said "streaming" some times.
LOOK = """
CREATE TEMP VIEW shown AS {0};
CREATE TEMP TABLE seen (truly bigint, shown bigint);
DO $$BEGIN FOR look IN 1 .. 2000000 LOOP
    INSERT INTO seen SELECT (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'),
                            (SELECT count(*) FROM shown WHERE state = 'streaming');
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN look % 1000 = 0 AND (SELECT sum(truly) FROM seen) > 50;
END LOOP; END$$;
SELECT sum(truly) > 50, sum(shown) FROM seen;
"""


def test_a_diverged_server_never_passes_for_an_attached_standby(running):
    """Commits would wait for it, or be acknowledged by what its own log has."""
    one, two = running
    lost(one, two, "INSERT INTO kept VALUES (2)")
    # Nobody it could ask shows that it is the primary: it is not held apart, and knocks.
    (one.machine.store / "xcat-db@mn2").write_text("stopped")
    one.ok("stop", "start")
    assert two.machine.sql(LOOK.format(client._STANDBYS)).split("\n")[-1] == "t|0"


def rewind_that(agent: Agent, script: str) -> None:
    """Give the agent PostgreSQL's programs, but for a pg_rewind of our own."""
    programs = "/var/lib/programs"
    agent.machine.run("sh", "-c", f"mkdir {programs} && ln -s {BINDIR}/* {programs}")
    path = f"{programs}/pg_rewind"
    agent.machine.run("sh", "-c", f"rm {path} && echo '{script}' > {path} && chmod 755 {path}")
    agent.parameters["bindir"] = programs


def test_a_rewind_that_fails_before_its_first_change_leaves_the_database_as_it_was(diverged):
    one, _ = diverged
    rewind_that(one, "#!/bin/sh\necho could not find previous WAL record; exit 1")
    order(one, "rewind")
    one.ok("stop", "start")
    assert one.machine.shown("xcat-db") == "diverged"
    answer = one.machine.shown("tested-rejoin")
    assert "could not find previous WAL record" in answer and "--copy" in answer, answer
    assert rows(one) == ["1", "2"] and kept_aside(one) == []


def test_a_rewind_that_fails_later_is_made_good_by_a_copy(diverged):
    one, two = diverged
    rewind_that(one, "#!/bin/sh\necho pg_rewind: need to copy 1 MB; rm -r $2/base; exit 1")
    order(one, "rewind")
    one.ok("stop", "start")
    settle(two, one)
    assert rows(one) == ["1", "100"]
    assert len(kept_aside(one)) == 1 and WORKING not in one.machine.files()


def test_tables_outside_the_data_directory_are_rewound_as_well(running):
    one, two = running
    allow_rewind(one, two)
    space = "/var/lib/postgresql/space"
    for agent in running:
        agent.machine.run("install", "-d", "-o", "postgres", "-m", "700", space)
    one.machine.sql(f"CREATE TABLESPACE space LOCATION '{space}'")
    one.machine.sql("CREATE TABLE away (n int) TABLESPACE space; INSERT INTO away VALUES (1)")
    lost(one, two, "UPDATE away SET n = 2; CHECKPOINT")
    one.ok("stop", "start")
    assert one.machine.sql("SELECT n FROM away") == "2"
    order(one, "rewind")
    one.ok("stop", "start")
    settle(two, one)
    assert one.machine.sql("SELECT n FROM away") == "1"
