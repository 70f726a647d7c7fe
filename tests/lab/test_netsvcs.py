"""xcat-netsvcs with real systemd, PostgreSQL, BIND, dhcpd and conserver; xCAT is stood in."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from labkit import Lab, engines, provision
from labkit.own import own_lab
from xcat import install
from xcat.standin import credentials

pytestmark = pytest.mark.lab

AGENT = "/usr/lib/ocf/resource.d/heartbeat/xcat-netsvcs"
ADDRESS = provision.SERVICE_ADDRESS
NETWORK = "dns dhcp console"
BOOT_FILE = "/tftpboot/xcat/xnba/nodes/cn1"
FAULTS = "/etc/xcat/standin-faults"


class Ended:
    """How an action ended, for Pacemaker."""

    def __init__(self, code: int, stderr: str, seconds: float) -> None:
        self.code, self.stderr, self.seconds = code, stderr, seconds
        lines = [line for line in stderr.splitlines() if line.startswith("ocf-exit-reason:")]
        self.reason = lines[-1].partition(":")[2] if lines else ""


class Services:
    """mn1 with everything that a management node has, except Pacemaker's orders."""

    def __init__(self, lab: Lab) -> None:
        self.mn1, self.cn1 = lab.node("mn1"), lab.node("cn1")
        self.database = engines.PostgreSQL(lab.release)

    def prepare(self) -> None:
        node = self.mn1
        provision.install_package([node], provision.package())
        files = [*install.layout(), *credentials.create("xcatmn")]
        node.run(install.UNPACK, stdin=install.archive(files))
        node.run(["systemctl", "daemon-reload"])
        self.database.install(node, "secret")
        self.database.fill(node, "secret", "secret")
        node.run(["ip", "address", "add", f"{ADDRESS}/24", "dev", "eth0"])
        node.run(["pg_ctlcluster", self.database.version, "main", "start"])

    def act(
        self, services: str, action: str, *, timeout: int = 60, level: int = 0, **parameters: str
    ) -> Ended:
        """Call the agent as Pacemaker's executor does."""
        given = {"services": services, "address": ADDRESS, **parameters}
        environment = {
            "OCF_ROOT": "/usr/lib/ocf",
            "OCF_RESOURCE_INSTANCE": f"xcat-{services.split()[0]}",
            "OCF_RESKEY_CRM_meta_timeout": str(timeout * 1000),
            "HA_LOGFACILITY": "daemon",
            **{f"OCF_RESKEY_{name}": value for name, value in given.items()},
        }
        if action == "monitor" and level >= 0:
            environment |= {"OCF_RESKEY_CRM_meta_interval": "10000", "OCF_CHECK_LEVEL": str(level)}
        began = time.monotonic()
        done = self.mn1.run([AGENT, action], env=environment, check=False, timeout=timeout + 10)
        return Ended(done.returncode, done.stderr, time.monotonic() - began)

    def ok(self, services: str, action: str, **more: int | str) -> None:
        ended = self.act(services, action, **more)  # type: ignore[arg-type]
        assert ended.code == 0, ended.stderr

    def state(self, services: str, level: int = 0) -> int:
        return self.act(services, "monitor", level=level).code

    def fault(self, command: str, text: str) -> None:
        self.mn1.put(f"{FAULTS}/{command}", text)

    def repair(self) -> None:
        self.mn1.run(["rm", "-rf", FAULTS])

    def daemons(self) -> set[str]:
        shown = self.mn1.output("ps", "-eo", "comm=").split()
        return {"xcatd", "named", "dhcpd", "conserver"} & set(shown)

    def show(self, unit: str, key: str) -> str:
        return self.mn1.output("systemctl", "show", "--value", f"--property={key}", unit)


@pytest.fixture(scope="module")
def prepared(release: str) -> Iterator[Services]:
    with own_lab("netsvcs", release) as made:
        services = Services(made)
        services.prepare()
        yield services


@pytest.fixture
def mn(prepared: Services) -> Iterator[Services]:
    """Give the node with nothing running, before the test and after it."""
    prepared.repair()
    # xcatd first: a command that a test left in it would go on now.
    for services in ("xcatd", "osdeploy", NETWORK):
        prepared.ok(services, "stop")
    assert prepared.daemons() == set()
    yield prepared
    prepared.repair()


@pytest.fixture
def serving(mn: Services) -> Services:
    """Give the node with xcatd running."""
    mn.ok("xcatd", "start")
    return mn


def test_a_bare_node_runs_nothing(mn: Services) -> None:
    for services in ("xcatd", NETWORK, "osdeploy"):
        ended = mn.act(services, "monitor", level=-1)  # a probe
        assert (ended.code, ended.stderr) == (7, "")


def test_the_role_starts_serves_and_ends_without_a_trace(mn: Services) -> None:
    mn.ok("xcatd", "start")
    mn.ok(NETWORK, "start")
    mn.ok("osdeploy", "start")
    for services in ("xcatd", NETWORK, "osdeploy"):
        assert mn.state(services) == 0
        assert mn.state(services, level=10) == 0
        mn.ok(services, "start")
    ask = ["dig", "+short", "+time=2", f"@{ADDRESS}"]
    assert mn.cn1.output(*ask, "cn1.cluster.test") == "10.11.0.101"
    for unit in ("xcatd", "named", "isc-dhcp-server", "conserver-server"):
        assert mn.show(unit, "Restart") == "no", unit
    for services in ("osdeploy", NETWORK, "xcatd"):
        mn.ok(services, "stop")
        assert mn.state(services) == 7
        mn.ok(services, "stop")
    assert mn.daemons() == set()
    assert mn.show("xcatd", "Restart") == mn.show("named", "Restart") == "on-failure"
    assert mn.mn1.output("find", "/run/systemd/system", "-name", "*xcat-hamn*") == ""
    left = mn.mn1.output("find", "/run/xcat-hamn", "-type", "f").split()
    assert [path for path in left if not path.endswith("/console.cf")] == []


def test_boot_files_come_back_from_the_database(serving: Services) -> None:
    serving.ok(NETWORK, "start")
    serving.mn1.run(["/opt/xcat/sbin/nodeset", "cn1", "boot"])
    serving.mn1.run(["rm", BOOT_FILE])
    serving.ok("osdeploy", "start")
    assert serving.mn1.get(BOOT_FILE)
    serving.mn1.run(["rm", BOOT_FILE])
    assert serving.state("osdeploy") == 0
    ended = serving.act("osdeploy", "monitor", level=10)
    assert ended.code == 1
    assert ended.reason.startswith("osdeploy: 1 of 1 nodes have no boot file (cn1)")


def test_a_dhcp_proof_takes_no_lease(serving: Services) -> None:
    serving.ok(NETWORK, "start")
    serving.ok(NETWORK, "monitor", level=10)
    assert "\nlease " not in serving.mn1.get("/var/lib/dhcp/dhcpd.leases")
    journal = serving.mn1.output("journalctl", "-t", "dhcpd", "-o", "cat", "--since=-1min")
    assert f"DHCPACK to {ADDRESS}" in journal


def test_a_daemon_that_died_is_named_and_not_restarted_by_systemd(serving: Services) -> None:
    serving.ok(NETWORK, "start")
    for daemon, service in (("named", "dns"), ("dhcpd", "dhcp")):
        serving.mn1.run(["pkill", "--signal=KILL", "--exact", daemon])
        serving.mn1.wait_for(lambda daemon=daemon: daemon not in serving.daemons())  # type: ignore[misc]
        ended = serving.act(NETWORK, "monitor")
        assert ended.code == 1 and f"{service}: its daemon is not running" in ended.reason
    serving.mn1.run(["pkill", "--signal=KILL", "--exact", "conserver|xcatd"])
    time.sleep(6)  # RestartSec of xcatd's unit is 5 s: this waits for what must not happen
    assert serving.daemons() == set()
    assert serving.state(NETWORK) == serving.state("xcatd") == 7
    serving.ok("xcatd", "start")
    serving.ok(NETWORK, "start")


def test_an_administrator_s_work_is_no_failure(serving: Services) -> None:
    serving.ok(NETWORK, "start")
    tools = "for tool in 'makedns -n' 'makedhcp -n' makeconservercf; do $tool || exit; done"
    path = "PATH=/opt/xcat/sbin:/opt/xcat/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    work = serving.mn1.popen(["env", path, "sh", "-c", f"{tools}; {tools}"])
    monitors = 0
    while work.poll() is None:
        serving.ok(NETWORK, "monitor", level=10 if monitors % 4 == 3 else 0)
        monitors += 1
    assert (work.wait(), work.stderr.read() if work.stderr else "") == (0, "")
    assert monitors > 5


def test_a_suspended_daemon_is_found_at_once_and_stopped_soon(serving: Services) -> None:
    serving.ok(NETWORK, "start")
    serving.mn1.run(["pkill", "--signal=STOP", "--exact", "named|dhcpd"])
    ended = serving.act(NETWORK, "monitor")
    assert ended.code == 1 and ended.seconds < 1
    assert "dns: its daemon is suspended" in ended.reason
    assert "dhcp: its daemon is suspended" in ended.reason
    ended = serving.act(NETWORK, "stop")
    assert ended.code == 0 and ended.seconds < 10, ended.stderr
    assert serving.daemons() == {"xcatd"}


def test_a_failing_tool_is_named_with_its_service(serving: Services) -> None:
    serving.fault("makedns", "fail")
    ended = serving.act(NETWORK, "start")
    assert ended.code == 1
    assert ended.reason.startswith("dns: makedns -n ended with 1 (")
    assert {"dhcpd", "conserver"} <= serving.daemons()  # the others went on
    assert serving.state(NETWORK) == 1
    serving.ok(NETWORK, "stop")
    assert serving.state(NETWORK) == 7


def test_a_hanging_tool_ends_with_its_budget(serving: Services) -> None:
    serving.fault("makedhcp", "hang")
    ended = serving.act("dhcp", "start", dhcp_budget="3s")
    assert ended.code == 1 and ended.seconds < 6
    assert re.search("dhcp: makedhcp -n had not ended after [12] s", ended.reason)


def test_a_hanging_xcatd_does_not_hang_the_others(serving: Services) -> None:
    serving.mn1.run(["pkill", "--signal=STOP", "--exact", "xcatd"])
    ended = serving.act("console", "start", console_budget="3s")
    assert ended.code == 1 and ended.seconds < 6
    assert "console: makeconservercf had not ended" in ended.reason
    ended = serving.act("xcatd", "monitor")
    assert (ended.code, ended.reason.partition(":")[0]) == (1, "xcatd")
    serving.ok("xcatd", "stop")
    ended = serving.act("console", "start")
    assert "makeconservercf ended with 111" in ended.reason


def test_makedhcp_that_says_0_without_a_dhcpd_is_not_believed(serving: Services) -> None:
    node = serving.mn1
    node.run(["mv", "/usr/sbin/dhcpd", "/usr/sbin/dhcpd.away"])
    try:
        ended = serving.act("dhcp", "start")
    finally:
        node.run(["mv", "/usr/sbin/dhcpd.away", "/usr/sbin/dhcpd"])
    assert ended.code == 1
    assert "dhcp: systemctl restart isc-dhcp-server ended with" in ended.reason
    serving.ok("dhcp", "stop")


def test_an_xcatd_outside_its_unit_leaves_no_orphan(mn: Services) -> None:
    # As after restartxcatd.
    mn.mn1.run(["setsid", "--fork", "/usr/sbin/xcatd", "-p", "/run/other.pid"])
    mn.mn1.wait_for(lambda: mn.state("xcatd") == 0, what="xcatd to serve")
    mn.ok("xcatd", "stop")
    assert mn.daemons() == set()
    mn.ok("xcatd", "start")
    assert mn.state("xcatd", level=10) == 0


def test_a_taken_port_is_told(mn: Services) -> None:
    listen = "import socket, time; s = socket.create_server(('', 3002)); time.sleep(60)"
    squatter = mn.mn1.popen(["/usr/bin/python3", "-c", listen])
    try:
        mn.mn1.wait_for(lambda: mn.state("xcatd") == 1, what="the port to be taken")
        assert "port 3002 is held by another process" in mn.act("xcatd", "monitor").reason
        assert mn.act("xcatd", "start").code == 1
    finally:
        squatter.kill()
        squatter.wait()
        mn.mn1.run(["pkill", "--full", "create_server"], check=False)


def test_xcatd_and_a_database_that_loses_writes(serving: Services) -> None:
    node, version = serving.mn1, serving.database.version
    signal = f"{serving.database.pgdata}/standby.signal"
    node.put(signal, "", 0o600, "postgres:postgres")
    node.run(["pg_ctlcluster", version, "main", "restart"])
    try:
        ended = serving.act("xcatd", "monitor")
        assert ended.code == 1
        assert ended.reason.startswith("xcatd: the database is a standby, so xCAT's changes would")
        serving.ok("xcatd", "stop")
        ended = serving.act("xcatd", "start")
        assert ended.code == 1 and "the database is a standby" in ended.reason
        assert serving.daemons() == set()
        node.run(["pg_ctlcluster", version, "main", "stop"])
        ended = serving.act("xcatd", "start")
        assert ended.code == 1 and "the database does not answer" in ended.reason
        assert "secret" not in ended.stderr
    finally:
        node.run(["rm", "-f", signal])
        node.run(["pg_ctlcluster", version, "main", "restart"])
    serving.ok("xcatd", "start")


def test_validation_looks_at_the_node_only_when_asked(mn: Services) -> None:
    everything = f"xcatd {NETWORK} osdeploy"
    mn.ok(everything, "validate-all", level=10)
    key = "/root/.xcat/client-cred.pem"
    mn.mn1.run(["mv", key, f"{key}.away"])
    try:
        mn.ok("xcatd", "validate-all")
        check = mn.mn1.run(
            [AGENT, "validate-all"],
            env={"OCF_CHECK_LEVEL": "10", "OCF_RESKEY_services": "xcatd", "HA_debug": "1"},
            check=False,
        )
        assert check.returncode == 2
        assert f"certificate {key} is missing" in check.stderr
    finally:
        mn.mn1.run(["mv", f"{key}.away", key])


def test_a_unit_that_starts_at_boot_is_a_warning(mn: Services) -> None:
    mn.mn1.run(["systemctl", "enable", "named"])
    try:
        check = mn.mn1.run(
            [AGENT, "validate-all"],
            env={"OCF_CHECK_LEVEL": "10", "OCF_RESKEY_services": "dns", "HA_debug": "1"},
        )
        assert "run `systemctl disable named`" in check.stderr
    finally:
        mn.mn1.run(["systemctl", "disable", "named"])


@pytest.mark.parametrize("services", ["xcatd", NETWORK, "osdeploy"])
def test_ocf_tester_passes(mn: Services, services: str) -> None:
    if services != "xcatd":
        mn.ok("xcatd", "start")
    if services == "osdeploy":  # nodeset reserves in dhcpd
        mn.ok(NETWORK, "start")
    options = ["-o", f"services={services}", "-o", f"address={ADDRESS}"]
    done = mn.mn1.run(
        ["ocf-tester", "-v", "-n", "tested", *options, AGENT], timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed all tests" in done.stdout
