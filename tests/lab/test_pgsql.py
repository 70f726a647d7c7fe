"""xcat-pgsql in a real cluster: moves, refusals, losses; no acknowledged commit is ever lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from labkit import Lab, LabError, Node, engines, provision
from labkit import cluster as clusterkit
from labkit.own import own_lab

pytestmark = pytest.mark.lab

DATABASE = "xcat-db"
#: What follows the primary: moved as the operator moves group xcat-mn.
ROLE = "role"
MEMBERS = clusterkit.MEMBERS
CLAIM = f"/var/lib/xcat-hamn/{DATABASE}/claim"
WRITER = """\
import psycopg2, sys, os
os.setuid(int(sys.argv[1]))
connection = psycopg2.connect(host="/var/run/postgresql", dbname="postgres")
connection.autocommit = True
cursor, number = connection.cursor(), int(sys.argv[2])
while True:
    cursor.execute("INSERT INTO written VALUES (%s)", [number])
    print(number, flush=True)
    number += 1
"""


class Writer:
    """Commits numbers one after the other on a primary, and knows which were acknowledged."""

    def __init__(self, node: Node, first: int) -> None:
        uid = node.output("id", "-u", "postgres")
        argv = ["/usr/bin/python3", "-c", WRITER, uid, str(first)]
        self._process = node.popen(argv, stderr=subprocess.DEVNULL)

    def wait_written(self, count: int = 20) -> None:
        assert self._process.stdout is not None
        for _ in range(count):
            assert self._process.stdout.readline(), "the writer could not write"

    def acknowledged(self) -> int:
        """Return the last number that was acknowledged, once the writer has lost its server."""
        rest = self._process.communicate(timeout=60)[0].split()
        return int(rest[-1]) if rest else 0

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Databases:
    """The two nodes with their databases, and questions to them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.mn1, self.mn2 = (lab.node(name) for name in MEMBERS)
        self.where = engines.PostgreSQL(lab.release)
        self._writers: list[Writer] = []

    # -- asking ----------------------------------------------------------------------------

    def sql(self, node: Node, statement: str) -> str:
        psql = ["runuser", "-u", "postgres", "--", "env", "-C", "/", "psql", "-XAtq"]
        return node.run([*psql, "-v", "ON_ERROR_STOP=1"], stdin=statement).stdout.strip()

    def is_primary(self, node: Node) -> bool:
        return self.sql(node, "SELECT pg_is_in_recovery()") == "f"

    def wait_standby(self, node: Node) -> None:
        """Wait until the server of `node` answers (it may just be restarted); it is no primary."""
        self.wait(
            lambda: node.succeeds("runuser", "-u", "postgres", "--", "psql", "-c", "SELECT 1"),
            f"the database of {node.name} to answer",
        )
        assert not self.is_primary(node)

    def status(self, viewer: Node):
        status = clusterkit.crm_mon(viewer)
        assert status is not None, f"no cluster on {viewer.name}"
        return status

    def promoted(self, viewer: Node) -> str | None:
        """Return the node that Pacemaker calls promoted."""
        status = clusterkit.crm_mon(viewer)
        if status is None:
            return None
        found = status.find(f".//resource[@id='{DATABASE}'][@role='Promoted']/node")
        return None if found is None else found.get("name")

    def role_on(self, viewer: Node) -> str | None:
        found = self.status(viewer).find(f".//resource[@id='{ROLE}'][@role='Started']/node")
        return None if found is None else found.get("name")

    def attribute(self, viewer: Node, node: Node, name: str) -> str | None:
        """Return an attribute, None while there is none or the viewer's cluster is not up."""
        status = clusterkit.crm_mon(viewer)
        if status is None:
            return None
        path = f"node_attributes/node[@name='{node.name}']/attribute[@name='{name}']"
        found = status.find(path)
        return None if found is None else found.get("value")

    def failures(self, viewer: Node) -> list[str]:
        return [one.get("exitreason", "") for one in self.status(viewer).iterfind(".//failure")]

    def constraints(self) -> list[str]:
        """Return what moves and bans have left behind."""
        cib = self.mn1.output("cibadmin", "--query", "--scope", "constraints")
        return [word for word in cib.split('"') if word.startswith("cli-")]

    def postmaster(self, node: Node) -> str:
        return node.get(f"{self.where.pgdata}/postmaster.pid").split("\n", 1)[0]

    def receiver(self, node: Node) -> str:
        return self.sql(node, "SELECT pid FROM pg_stat_wal_receiver")

    def numbers(self, node: Node) -> list[int]:
        return [int(word) for word in self.sql(node, "SELECT n FROM written ORDER BY n").split()]

    def log(self, node: Node) -> str:
        return node.output("tail", "-n20", f"/var/log/xcat-hamn/{DATABASE}.postgresql.log")

    # -- waiting ---------------------------------------------------------------------------

    def wait(self, condition, what: str, timeout: float = 60) -> None:
        try:
            self.mn1.wait_for(condition, timeout=timeout, interval=0.3, what=what)
        except LabError as problem:
            shown = [f"{problem}"]
            for node in (self.mn1, self.mn2):
                if node.running():
                    shown += [node.run(["crm_mon", "-1Arf"], check=False).stdout, self.log(node)]
            raise AssertionError("\n".join(shown)) from None

    def settled_on(self, node: Node, other: Node) -> bool:
        """Tell whether the role is on `node` and could move to `other` at once."""
        return (
            self.promoted(node) == node.name
            and self.role_on(node) == node.name
            and self.attribute(node, node, "xcat-db") == "primary"
            and self.attribute(node, other, "xcat-db") == "standby"
            and self.attribute(node, other, "xcat-db-sync") == "confirmed"
            and self.attribute(node, other, "master-xcat-db") == "900"
        )

    def wait_settled(self, node: Node | None = None, timeout: float = 90) -> None:
        node = node or self.mn1
        other = self.mn2 if node is self.mn1 else self.mn1
        self.wait(
            lambda: self.settled_on(node, other),
            f"{node.name} to be the primary and {other.name} its confirmed standby",
            timeout,
        )

    def wait_gated(self, node: Node, viewer: Node, word: str) -> str:
        """Wait until `node` may not be promoted, because of something with `word` in it."""

        def gated() -> bool:
            limit = self.attribute(viewer, node, "xcat-db-limit") or ""
            score = self.attribute(viewer, node, "master-xcat-db")
            return word in limit and score == "-INFINITY"

        self.wait(gated, f"{node.name} to be gated by '{word}'")
        return self.attribute(viewer, node, "xcat-db-limit") or ""

    # -- doing -----------------------------------------------------------------------------

    def move(self, node: Node, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.mn1.run(["pcs", "resource", "move", ROLE, node.name], check=check, timeout=120)

    def write(self, node: Node) -> Writer:
        """Start a writer on the primary `node`, whose numbers go on where the last ended."""
        self.sql(node, "CREATE TABLE IF NOT EXISTS written (n int PRIMARY KEY)")
        first = int(self.sql(node, "SELECT coalesce(max(n), 0) + 1 FROM written"))
        self._writers.append(Writer(node, first))
        return self._writers[-1]

    def create(self) -> None:
        """Create the database clone, and a resource that is where the primary is."""
        pcs = self.mn1.run
        pcs(["pcs", "property", "set", "stonith-enabled=false"])
        pcs(["pcs", "resource", "defaults", "update", "resource-stickiness=1000"])
        nodes = " ".join(f"{node.name}={node.ipv4}" for node in (self.mn1, self.mn2))
        parameters = [f"pgdata={self.where.pgdata}", f"config_file={self.where.config}"]
        parameters += [f"nodes={nodes}", f"passfile={engines.PASSFILE}"]
        create = ["pcs", "resource", "create", DATABASE, "ocf:heartbeat:xcat-pgsql"]
        pcs([*create, *parameters, "promotable"])
        pcs(["pcs", "resource", "create", ROLE, "ocf:pacemaker:Dummy"])
        add = ["pcs", "constraint", "colocation", "add", ROLE, "with", "promoted"]
        pcs([*add, f"{DATABASE}-clone", "INFINITY"])
        order = ["pcs", "constraint", "order", "promote", f"{DATABASE}-clone", "then"]
        pcs([*order, "start", ROLE])

    def mend(self) -> None:
        """Bring everything back to mn1 as the primary, whatever a test has done."""
        for writer in self._writers:
            writer.end()
        self._writers.clear()
        self.lab.mend()
        for node in (self.mn1, self.mn2):
            node.run(["pkill", "-CONT", "postgres"], check=False)
            clusterkit.start(node)
        clusterkit.wait_online([self.mn1, self.mn2])
        self.mn1.run(["pcs", "resource", "clear", ROLE], check=False)
        self.mn1.run(["pcs", "resource", "cleanup"])
        self.wait(lambda: self.promoted(self.mn1), "a primary", 120)
        holder = self.lab.node(self.promoted(self.mn1) or "mn1")
        self.wait_settled(holder)
        if holder is self.mn2:
            self.move(self.mn1)
            self.wait_settled()


@pytest.fixture(scope="module")
def lab(release: str) -> Iterator[Lab]:
    """Give a lab of this module's own: its databases are moved and broken all the time."""
    with own_lab("pgsql", release) as made:
        provision.management_nodes(made)
        yield made


@pytest.fixture(scope="module")
def created(lab: Lab) -> Databases:
    databases = Databases(lab)
    assert databases.mn2.run(["test", "-e", databases.where.pgdata], check=False).returncode == 1
    databases.create()
    databases.wait_settled(timeout=120)
    return databases


@pytest.fixture
def databases(created: Databases) -> Iterator[Databases]:
    """Give the databases with the primary on mn1; mended afterwards."""
    yield created
    created.mend()


def test_the_first_start_copies_the_database_to_the_empty_node(databases: Databases) -> None:
    mn1, mn2 = databases.mn1, databases.mn2
    question = "SELECT system_identifier FROM pg_control_system()"
    assert databases.sql(mn1, question) == databases.sql(mn2, question)
    assert databases.is_primary(mn1) and not databases.is_primary(mn2)
    assert mn1.get(CLAIM).split()[0] == "leading"
    assert mn2.get(CLAIM).split()[0] == "following"
    parent = os.path.dirname(databases.where.pgdata)
    assert mn2.output("ls", parent) == "main"
    assert mn2.output("stat", "-c", "%U %a", databases.where.pgdata) == "postgres 700"
    assert databases.failures(mn1) == []


def test_the_role_moves_there_and_back_without_losing_a_commit(databases: Databases) -> None:
    mn1, mn2 = databases.mn1, databases.mn2
    for source, target in ((mn1, mn2), (mn2, mn1)):
        writer = databases.write(source)
        writer.wait_written()
        databases.move(target)
        last = writer.acknowledged()
        assert databases.role_on(target) == target.name
        databases.wait_settled(target)
        assert databases.numbers(target)[-1] >= last > 0
        assert databases.numbers(target) == list(range(1, databases.numbers(target)[-1] + 1))
        assert databases.numbers(source) == databases.numbers(target)
        assert databases.constraints() == []
        assert databases.failures(mn1) == []


def stop_receiving(databases: Databases) -> None:
    databases.mn2.run(["kill", "-STOP", databases.receiver(databases.mn2)])


def lose_password(databases: Databases) -> None:
    databases.mn2.run(["mv", engines.PASSFILE, f"{engines.PASSFILE}.away"])
    databases.mn2.run(["kill", databases.receiver(databases.mn2)])


@pytest.mark.parametrize(
    ("trouble", "word"),
    [(stop_receiving, "catching up"), (lose_password, "not attached to the primary on mn1")],
)
def test_a_gated_standby_makes_the_move_refuse(databases: Databases, trouble, word) -> None:
    mn1, mn2 = databases.mn1, databases.mn2
    pid, writer = databases.postmaster(mn1), databases.write(mn1)
    writer.wait_written()
    trouble(databases)
    try:
        limit = databases.wait_gated(mn2, mn1, word)
        assert ":" in limit, "the limit says what to do"
        # The primary has let go of the standby, so commits go on.
        writer.wait_written()
        refused = databases.move(mn2, check=False)
        assert refused.returncode != 0, refused.stdout
        assert databases.promoted(mn1) == "mn1" and databases.role_on(mn1) == "mn1"
        assert databases.postmaster(mn1) == pid
        assert databases.is_primary(mn1) and not databases.is_primary(mn2)
        assert databases.constraints() == []
        assert databases.failures(mn1) == []
        writer.wait_written()
    finally:
        away = f"{engines.PASSFILE}.away"
        mn2.run(["sh", "-c", f"test ! -e {away} || mv {away} {engines.PASSFILE}"])
        mn2.run(["pkill", "-CONT", "postgres"], check=False)
    databases.wait_settled()


def test_a_killed_primary_is_recovered_in_place_without_loss(databases: Databases) -> None:
    """With a session that is too busy to notice that its server is dead."""
    mn1 = databases.mn1
    busy = mn1.popen(
        ["runuser", "-u", "postgres", "--", "psql", "-XAtc", "DO $$BEGIN LOOP END LOOP; END$$"]
    )
    writer = databases.write(mn1)
    writer.wait_written()
    pid = databases.postmaster(mn1)
    mn1.run(["kill", "-KILL", pid])
    last = writer.acknowledged()
    databases.wait(lambda: databases.failures(mn1), "the monitor to see it")
    databases.wait_settled()
    busy.communicate(timeout=10)
    assert databases.postmaster(mn1) != pid
    assert databases.numbers(mn1)[-1] >= last
    reasons = databases.failures(mn1)
    assert len(reasons) == 1 and "PostgreSQL is not running" in reasons[0], reasons


def test_a_lost_standby_comes_back_by_itself(databases: Databases) -> None:
    mn1, mn2 = databases.mn1, databases.mn2
    pid, writer = databases.postmaster(mn1), databases.write(mn1)
    writer.wait_written()
    databases.lab.crash("mn2")
    databases.wait(
        lambda: databases.attribute(mn1, mn1, "xcat-db") == "primary-alone", "mn1 to let mn2 go"
    )
    assert mn1.get(CLAIM).split()[0] == "alone"
    writer.wait_written()
    databases.lab.boot("mn2")
    clusterkit.start(mn2)
    databases.wait_settled()
    assert mn1.get(CLAIM).split()[0] == "leading"
    assert databases.postmaster(mn1) == pid
    writer.wait_written()


def test_a_pulled_cable_makes_no_second_primary(databases: Databases) -> None:
    mn1, mn2 = databases.mn1, databases.mn2
    writer = databases.write(mn1)
    writer.wait_written()
    databases.lab.cut("mn1")
    databases.wait(
        lambda: clusterkit.online(mn2) == {"mn2"} and databases.failures(mn2), "mn2 to refuse"
    )
    assert "may have committed what is not here" in databases.wait_gated(mn2, mn2, "mn1 was lost")
    databases.wait(
        lambda: databases.attribute(mn1, mn1, "xcat-db") == "primary-alone", "mn1 to let mn2 go"
    )
    writer.wait_written()
    assert databases.is_primary(mn1)
    databases.wait_standby(mn2)
    databases.lab.heal("mn1")
    databases.wait_settled()
    writer.wait_written()
    writer.end()
    assert databases.numbers(mn2) == databases.numbers(mn1)


def test_a_lost_primary_gets_its_role_back_with_every_commit(databases: Databases) -> None:
    mn1, mn2 = databases.mn1, databases.mn2
    writer = databases.write(mn1)
    writer.wait_written()
    databases.lab.crash("mn1")
    last = writer.acknowledged()
    databases.wait(lambda: clusterkit.online(mn2) == {"mn2"}, "the loss to be seen")
    databases.wait_gated(mn2, mn2, "mn1")
    databases.wait_standby(mn2)
    databases.lab.boot("mn1")
    clusterkit.start(mn1)
    databases.wait_settled()
    assert databases.numbers(mn1)[-1] >= last
    assert databases.numbers(mn2) == databases.numbers(mn1)


def test_after_the_loss_of_both_the_last_primary_leads(databases: Databases) -> None:
    mn1, mn2 = databases.mn1, databases.mn2
    databases.move(mn2)
    databases.wait_settled(mn2)
    writer = databases.write(mn2)
    writer.wait_written()
    databases.lab.crash("mn1")
    databases.wait(
        lambda: databases.attribute(mn2, mn2, "xcat-db") == "primary-alone", "mn2 to let mn1 go"
    )
    writer.wait_written()
    databases.lab.crash("mn2")
    last = writer.acknowledged()
    for name in MEMBERS:
        databases.lab.boot(name)
    # The one that misses the last commits is there first.
    clusterkit.start(mn1)
    clusterkit.start(mn2)
    databases.wait_settled(mn2)
    assert databases.numbers(mn2)[-1] >= last
    assert databases.numbers(mn1) == databases.numbers(mn2)


def test_the_cluster_stops_in_order_and_starts_again(databases: Databases) -> None:
    mn1 = databases.mn1
    databases.write(mn1).wait_written()
    mn1.run(["pcs", "cluster", "stop", "--all"], timeout=300)
    for node in (databases.mn1, databases.mn2):
        assert node.run(["pgrep", "-x", "postgres"], check=False).stdout == ""
    mn1.run(["pcs", "cluster", "start", "--all"], timeout=120)
    clusterkit.wait_online([databases.mn1, databases.mn2])
    databases.wait(lambda: databases.promoted(mn1), "a primary")
    databases.wait_settled(databases.lab.node(databases.promoted(mn1) or ""))
    assert databases.failures(mn1) == []


def test_a_standby_that_misses_commits_does_not_lead_alone(databases: Databases) -> None:
    """mn1 was the primary once, and even without quorum's protection must not be it again."""
    mn1, mn2 = databases.mn1, databases.mn2
    mn1.run(["pcs", "property", "set", "no-quorum-policy=ignore"])
    try:
        databases.move(mn2)
        databases.wait_settled(mn2)
        clusterkit.stop(mn1)
        databases.wait(
            lambda: databases.attribute(mn2, mn2, "xcat-db") == "primary-alone", "mn2 to be alone"
        )
        writer = databases.write(mn2)
        writer.wait_written()
        databases.lab.crash("mn2")
        last = writer.acknowledged()
        clusterkit.start(mn1)
        databases.wait(lambda: databases.attribute(mn1, mn1, "xcat-db"), "mn1's database", 120)
        assert "may be newer" in databases.wait_gated(mn1, mn1, "may be newer")
        databases.wait_standby(mn1)
        databases.lab.boot("mn2")
        clusterkit.start(mn2)
        databases.wait_settled(mn2)
        assert databases.numbers(mn2)[-1] >= last
    finally:
        mn1.run(["pcs", "property", "set", "no-quorum-policy="])
