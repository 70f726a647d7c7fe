"""A former primary comes back after a power loss and a takeover: followed by itself, or told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from labkit import Lab, LabError, Node, engines, provision
from labkit import cluster as clusterkit
from labkit.own import own_lab
from test_pgsql import Writer

pytestmark = pytest.mark.lab


class Site:
    """Two management nodes with power devices and the whole role."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.where = engines.PostgreSQL(lab.release)

    def pair(self) -> tuple[Node, Node]:
        """Return the active node and the other one, which is a ready standby."""
        name = provision.wait_active(self.lab, 60)
        other = next(member for member in provision.MEMBERS if member != name)
        active, standby = self.lab.node(name), self.lab.node(other)
        self.wait(active, lambda: self.shown(active, standby, "xcat-db") == "standby", "a standby")
        return active, standby

    def sql(self, node: Node, *statements: str) -> str:
        psql = ["runuser", "-u", "postgres", "--", "env", "-C", "/", "psql", "-XAtq"]
        words = [word for statement in statements for word in ("-c", statement)]
        return node.run([*psql, "-v", "ON_ERROR_STOP=1", *words]).stdout.strip()

    def shown(self, viewer: Node, node: Node, name: str) -> str:
        status = clusterkit.crm_mon(viewer)
        path = f"node_attributes/node[@name='{node.name}']/attribute[@name='{name}']"
        found = None if status is None else status.find(path)
        return "" if found is None else found.get("value", "")

    def wait(self, viewer: Node, condition, what: str, timeout: float = 90) -> None:
        try:
            viewer.wait_for(condition, timeout, 0.5, what)
        except LabError as problem:
            said = viewer.run(["crm_mon", "-1Arf"], check=False).stdout
            raise AssertionError(f"{problem}\n{said}") from None

    def take_over(self, lost: Node, survivor: Node) -> None:
        """Let `lost` lose its power, and move the role as the operator does."""
        self.lab.crash(lost.name)
        gone = lambda: lost.name not in clusterkit.online(survivor)  # noqa: E731
        self.wait(survivor, gone, f"{lost.name} to be lost")
        survivor.run(["pcs", "resource", "move", "xcat-mn", survivor.name], timeout=180)
        provision.wait_active(self.lab, 120, survivor.name)

    def come_back(self, node: Node, survivor: Node) -> str:
        """Boot `node` and return what its database has become."""
        self.lab.boot(node.name)
        clusterkit.start(node)
        words = ("standby", "diverged")
        settled = lambda: self.shown(survivor, node, "xcat-db") in words  # noqa: E731
        self.wait(survivor, settled, f"the database on {node.name} to settle")
        return self.shown(survivor, node, "xcat-db")

    def constraints(self, node: Node) -> list[str]:
        cib = node.output("cibadmin", "--query", "--scope", "constraints")
        return [word for word in cib.split('"') if word.startswith("cli-")]

    def kept_aside(self, node: Node) -> list[str]:
        found = node.run(["sh", "-c", f"ls -d {self.where.pgdata}.diverged-*"], check=False)
        return found.stdout.split()

    def postmaster(self, node: Node) -> str:
        return node.get(f"{self.where.pgdata}/postmaster.pid").split("\n", 1)[0]


@pytest.fixture(scope="module")
def site(release: str) -> Iterator[Site]:
    with own_lab("rejoin", release) as lab:
        provision.management_nodes(lab, power=True)
        lab.node("mn1").run(["xcat-hamn", "configure"], timeout=120)
        provision.wait_active(lab, 180)
        made = Site(lab)
        active, _ = made.pair()
        made.sql(active, "CREATE TABLE written (n int)")
        yield made


def test_after_a_power_loss_under_load_it_rejoins_and_no_acknowledged_commit_is_missing(
    site: Site,
) -> None:
    active, standby = site.pair()
    writers = [Writer(active, 1_000_000 * number) for number in range(1, 5)]
    try:
        for writer in writers:
            writer.wait_written()
        site.take_over(active, standby)
        last = [writer.acknowledged() for writer in writers]
    finally:
        for writer in writers:
            writer.end()
    kept = {int(word) for word in site.sql(standby, "SELECT n FROM written").split()}
    for number, acknowledged in enumerate(last, 1):
        missing = set(range(1_000_000 * number, acknowledged + 1)) - kept
        assert not missing, f"acknowledged and lost: {sorted(missing)[:10]}"
    if site.come_back(active, standby) == "diverged":
        assert f"`xcat-hamn rejoin {active.name}`" in site.shown(standby, active, "xcat-db-limit")
        standby.run(["xcat-hamn", "rejoin", active.name, "--yes"], timeout=180)
    site.pair()
    there = site.sql(standby, "SELECT count(*), sum(n) FROM written")
    assert site.sql(active, "SELECT count(*), sum(n) FROM written") == there
    standby.run(["pcs", "resource", "move", "xcat-mn", active.name], timeout=180)
    provision.wait_active(site.lab, 120, active.name)


@pytest.mark.parametrize("how", ["rewind", "copy"])
def test_what_only_it_has_is_set_aside_on_command(site: Site, how: str) -> None:
    active, standby = site.pair()
    # Transactions that the standby never hears of, and no client was told of.
    active.run(["pkill", "-STOP", "-f", "^postgres: walsender"])
    insert = "INSERT INTO written VALUES (-1)"
    site.sql(active, "SET synchronous_commit = local", insert, insert)
    site.take_over(active, standby)
    assert site.come_back(active, standby) == "diverged"
    limit = site.shown(standby, active, "xcat-db-limit")
    assert "2 transactions exist only here; `xcat-hamn rejoin " in limit, limit
    assert site.sql(active, "SELECT count(*) FROM written WHERE n < 0") == "2"

    # Mistakes change nothing.
    server = site.postmaster(active)
    for words in ([standby.name], ["mn7"], [active.name]):
        refused = standby.run(["xcat-hamn", "rejoin", *words], check=False)
        assert refused.returncode != 0, refused
        assert refused.stderr.count("\n") == 1, refused.stderr
    refused = standby.run(["pcs", "resource", "move", "xcat-mn", active.name], check=False)
    assert refused.returncode != 0, refused
    assert site.postmaster(active) == server
    assert site.constraints(standby) == []

    # Interrupted, it leaves nothing behind and has not begun.
    process = standby.popen(["xcat-hamn", "rejoin", active.name, "--yes"])
    site.wait(standby, lambda: site.constraints(standby) != [], "the restart to begin")
    standby.run(["pkill", "-INT", "--oldest", "--full", "xcat-hamn rejoin"])
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert site.constraints(standby) == []
    again = lambda: site.shown(standby, active, "xcat-db") == "diverged"  # noqa: E731
    site.wait(standby, again, "the database to be started again")

    # On the node itself the progress of the tool shows as well.
    primary = site.postmaster(standby)
    options = ["--copy"] if how == "copy" else []
    done = active.run(["xcat-hamn", "rejoin", active.name, "--yes", *options], timeout=180)
    assert f"{active.name} is the standby of {standby.name} again" in done.stdout
    assert f"xcat-db of {active.name} is preparing" in done.stdout
    assert "%)" in done.stdout or "pg_rewind" in done.stdout or "checkpoint" in done.stdout
    site.pair()
    for node in (active, standby):
        assert site.sql(node, "SELECT count(*) FROM written WHERE n < 0") == "0"
    # The active node was not disturbed, and nothing is left but what is kept.
    assert site.postmaster(standby) == primary
    assert provision.active_node(site.lab) == standby.name
    assert site.constraints(standby) == []
    aside = site.kept_aside(active)[-1]
    assert active.get(f"{aside}/README")
    if how == "copy":
        assert active.get(f"{aside}/data/PG_VERSION")
    else:
        text = active.get(f"{aside}/README")
        command = next(line for line in text.splitlines() if "pg_waldump --path=" in line)
        shown = active.output(*command.partition(": ")[2].split())
        assert shown.count("desc: COMMIT") == 2
