"""The xCAT stand-in in booted nodes: real systemd, PostgreSQL, BIND, dhcpd and conserver."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from labkit import CannotRun, Lab, Node
from xcat.install import deploy

pytestmark = pytest.mark.lab

SERVICE = "10.11.0.10"
CONSOLE_RC = """\
config * { port 782; sslenabled yes; sslcacertificatefile /root/.xcat/ca.pem;
sslcredentials /root/.xcat/client-cred.pem; }
"""
PRIMARY_HBA = """\
local all all peer
host all all 10.11.0.0/24 scram-sha-256
host replication all 10.11.0.0/24 trust
"""


class Managed:
    """mn1 with the service address and a primary, mn2 with a hot standby of it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.mn1, self.mn2, self.cn1 = (lab.node(name) for name in ("mn1", "mn2", "cn1"))
        self.version = self.mn1.output("ls", "/usr/lib/postgresql").split()[-1]
        self.postgres = f"postgresql@{self.version}-main"

    def xcat(self, *command: str, node: Node | None = None) -> CompletedProcess[str]:
        """Run an xCAT command."""
        path = "PATH=/opt/xcat/bin:/opt/xcat/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        return (node or self.mn1).run(["env", path, *command], check=False, timeout=60)

    def prepare(self) -> None:
        deploy([self.mn1, self.mn2], "xcat")
        for node in (self.mn1, self.mn2):
            node.put("/root/.consolerc", CONSOLE_RC)
        self.mn1.run(["ip", "addr", "add", f"{SERVICE}/24", "dev", "eth0"])
        self._primary()
        self._location(SERVICE)
        filled = self.xcat(
            *("xcat-standin-initdb", "--domain", "cluster.test", "--master", SERVICE),
            *("--network", "10.11.0.0/24", "--network", "fd11::/64"),
            *("--dynamic-range", "10.11.0.200-10.11.0.250", "--trusted", "xcat"),
        )
        assert filled.returncode == 0, filled.stderr
        self.mn1.run(["systemctl", "start", "xcatd"])
        mac = self.cn1.output("ip", "-br", "link", "show", "eth0").split()[2]
        words = f"mkdef -t node cn1 groups=all ip=10.11.0.101 mac={mac} mgt=standin serialport=0"
        assert self.xcat(*words.split()).returncode == 0

    def _primary(self) -> None:
        node, version = self.mn1, self.version
        node.run(["pg_createcluster", version, "main", "-o", "listen_addresses=*"])
        hba = f"/etc/postgresql/{version}/main/pg_hba.conf"
        node.put(hba, PRIMARY_HBA, 0o640, "postgres:postgres")
        node.run(["systemctl", "start", self.postgres])
        role = "CREATE ROLE xcatadm LOGIN REPLICATION PASSWORD 'secret'"
        node.run(["runuser", "-u", "postgres", "--", "psql", "-c", role])
        node.run(["runuser", "-u", "postgres", "--", "createdb", "-O", "xcatadm", "xcatdb"])

    def _location(self, host: str, node: Node | None = None) -> None:
        for one in (node,) if node else (self.mn1, self.mn2):
            text = f"Pg:dbname=xcatdb;host={host}|xcatadm|secret"
            one.put("/etc/xcat/cfgloc", text, 0o600)

    def standby(self) -> None:
        """Give mn2 a hot standby, and an xCAT whose database that is."""
        node, version = self.mn2, self.version
        node.run(["pg_createcluster", version, "main"])
        data = f"/var/lib/postgresql/{version}/main"
        node.run(["rm", "-rf", data])
        copy = ["pg_basebackup", "-h", self.mn1.ipv4, "-U", "xcatadm", "-D", data, "-R"]
        node.run(["runuser", "-u", "postgres", "--", *copy])
        hba = f"/etc/postgresql/{version}/main/pg_hba.conf"
        node.put(hba, PRIMARY_HBA + "host all all 127.0.0.1/32 scram-sha-256\n", 0o640,
                 "postgres:postgres")  # fmt: skip
        node.run(["systemctl", "start", self.postgres])
        self._location("127.0.0.1", node)


@pytest.fixture(scope="module")
def managed() -> Iterator[Managed]:
    lab = Lab("xcat-standin", os.environ.get("RELEASE", "bookworm"))
    try:
        lab.up()
    except CannotRun as reason:
        pytest.skip(str(reason))
    try:
        made = Managed(lab)
        made.prepare()
        yield made
    finally:
        lab.down()


def test_health_is_told_as_xcat_tells_it(managed: Managed) -> None:
    lines = managed.xcat("lsxcatd", "-a").stdout.splitlines()
    assert lines[1:] == [
        "This is a Management Node",
        f"cfgloc=Pg:dbname=xcatdb;host={SERVICE}|xcatadm",
        "dbengine=Pg",
        "dbname=xcatdb",
        f"dbhost={SERVICE}",
        "dbadmin=xcatadm",
    ]
    remote = managed.mn2.run(["env", f"XCATHOST={SERVICE}:3001", "/opt/xcat/bin/nodels"])
    assert remote.stdout == "cn1\n"


def test_makedns_sets_up_bind(managed: Managed) -> None:
    done = managed.xcat("makedns", "-n")
    assert done.returncode == 0, done.stderr
    ask = ("dig", "+short", f"@{SERVICE}")
    assert managed.cn1.output(*ask, "cn1.cluster.test") == "10.11.0.101"
    assert managed.cn1.output(*ask, "-x", "10.11.0.101") == "cn1.cluster.test."
    assert managed.cn1.output(*ask, "cluster.test", "SOA").startswith("mn1.cluster.test. ")
    managed.xcat("mkdef", "-t", "node", "cn9", "groups=late", "ip=10.11.0.109")
    assert managed.xcat("makedns", "cn9").returncode == 0
    assert managed.cn1.output(*ask, "cn9.cluster.test") == "10.11.0.109"
    assert managed.xcat("makedns", "-d", "cn9").returncode == 0
    assert managed.cn1.output(*ask, "cn9.cluster.test") == ""
    managed.xcat("rmdef", "cn9")


def test_makedns_fails_when_named_cannot_start(managed: Managed) -> None:
    managed.mn1.run(["systemctl", "mask", "--runtime", "named"])
    managed.mn1.run(["systemctl", "stop", "named"])
    done = managed.xcat("makedns", "-n")
    managed.mn1.run(["systemctl", "unmask", "--runtime", "named"])
    assert done.returncode == 1
    assert "failed to start named" in done.stderr


def test_makedns_fails_when_the_site_name_server_does_not_answer(managed: Managed) -> None:
    managed.xcat("chdef", "-t", "site", "nameservers=10.11.0.77")
    done = managed.xcat("makedns", "-n")
    managed.xcat("chdef", "-t", "site", f"nameservers={SERVICE}")
    assert (done.returncode, "No reply received" in done.stderr) == (1, True)


def test_makedhcp_serves_and_reserves(managed: Managed) -> None:
    assert managed.xcat("makedhcp", "-n").returncode == 0
    assert managed.mn1.succeeds("systemctl", "is-active", "isc-dhcp-server")
    assert managed.xcat("makedhcp", "-a", "-l").returncode == 0
    shown = managed.xcat("makedhcp", "-q", "cn1").stdout
    assert shown.startswith("cn1: ip-address = 10.11.0.101, hardware-address = 02:")
    assert "host cn1 {" in managed.mn1.get("/var/lib/dhcp/dhcpd.leases")
    # the <xcatmaster> trap: the physical address, beside which the service address is an alias
    assert f"next-server {managed.mn1.ipv4};" in managed.mn1.get("/etc/dhcp/dhcpd.conf")
    words = ["dhclient", "-4", "-1", "-v", "-sf", "/bin/true", "-lf", "/run/standin.leases",
             "-pf", "/run/standin.pid", "eth0"]  # fmt: skip
    lease = managed.cn1.run(words, timeout=60)
    managed.cn1.run(["dhclient", "-x", "-pf", "/run/standin.pid"], check=False)
    assert "10.11.0.101" in lease.stderr


def test_makedhcp_hides_a_dead_dhcpd(managed: Managed) -> None:
    managed.mn1.run(["systemctl", "mask", "--runtime", "isc-dhcp-server"])
    managed.mn1.run(["systemctl", "stop", "isc-dhcp-server"])
    hidden = managed.xcat("makedhcp", "-n")
    told = managed.xcat("makedhcp", "-a")
    managed.mn1.run(["systemctl", "unmask", "--runtime", "isc-dhcp-server"])
    managed.mn1.run(["systemctl", "start", "isc-dhcp-server"])
    assert hidden.returncode == 0
    assert told.returncode == 1
    assert "dhcp server is not running" in told.stderr


def test_makeconservercf_gives_consoles(managed: Managed) -> None:
    assert managed.xcat("makeconservercf").returncode == 0
    listed = ["console", "-M", SERVICE, "-x"]
    managed.mn1.wait_for(listed, what="conserver's list of consoles")
    assert "cn1" in managed.mn1.output(*listed)


def test_makeconservercf_wants_the_master_here(managed: Managed) -> None:
    managed.xcat("chdef", "-t", "site", "master=10.11.0.77")
    done = managed.xcat("makeconservercf")
    managed.xcat("chdef", "-t", "site", f"master={SERVICE}")
    assert (done.returncode, "Unable to dispatch" in done.stderr) == (1, True)


def test_nodeset_writes_boot_files_and_enact_writes_them_again(managed: Managed) -> None:
    image = "osimage=standin-x86_64-install-compute"
    assert managed.xcat("nodeset", "cn1", image).returncode == 0
    boot_file = "/tftpboot/xcat/xnba/nodes/cn1"
    assert f"XCAT={managed.mn1.ipv4}:3001" in managed.mn1.get(boot_file)
    managed.xcat("chdef", "cn1", f"xcatmaster={SERVICE}")
    managed.mn1.run(["rm", boot_file])
    enacted = managed.xcat("nodeset", "all", "enact")
    assert (enacted.returncode, enacted.stdout) == (0, "")
    assert f"XCAT={SERVICE}:3001" in managed.mn1.get(boot_file)
    assert managed.mn1.ipv4 not in managed.mn1.get("/install/autoinst/cn1")
    stated = managed.xcat("nodeset", "cn1", "stat").stdout
    assert stated == "cn1: install standin1-x86_64-compute\n"


def test_systemd_starts_a_killed_xcatd_again(managed: Managed) -> None:
    before = managed.mn1.output("cat", "/run/xcatd.pid")
    managed.mn1.run(["kill", "-KILL", before])
    assert managed.xcat("tabdump", "site").returncode == 111

    def another() -> bool:
        return managed.mn1.run(["cat", "/run/xcatd.pid"], check=False).stdout.strip() != before

    began = time.monotonic()
    managed.mn1.wait_for(another, timeout=20, what="another xcatd")
    managed.mn1.wait_for(["/opt/xcat/sbin/tabdump", "site"], timeout=20)
    assert time.monotonic() - began > 3, "RestartSec is 5 s"


def test_the_host_name_is_cached_until_a_restart(managed: Managed) -> None:
    managed.mn1.run(["hostname", "xcat"])
    try:
        assert "[mn1]: " in managed.xcat("nodels", "nix").stderr
        managed.mn1.run(["systemctl", "restart", "xcatd"])
        assert "[xcat]: " in managed.xcat("nodels", "nix").stderr
    finally:
        managed.mn1.run(["hostname", "mn1"])
        managed.mn1.run(["systemctl", "restart", "xcatd"])


def test_a_stopped_database_denies_and_recovers(managed: Managed) -> None:
    managed.mn1.run(["systemctl", "stop", managed.postgres])
    denied = managed.xcat("makedns", "-n")
    managed.mn1.run(["systemctl", "start", managed.postgres])
    assert denied.returncode == 1
    assert "Permission denied for request" in denied.stderr
    assert managed.xcat("tabdump", "site").returncode == 0


def test_a_cut_off_database_hangs_every_command(managed: Managed) -> None:
    assert managed.xcat("nodels").returncode == 0
    address = ("address", "{}", f"{SERVICE}/24", "dev", "eth0")
    managed.mn1.run(["ip", *(word.format("del") for word in address)])
    hung = managed.xcat("timeout", "3", "nodels")
    managed.mn1.run(["ip", *(word.format("add") for word in address)])
    managed.mn1.run(["systemctl", "restart", "xcatd"])
    assert hung.returncode == 124
    assert managed.xcat("nodels").returncode == 0


def test_enact_needs_a_running_dhcpd(managed: Managed) -> None:
    managed.mn1.run(["systemctl", "stop", "isc-dhcp-server"])
    enacted = managed.xcat("nodeset", "all", "enact")
    managed.mn1.run(["systemctl", "start", "isc-dhcp-server"])
    assert (enacted.returncode, "dhcp server is not running" in enacted.stderr) == (1, True)


def test_xcatd_keeps_activating_until_the_database_comes(managed: Managed) -> None:
    managed.mn1.run(["systemctl", "stop", "xcatd", managed.postgres])
    managed.mn1.run(["systemctl", "start", "--no-block", "xcatd"])
    state = ["systemctl", "show", "-P", "ActiveState", "xcatd"]
    managed.mn1.wait_for(lambda: managed.mn1.output(*state) == "activating")
    managed.mn1.run(["systemctl", "start", managed.postgres])
    managed.mn1.wait_for(lambda: managed.mn1.output(*state) == "active", timeout=20)
    assert managed.xcat("nodels").stdout == "cn1\n"


def test_a_hot_standby_says_modified_and_keeps_nothing(managed: Managed) -> None:
    managed.standby()
    managed.mn2.run(["systemctl", "start", "xcatd"])
    done = managed.xcat("chdef", "-t", "site", "domain=other.test", node=managed.mn2)
    assert done.returncode == 0
    assert "1 object definitions have been created or modified." in done.stdout
    kept = managed.xcat("tabdump", "site", node=managed.mn2).stdout
    assert '"domain","cluster.test"' in kept
    refused = managed.xcat(
        *("xcat-standin-initdb", "--domain", "x.test", "--master", "10.11.0.99"),
        *("--network", "10.11.0.0/24"),
        node=managed.mn2,
    )
    assert (refused.returncode, "read-only" in refused.stderr) == (1, True)
