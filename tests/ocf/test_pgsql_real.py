"""xcat-pgsql on real PostgreSQL servers, action by action as Pacemaker would call them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from database_machine import ADDRESSES, BINDIR, PGDATA, SOCKETS, TOOLS, DatabaseMachine, template
from machines import addresses, join, wait_until
from tester import needs_tester, ocf_tester

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: makes namespaces"),
    pytest.mark.skipif(not BINDIR, reason="needs the package postgresql"),
    pytest.mark.skipif(
        not all(os.path.exists(tool) for tool in TOOLS), reason="needs pacemaker-cli-utils"
    ),
]
PROBE: dict[str, str] = {}
RECURRING = {"OCF_RESKEY_CRM_meta_interval": "5000"}


def timeout(seconds: float) -> dict[str, str]:
    return {"OCF_RESKEY_CRM_meta_timeout": str(int(seconds * 1000))}


class Agent:
    """xcat-pgsql on one machine."""

    def __init__(self, path: str, machine: DatabaseMachine, nodes: str) -> None:
        self.path = path
        self.machine = machine
        self.parameters = {"pgdata": PGDATA, "nodes": nodes, "socket_directory": SOCKETS}

    def __call__(self, action: str, **environ: str):
        more = {**(RECURRING if action == "monitor" else {}), **environ}
        return self.machine.act(self.path, action, self.parameters, **more)

    def probe(self):
        return self.machine.act(self.path, "monitor", self.parameters)

    def ok(self, *actions: str) -> None:
        """Perform `actions`, all of which must succeed."""
        for action in actions:
            outcome = self(action)
            assert outcome.code == 0, (action, outcome)

    def claim(self) -> str:
        return self.machine.run("cat", "/var/lib/xcat-hamn/tested/claim").split()[0]


@pytest.fixture(scope="module")
def database() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="xcat-hamn-database.") as directory:
        yield template(Path(directory))


@pytest.fixture
def store() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="xcat-hamn-attributes.") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.fixture
def bare(store: Path, stage) -> Iterator[Agent]:
    """Give a node of a cluster of one, without a database."""
    machine = DatabaseMachine(store, "mn1")
    try:
        yield Agent(stage.agent("xcat-pgsql"), machine, f"mn1={ADDRESSES['mn1']}")
    finally:
        machine.close()


@pytest.fixture
def alone(bare: Agent, database: Path) -> Agent:
    """Give a node of a cluster of one."""
    bare.machine.fill(database)
    return bare


@pytest.fixture
def pair(store: Path, stage, database: Path) -> Iterator[tuple[Agent, Agent]]:
    """Give two nodes, the first with a database and the second without."""
    agents = []
    nodes = " ".join(f"{name}={address}" for name, address in ADDRESSES.items())
    try:
        for name in ADDRESSES:
            machine = DatabaseMachine(store, name)
            agents.append(Agent(stage.agent("xcat-pgsql"), machine, nodes))
        one, two = agents
        join(one.machine, two.machine)
        for agent in agents:
            addresses(agent.machine, f"{ADDRESSES[agent.machine.name]}/24")
        one.machine.fill(database)
        yield one, two
    finally:
        for agent in agents:
            agent.machine.close()


@pytest.fixture
def running(pair: tuple[Agent, Agent]) -> tuple[Agent, Agent]:
    """Give a primary and its confirmed standby."""
    one, two = pair
    # The second is copied from the first while that one waits to be promoted.
    one.ok("start")
    two.ok("start")
    one.ok("promote")
    settle(one, two)
    return one, two


def settle(primary: Agent, standby: Agent) -> None:
    """Let the monitors of both run until the standby could take over."""

    def settled() -> bool:
        assert primary("monitor").code == 8
        assert standby("monitor").code == 0
        return standby.machine.score == "900" and primary.machine.shown("xcat-db") == "primary"

    wait_until(settled, "a confirmed standby", 30)


# -- one node ------------------------------------------------------------------------------


def test_the_life_of_a_database(alone):
    """Every action twice: the second finds its work done."""
    machine = alone.machine
    assert alone.probe().code == 7
    alone.ok("stop", "stop")
    for action, role in (("start", 0), ("promote", 8), ("demote", 0)):
        alone.ok(action, action)
        assert alone("monitor").code == role
        assert alone.probe().code == role
        assert machine.score == ("1000" if role else "950")
    alone.ok("promote")
    machine.sql("INSERT INTO kept VALUES (1)")
    alone.ok("demote", "stop", "stop")
    assert alone.probe().code == 7
    assert (machine.servers(), machine.score) == ("", "")
    alone.ok("start")
    assert machine.sql("SELECT n FROM kept") == "1"


@needs_tester
def test_ocf_tester_passes(alone):
    code, output = ocf_tester(alone.machine, alone.path, alone.parameters)
    assert code == 0, output
    assert "passed all tests" in output


def test_a_server_that_died_is_reported_and_recovered(alone):
    machine = alone.machine
    alone.ok("start", "promote")
    machine.sql("INSERT INTO kept VALUES (1)")
    machine.run("kill", "-KILL", machine.postmaster())
    outcome = alone("monitor")
    assert outcome.code == 7 and "PostgreSQL is not running" in outcome.reason
    alone.ok("demote", "stop", "start", "promote")
    assert alone("monitor").code == 8
    assert machine.sql("SELECT n FROM kept") == "1"


def test_a_stop_ends_the_session_that_outlived_its_server(alone):
    """It would go on writing, and no new server could start beside it."""
    machine = alone.machine
    alone.ok("start", "promote")
    forever = ["-c", "DO $$BEGIN LOOP END LOOP; END$$"]
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    psql = [f"{BINDIR}/psql", "-X", "-h", SOCKETS, "-d", "postgres", *forever]
    busy = subprocess.Popen(machine.enter(*prefix, *psql), stderr=subprocess.DEVNULL)
    active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
    wait_until(lambda: machine.sql(active) == "1", "the busy session")
    machine.run("kill", "-KILL", machine.postmaster())
    assert alone("monitor").code == 7
    time.sleep(0.5)
    assert len(machine.servers().split()) == 1, "the busy session is still there"
    alone.ok("stop")
    assert machine.servers() == ""
    busy.wait(10)
    alone.ok("start")


def test_a_frozen_server_is_reported_in_time_and_stopped(alone):
    machine = alone.machine
    alone.ok("start", "promote")
    machine.run("kill", "-STOP", machine.postmaster())
    outcome = alone("monitor", **timeout(10))
    assert outcome.code == 1 and outcome.seconds < 10
    assert "did not answer" in outcome.reason and ": " in outcome.reason
    outcome = alone("stop", **timeout(10))
    assert outcome.code == 0 and outcome.seconds < 10
    assert machine.servers() == ""


def test_a_server_that_freezes_in_the_middle_of_an_answer_is_reported_in_time(alone):
    """The server itself ends a slow statement, unless it is frozen as well."""
    machine = alone.machine
    alone.ok("start", "promote")
    # The function that the agent asks for the role with: made to freeze the session for good.
    machine.sql(
        "CREATE FUNCTION public.pg_is_in_recovery() RETURNS bool LANGUAGE plpgsql AS $$BEGIN "
        "EXECUTE format('COPY (SELECT 1) TO PROGRAM ''kill -STOP %s''', pg_backend_pid()); "
        "RETURN false; END$$"
    )
    machine.sql("ALTER DATABASE postgres SET search_path = public, pg_catalog")
    outcome = alone("monitor", **timeout(10))
    assert outcome.code == 1 and outcome.seconds < 10
    assert "did not answer within" in outcome.reason
    alone.ok("stop")


def test_a_primary_that_nobody_promoted_is_started_as_a_standby(alone):
    machine = alone.machine
    machine.as_postgres(f"{BINDIR}/pg_ctl", "-D", PGDATA, "-w", "-l", "/dev/null", "start")
    assert alone.probe().code == 8
    alone.ok("start")
    assert alone("monitor").code == 0


# -- bad input: one sentence, nothing changed ----------------------------------------------


def test_an_empty_directory_and_nobody_to_copy_from(bare):
    machine = bare.machine
    machine.run("install", "-d", "-o", "postgres", "-m", "700", PGDATA)
    before = machine.files()
    outcome = bare("start")
    assert outcome.code == 1
    assert "is empty and no other node gave a copy" in outcome.reason
    assert machine.files() == before
    assert bare.probe().code == 7


def test_an_empty_directory_and_nobody_at_home(pair):
    two = pair[1]
    before = two.machine.files()
    outcome = two("start", **timeout(6))
    assert outcome.code == 1 and outcome.seconds < 6
    assert "mn1: " in outcome.reason and "start the database there first" in outcome.reason
    assert two.machine.files() == before


def spoil_by(agent: Agent, what: str) -> None:
    run = agent.machine.run
    if what == "no database":
        run("rm", f"{PGDATA}/PG_VERSION")
    elif what == "version":
        run("sh", "-c", f"echo 12 > {PGDATA}/PG_VERSION")
    elif what == "configuration":
        agent.parameters["config_file"] = "/etc/nowhere/postgresql.conf"
    elif what == "node":
        agent.parameters["nodes"] = "other=10.11.0.99"
    elif what == "bindir":
        agent.parameters["bindir"] = "/nowhere"
    elif what == "user":
        agent.parameters["user"] = "nobody-of-that-name"
    elif what == "relative":
        agent.parameters["pgdata"] = "main"
    elif what == "nodes":
        agent.parameters["nodes"] = "mn1"


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("no database", 2, "no PG_VERSION"),
        ("version", 2, "PostgreSQL 12"),
        ("configuration", 2, "/etc/nowhere/postgresql.conf"),
        ("node", 2, "this node is mn1, which parameter nodes does not name"),
        ("bindir", 5, "/nowhere"),
        ("user", 5, "nobody-of-that-name"),
        ("relative", 6, "no absolute path"),
        ("nodes", 6, "not NODE=ADDRESS"),
    ],
)
def test_a_start_that_cannot_work_says_why_and_changes_nothing(alone, what, code, said):
    spoil_by(alone, what)
    before = alone.machine.files()
    outcome = alone("start")
    assert (outcome.code, said in outcome.reason) == (code, True), outcome
    assert ": " in outcome.reason
    assert alone.machine.files() == before
    assert alone.machine.servers() == ""


def test_a_server_that_cannot_start_says_it_in_its_own_words(alone):
    alone.machine.run("sh", "-c", f"echo nonsense = 1 >> {PGDATA}/postgresql.conf")
    outcome = alone("start")
    assert outcome.code == 1
    assert "FATAL: configuration file" in outcome.reason
    assert "/var/log/xcat-hamn" in outcome.reason


def test_a_limit_below_the_primarys_is_named(alone):
    alone.machine.run("sh", "-c", f"echo max_connections = 20 >> {PGDATA}/postgresql.conf")
    outcome = alone("start")
    assert outcome.code == 1
    assert "max_connections = 20 is a lower setting than on the primary" in outcome.reason


@pytest.mark.parametrize("trouble", ["down", "hangs", "missing"])
def test_without_the_clusters_tools_monitors_go_on_and_nobody_is_promoted(running, trouble):
    one, two = running
    if trouble == "missing":
        for agent in running:
            for tool in TOOLS:
                agent.machine.run("mount", "--bind", "/dev/null", tool)
    else:
        (one.machine.store / trouble).touch()
    # Values that are news are written in vain: the position has moved on since.
    assert one("monitor", **timeout(30)).code == 8
    assert two("monitor", **timeout(30)).code == 0
    outcome = two("promote", **timeout(30))
    assert outcome.code == 1 and ": " in outcome.reason
    assert two.machine.sql("SELECT pg_is_in_recovery()") == "t"


# -- two nodes -----------------------------------------------------------------------------


def test_a_copy_that_is_killed_half_way_leaves_no_half_database(pair):
    one, two = pair
    one.ok("start", "promote")
    assert one("monitor").code == 8
    working = f"{PGDATA}.xcat-hamn-copy"
    # Slow enough to be in the middle of it.
    limit = ["tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "20mbit"]
    one.machine.run(*limit, "burst", "64kb", "latency", "400ms")
    process = two.machine.begin(two.path, "start", two.parameters)
    wait_until(lambda: working in two.machine.files(), "the copy to begin")
    # The primary must not take the copy's receiver for a standby: commits would wait for it.
    begun = time.monotonic()
    assert one("monitor").code == 8
    one.machine.sql("INSERT INTO kept VALUES (1)")
    assert time.monotonic() - begun < 5
    assert one.machine.sql("SHOW synchronous_standby_names") == ""
    assert process.poll() is None, "the copy was not slow enough"
    os.killpg(process.pid, 9)
    process.communicate()
    # What Pacemaker does next.
    two.ok("stop")
    assert working not in two.machine.files()
    assert two.machine.run("pgrep", "basebackup", check=False) == ""
    one.machine.run("tc", "qdisc", "delete", "dev", "eth0", "root")
    assert PGDATA + "/" not in two.machine.files()
    assert two.probe().code == 7
    two.ok("start")
    assert working not in two.machine.files()
    settle(one, two)
    assert two.machine.sql("SELECT n FROM kept") == "1"


def test_commits_wait_for_the_standby_while_it_is_there(running):
    one, two = running
    assert one.machine.sql("SHOW synchronous_standby_names") == '1 ("mn2")'
    assert two.machine.shown("xcat-db-sync") == "confirmed"
    assert (one.claim(), two.claim()) == ("leading", "following")
    two.ok("stop")
    assert one("monitor").code == 8
    assert one.machine.sql("SHOW synchronous_standby_names") == ""
    assert two.machine.shown("xcat-db-sync") == "not-confirmed"
    assert one.machine.shown("xcat-db") == "primary-alone"
    assert one.claim() == "alone"
    one.machine.sql("INSERT INTO kept VALUES (1)")
    two.ok("start")
    settle(one, two)
    assert two.machine.sql("SELECT n FROM kept") == "1"


def test_an_asynchronous_standby_follows_a_handover_without_loss(running):
    one, two = running
    one.parameters["synchronous"] = two.parameters["synchronous"] = "no"
    assert one("monitor").code == 8
    assert one.machine.sql("SHOW synchronous_standby_names") == ""
    assert two("monitor").code == 0
    assert (two.machine.shown("xcat-db-sync"), two.machine.score) == ("asynchronous", "900")
    one.machine.sql("INSERT INTO kept SELECT generate_series(1, 1000)")
    one.ok("demote")
    two.ok("promote")
    assert two.machine.sql("SELECT count(*) FROM kept") == "1000"


def test_a_primary_without_a_standby_is_degraded_on_request(running):
    one, two = running
    one.parameters["report_degraded"] = "true"
    assert one("monitor").code == 8
    two.ok("stop")
    assert one("monitor").code == 191


def test_the_handover_is_reached_exactly_and_the_old_primary_follows(running):
    one, two = running
    for old, new in ((one, two), (two, one)):
        old.machine.sql("INSERT INTO kept VALUES (1)")
        old.ok("demote")
        left = new.machine.shown("tested-handover").split()
        received = new.machine.sql("SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn")
        assert left[1] == received
        # The scores have changed sides before the next monitor of either.
        assert old.machine.score != "1000"
        new.ok("promote")
        assert new.machine.score == "1000"
        settle(new, old)
        assert old.machine.shown("tested-handover") == new.machine.shown("tested-handover") == ""
        assert (old.claim(), new.claim()) == ("following", "leading")
    assert one.machine.sql("SELECT count(*) FROM kept") == "2"
    assert two.machine.sql("SELECT count(*) FROM kept") == "2"


def test_a_promotion_beside_a_living_primary_is_refused_and_gated(running):
    one, two = running
    outcome = two("promote", **timeout(6))
    assert outcome.code == 1 and "mn1 is the primary still" in outcome.reason
    assert two.machine.score == "-INFINITY"
    assert two.machine.sql("SELECT pg_is_in_recovery()") == "t"
    settle(one, two)


def test_a_standby_that_the_last_commits_did_not_reach_is_refused(running):
    one, two = running
    two.machine.run("pkill", "-STOP", "-f", "walreceiver")
    one.machine.sql("SET synchronous_commit = local; INSERT INTO kept VALUES (1)")
    one.ok("demote")
    two.machine.run("pkill", "-KILL", "-f", "walreceiver")
    two.machine.run("ip", "link", "set", "eth0", "down")
    wait_until(lambda: two("monitor").code == 0, "the end of the receiver's crash", 20)
    outcome = two("promote", **timeout(8))
    assert outcome.code == 1, outcome
    assert "the last commits of mn1 have not arrived here" in outcome.reason
    assert two.machine.score == "-INFINITY"
    # The old primary is the newest, and may have the role back.
    assert one("monitor").code == 0
    one.ok("promote")
    two.machine.run("ip", "link", "set", "eth0", "up")
    settle(one, two)
    assert two.machine.sql("SELECT n FROM kept") == "1"


def test_the_role_can_go_when_the_old_primary_does_not_come_back_as_a_standby(running):
    one, two = running
    one.machine.sql("INSERT INTO kept VALUES (1)")
    one.machine.run("sh", "-c", f"echo nonsense = 1 >> {PGDATA}/postgresql.conf")
    assert one("demote").code == 1
    one.ok("stop")
    two.ok("promote")
    assert two.machine.sql("SELECT n FROM kept") == "1"


def test_after_a_crash_of_both_they_agree_who_is_newest(running):
    """Each may stream from the other, and neither is the primary."""
    one, two = running
    one.machine.sql("INSERT INTO kept VALUES (1)")
    for agent in running:
        agent.machine.run("pkill", "-KILL", "-x", "postgres")
    for path in one.machine.store.iterdir():
        if "@" in path.name:
            path.unlink()
    for agent in (two, one):
        agent.ok("stop", "start")
    for _ in range(3):
        for agent in (two, one):
            assert agent("monitor").code == 0
    assert one.machine.score == "950"
    assert one("promote").code == 0
    settle(one, two)


def test_another_database_on_the_other_node_is_not_taken_for_xcats(pair, database):
    one, two = pair
    two.machine.run("install", "-d", "-o", "postgres", "-m", "700", PGDATA)
    two.machine.as_postgres(f"{BINDIR}/initdb", "--no-sync", "--auth=peer", "-D", PGDATA)
    two.machine.run("cp", f"{database}/postgresql.conf", f"{database}/pg_hba.conf", PGDATA)
    for agent in (two, one):
        agent.ok("start")
    for agent in (two, one):
        agent("monitor")
        outcome = agent("promote", **timeout(8))
        assert outcome.code == 1
        assert "not a copy of the database on" in outcome.reason
        assert agent.machine.score == "-INFINITY"


def test_no_password_is_ever_in_the_process_list(running):
    one, two = running
    shown = two.machine.run("ps", "-ewwo", "args")
    assert "primary_conninfo=" in shown
    assert "password" not in shown


SITE = """
[cluster]
nodes = mn1=10.11.0.11 mn2=10.11.0.12
[identity]
addresses = 10.11.0.10/24@eth0
[database]
engine = postgresql
pgdata = {pgdata}
[services]
cfgloc = {cfgloc}
[fencing]
devices = none
"""


def test_verify_proves_reading_and_writing_and_changes_no_data(running, stage):
    one, two = running
    store = one.machine.store
    one.machine.run(
        "sh", "-c", f"echo host all postgres 10.11.0.0/24 trust >> {PGDATA}/pg_hba.conf"
    )
    one.machine.sql("SELECT pg_reload_conf()")
    (store / "cfgloc").write_text("Pg:dbname=postgres;host=10.11.0.11|postgres|unused")
    (store / "hamn.conf").write_text(SITE.format(pgdata=PGDATA, cfgloc=store / "cfgloc"))

    def verify(agent):
        argv = stage.tool("verify", "--file", str(store / "hamn.conf"), "--json")
        done = agent.machine.call(argv)
        found = {c["name"]: c["outcome"] for c in json.loads(done.stdout)["checks"]}
        return done.code, found

    assert verify(one) == (0, dict.fromkeys(("role", "read", "write", "pair", "xcat"), "ok"))
    skipped = {"role": "ok", "read": "ok", "write": "skipped", "pair": "ok", "xcat": "skipped"}
    assert verify(two) == (0, skipped)
    assert one.machine.sql("SELECT count(*) FROM pg_class WHERE relname LIKE '%hamn%'") == "0"
    two.ok("stop")
    # Its commits wait until a monitor has seen that the standby is gone.
    code, found = verify(one)
    assert (code, found["pair"], found["write"]) == (1, "warning", "failed")

    def alone() -> bool:
        return one("monitor").code == 8 and one.machine.shown("xcat-db") == "primary-alone"

    wait_until(alone, "commits that do not wait", 30)
    code, found = verify(one)
    assert (code, found["pair"], found["write"]) == (190, "warning", "ok")
    one.ok("stop")
    assert verify(one)[0] == 1
