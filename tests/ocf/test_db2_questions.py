"""What xcat-db2hadr asks by SQL (OCF_CHECK_LEVEL 10), and what its validate-all refuses.

On two instances of the Db2 stand-in; the ibm_db here is a stand-in too, on the stand-in's client.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from collections.abc import Iterator

import pytest
from db2_machine import HOME
from db2_pair import NEEDS, Agent, run_pair, two_nodes

pytestmark = NEEDS
DEEP = {"OCF_CHECK_LEVEL": "10"}
#: The functions of the real ibm_db 3.3 that are used, and how it fails.
IBM_DB = f"""
import sys

sys.path.insert(0, "/opt/ibm/db2/standin/lib")
from db2_standin import client


def connect(database, user, password):
    return ask(lambda: client.connect(database, "{HOME}", user, password))


def ask(question):
    try:
        return question()
    except (client.Down, client.Refusal) as problem:
        raise Exception(f"[IBM][CLI Driver] {{problem}}") from None


def exec_immediate(connection, statement):
    return ask(lambda: connection.execute(statement))


def num_fields(rows):
    return len(rows[0]) if rows else 0


def fetch_tuple(rows):
    return tuple(rows.pop(0)) if rows else False


def close(connection):
    connection.close()
"""


@pytest.fixture(scope="module")
def shared(stage) -> Iterator[tuple[Agent, Agent]]:
    """Give a pair in PEER; each test leaves it so."""
    with two_nodes(stage) as pair:
        run_pair(pair)
        yield pair


@pytest.fixture
def running(shared) -> Iterator[tuple[Agent, Agent]]:
    known = [dict(agent.parameters) for agent in shared]
    yield shared
    for agent, parameters in zip(shared, known):
        agent.parameters = parameters
        agent.machine.run("rm", "-rf", f"{HOME}/sqllib/standin/faults")
        agent.machine.as_owner("mkdir", f"{HOME}/sqllib/standin/faults")


def asked_since(agent: Agent, count: int) -> list[str]:
    return [line.split(" ", 1)[1] for line in agent.machine.asked()[count:]]


# -- SQL -----------------------------------------------------------------------------------


def test_the_deep_monitor_of_a_primary_asks_by_sql(running):
    one, two = running
    count = len(one.machine.asked())
    assert one("monitor", **DEEP).code == 8
    assert asked_since(one, count)[1:] == [
        "db2 CONNECT TO xcatdb",
        "db2 SELECT ibmreqd FROM sysibm.sysdummy1",
        "db2 terminate",
    ]
    count = len(two.machine.asked())
    assert two("monitor", **DEEP).code == 0
    # A standby takes no connections, but its instance must answer.
    assert asked_since(two, count)[1:] == ["db2 GET DB CFG FOR xcatdb", "db2 terminate"]


def test_a_primary_that_nobody_can_connect_to_has_failed(running):
    one, _ = running
    one.machine.fault("connect", "refuse SQL1042C")
    outcome = one("monitor", **DEEP)
    assert (outcome.code, "SQL1042C" in outcome.reason) == (9, True)
    assert one("monitor").code == 8
    one.machine.fault("connect", "hang")
    outcome = one("monitor", **DEEP, OCF_RESKEY_CRM_meta_timeout="4000")
    assert (outcome.code, outcome.seconds < 4) == (9, True)


@pytest.fixture
def ibm_db(running) -> Iterator[Agent]:
    """Put a stand-in for ibm_db where pip puts the real one."""
    one, _ = running
    place = f"/usr/local/lib/python{sysconfig.get_python_version()}/dist-packages"
    assert sys.version_info[:2] >= (3, 9)
    one.machine.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
    one.machine.write(f"{place}/ibm_db.py", IBM_DB)
    yield one
    one.machine.run("umount", place)


def test_ibm_db_is_used_where_it_is(ibm_db):
    count = len(ibm_db.machine.asked())
    assert ibm_db("monitor", **DEEP).code == 8
    assert "db2 CONNECT TO xcatdb" not in asked_since(ibm_db, count)


def test_what_db2_says_decides_when_ibm_db_cannot_connect(ibm_db):
    place = ibm_db.machine.run("find", "/usr/local/lib", "-name", "ibm_db.py").strip()
    ibm_db.machine.write(place, 'raise ImportError("libdb2.so.1: cannot open shared object")\n')
    count = len(ibm_db.machine.asked())
    assert ibm_db("monitor", **DEEP).code == 8
    assert "db2 CONNECT TO xcatdb" in asked_since(ibm_db, count)


def configure(agent: Agent, name: str, value: str) -> None:
    """Change a parameter on disk; the active database goes on with the old one (SQL1363W)."""
    command = f"update db cfg for xcatdb using {name} {value}"
    assert "SQL1363W" in agent.machine.owner("db2", command, check=False)


# -- validate-all --------------------------------------------------------------------------


def refused(agent: Agent, code: int, *words: str, **more: str) -> None:
    outcome = agent("validate-all", **DEEP, **more)
    assert outcome.code == code, outcome
    for word in words:
        assert word in outcome.stderr, outcome


def test_a_pair_that_is_right_and_the_arithmetic_of_its_window(running):
    one, two = running
    for agent in running:
        told = agent("validate-all", **DEEP, HA_debug="1")
        assert told.code == 0, told
        assert "WARNING" not in told.stderr, told
    # The window must outlast the fencing: 60 s, a heartbeat, 5 s for the clocks.
    configure(one, "HADR_PEER_WINDOW", "70")
    configure(two, "HADR_PEER_WINDOW", "70")
    try:
        told = two("validate-all", **DEEP, HA_debug="1")
        assert "HADR_PEER_WINDOW is 70 s" in told.stderr
    finally:
        for agent in running:
            configure(agent, "HADR_PEER_WINDOW", "750")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HADR_TIMEOUT", "61", "HADR_TIMEOUT is 61 on mn1 and 60 on mn2"),
        ("HADR_SYNCMODE", "ASYNC", "HADR_SYNCMODE is ASYNC on mn1 and NEARSYNC on mn2"),
        ("HADR_REMOTE_HOST", "10.11.0.99", "HADR_REMOTE_HOST is 10.11.0.99 on mn1, but"),
        ("HADR_REMOTE_SVC", "55009", "HADR_REMOTE_SVC is 55009 on mn1, but"),
    ],
)
def test_parameters_that_do_not_match_the_other_nodes(running, name, value, said):
    one, _ = running
    before = one.machine.owner("db2", "get db cfg for xcatdb")
    old = next(line for line in before.splitlines() if f"({name})" in line).split("= ")[1]
    configure(one, name, value)
    try:
        refused(one, 2, said)
    finally:
        configure(one, name, old)
    assert one("validate-all", **DEEP).code == 0


def test_a_name_and_its_address_are_the_same_host(running):
    one, _ = running
    configure(one, "HADR_REMOTE_HOST", "mn2")
    try:
        assert one("validate-all", **DEEP).code == 0
    finally:
        configure(one, "HADR_REMOTE_HOST", "10.11.0.12")


def test_another_version_on_the_other_node(running):
    one, two = running
    told = two.machine.shown("tested-introduction")
    assert "release=11.5.9.0;" in told
    path = two.machine.store / "tested-introduction@mn2"
    try:
        path.write_text(told.replace("11.5.9.0", "10.1.0.6"))
        refused(one, 2, "Db2 is 11.5.9.0 on mn1 and 10.1.0.6 on mn2")
        path.write_text(told.replace("11.5.9.0", "11.5.8.0"))
        told_here = one("validate-all", **DEEP, HA_debug="1")
        assert told_here.code == 0
        assert "mn2 cannot follow once mn1 has the role" in told_here.stderr
    finally:
        path.write_text(told)


def test_a_wrong_instance_or_database(running):
    one, _ = running
    one.parameters["instance"] = "daemon"
    refused(one, 5, "user daemon has no Db2 instance")
    one.parameters["instance"] = "nobody2"
    refused(one, 5, 'no user "nobody2"')
    one.parameters.update(instance="xcatdb", database="other")
    refused(one, 2, "has no database other (it has XCATDB)")


@pytest.mark.parametrize("fault", ["hang", "garbage"])
def test_db2pd_that_hangs_or_prints_garbage(running, fault):
    one, _ = running
    one.machine.fault("db2pd", fault)
    refused(one, 1, "db2pd", OCF_RESKEY_CRM_meta_timeout="4000")


def test_a_program_that_is_missing(running):
    one, _ = running
    program = f"{HOME}/sqllib/adm/db2stop"
    one.machine.run("mv", program, f"{program}.away")
    try:
        refused(one, 5, "db2stop")
    finally:
        one.machine.run("mv", f"{program}.away", program)


# -- xcat-hamn verify ----------------------------------------------------------------------

SITE = """
[cluster]
nodes = mn1=10.11.0.11 mn2=10.11.0.12
[identity]
addresses = 10.11.0.10/24@eth0
[database]
engine = db2
instance = xcatdb
[services]
cfgloc = {cfgloc}
[fencing]
devices = none
"""
PASSWORD = "it-is-nowhere"


class Verify:
    """`xcat-hamn verify --json` on a node: exit code, and outcome and sentence by check."""

    def __init__(self, stage, agent: Agent) -> None:
        store = agent.machine.store
        (store / "cfgloc").write_text(f"DB2:xcatdb|xcatdb|{PASSWORD}")
        (store / "hamn.conf").write_text(SITE.format(cfgloc=store / "cfgloc"))
        argv = stage.tool("verify", "--file", str(store / "hamn.conf"), "--json")
        done = agent.machine.call(argv)
        assert done.stdout.startswith("{"), done
        assert PASSWORD not in done.stdout + done.stderr + "".join(agent.machine.asked())
        self.code = done.code
        self.checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
        self.outcomes = {name: check["outcome"] for name, check in self.checks.items()}


def tables(agent: Agent) -> list[str]:
    shown = agent.machine.sql("select name from sqlite_master where type = 'table'")
    return [line.strip() for line in shown.splitlines() if "xcat_hamn" in line.lower()]


def test_verify_proves_reading_and_writing_and_leaves_nothing(stage, running):
    one, two = running
    before = one.machine.rows()
    found = Verify(stage, one)
    assert (found.code, set(found.outcomes.values())) == (0, {"ok"}), found.checks
    assert "through db2" in found.checks["write"]["sentence"]
    assert (one.machine.rows(), tables(one)) == (before, [])
    standby = Verify(stage, two)
    assert (standby.code, standby.outcomes["read"]) == (0, "skipped")
    assert "PEER" in standby.checks["pair"]["sentence"]


def test_verify_goes_through_ibm_db_where_it_is(stage, ibm_db):
    found = Verify(stage, ibm_db)
    assert (found.code, "through ibm_db" in found.checks["write"]["sentence"]) == (0, True)


def test_verify_says_what_does_not_work(stage, running):
    one, _ = running
    one.machine.fault("connect", "refuse SQL1042C")
    found = Verify(stage, one)
    assert (found.code, found.outcomes["role"], found.outcomes["read"]) == (1, "ok", "failed")
    assert "SQL1042C" in found.checks["read"]["sentence"]
    assert found.outcomes["write"] == "skipped"
