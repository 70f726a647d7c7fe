"""The databases that a management node of the lab may have: what an administrator finds or makes.

Each has both nodes' programs installed, xCAT's tables on mn1, and says what the site file says.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from typing import Protocol

from labkit import cluster
from labkit.host import LabError
from labkit.node import DOMAIN, Node

SERVICE_ADDRESS = "10.11.0.10"
NETWORKS = ("10.11.0.0/24", "fd11::/64")
CFGLOC = "/etc/xcat/cfgloc"
#: Major version of PostgreSQL in each release.
POSTGRESQL = {"bookworm": "15", "trixie": "17"}
PASSFILE = "/var/lib/postgresql/.xcat-hamn-pgpass"

#: Fills xCAT's tables (the xCAT stand-in's xcatconfig).
INIT = [
    *("/opt/xcat/sbin/xcat-standin-initdb", f"--domain={DOMAIN}", f"--master={SERVICE_ADDRESS}"),
    *(f"--servers={SERVICE_ADDRESS}", "--dynamic-range=10.11.0.200-10.11.0.250"),
    *("--trusted=xcatmn", *(f"--network={network}" for network in NETWORKS)),
]
#: cn1 as xCAT knows it: its network card is the one that the lab gave it.
COMPUTE_NODE = [
    "/opt/xcat/bin/mkdef",
    *("-t", "node", "cn1", "groups=compute,all", "ip=10.11.0.101", "mac=02:00:0a:0b:00:65"),
    *("mgt=standin", "serialport=0", "xcatmaster=10.11.0.10", "tftpserver=10.11.0.10"),
]

HBA = """\
local all postgres peer
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
host xcatdb xcatadm 10.11.0.0/24 scram-sha-256
host xcatdb xcatadm fd11::/64 scram-sha-256
host replication xcat_repl 10.11.0.0/24 scram-sha-256
host postgres xcat_repl 10.11.0.0/24 scram-sha-256
"""


class Engine(Protocol):
    """What is asked of a database when management nodes are made."""

    name: str  # as the site file calls it
    about: str  # what a reader of results must know of it
    packages: tuple[str, ...]

    def prepare(self, node: Node) -> None:
        """Give a node the programs, and the credentials that both nodes share."""

    def make(self, first: Node, second: Node) -> None:
        """Fill the database on `first`, and do what `second` needs to get its copy."""

    def site(self) -> str:
        """Return the keys of section [database] of the site file."""

    def copy_anew(self, source: Node, target: Node) -> None:
        """Give `target` a new copy; the cluster is stopped there, and `source` has the role.

        The cluster is started there afterwards.
        """


class PostgreSQL:
    """PostgreSQL as Debian has it; mn2 gets its copy from the cluster."""

    name = "postgresql"

    def __init__(self, release: str) -> None:
        self.version = POSTGRESQL[release]
        self.about = "PostgreSQL, the real one"
        self.packages = (f"postgresql-{self.version}",)
        self.pgdata = f"/var/lib/postgresql/{self.version}/main"
        self.config = f"/etc/postgresql/{self.version}/main/postgresql.conf"
        self._replication, self._password = secrets.token_hex(12), secrets.token_hex(12)

    def prepare(self, node: Node) -> None:
        """Give a node an empty database server."""
        self.install(node, self._replication)

    def make(self, first: Node, second: Node) -> None:
        """Fill the database on `first`; `second` has none."""
        self.fill(first, self._replication, self._password)
        self.empty(second)
        for node in (first, second):
            put_cfgloc(node, SERVICE_ADDRESS, self._password)

    def site(self) -> str:
        """Return the keys of section [database] of the site file."""
        return (
            f"engine = postgresql\npgdata = {self.pgdata}\nconfig_file = {self.config}\n"
            f"passfile = {PASSFILE}\n"
        )

    def install(self, node: Node, replication_password: str) -> None:
        """Give `node` an empty database server that the other node's address may reach."""
        node.run(["pg_createcluster", self.version, "main", "-o", "listen_addresses=*"])
        folder = self.config.rsplit("/", 1)[0]
        node.put(f"{folder}/pg_hba.conf", HBA, 0o640, "postgres:postgres")
        line = f"*:*:*:xcat_repl:{replication_password}\n"
        node.put(PASSFILE, line, 0o600, "postgres:postgres")

    def fill(self, node: Node, replication_password: str, password: str) -> None:
        """Create users, database and xCAT's tables on `node`; the server is stopped afterwards."""
        node.run(["pg_ctlcluster", self.version, "main", "start"])
        statements = (
            f"CREATE ROLE xcat_repl LOGIN REPLICATION PASSWORD '{replication_password}';\n"
            f"CREATE ROLE xcatadm LOGIN PASSWORD '{password}';\n"
            "CREATE DATABASE xcatdb OWNER xcatadm;\n"
        )
        psql = ["runuser", "-u", "postgres", "--", "psql", "-qX", "-v", "ON_ERROR_STOP=1"]
        node.run(psql, stdin=statements)
        put_cfgloc(node, "127.0.0.1", password)
        node.run(INIT)
        node.run(COMPUTE_NODE, env={"XCATBYPASS": "1"})
        node.run(["pg_ctlcluster", self.version, "main", "stop"])

    def empty(self, node: Node) -> None:
        """Leave `node` without a database, as a new standby is."""
        node.run(["rm", "-rf", self.pgdata])

    def copy_anew(self, source: Node, target: Node) -> None:
        """Leave `target` without a database: the agent copies it."""
        self.empty(target)


def put_cfgloc(node: Node, address: str, password: str) -> None:
    """Tell xCAT on `node` where its PostgreSQL is."""
    node.put(CFGLOC, f"Pg:dbname=xcatdb;host={address}|xcatadm|{password}", 0o600)


class Db2:
    """The Db2 stand-in: no Db2 can be installed here. Set up by `xcat-hamn setup database` (R 5.1).

    HADR_PEER_WINDOW is as long as an operator may take to have a lost primary fenced, and
    HADR_TIMEOUT the least that is sound (HADR wiki; the pair 900/60 is Azure's with a fence
    agent). The stand-in shortens all its durations by `SCALE`, so that a test need not wait a
    quarter of an hour for a standby that was lost.
    """

    name = "db2"
    about = "a stand-in (test double) for Db2's HADR: no Db2 was run; its durations are a tenth"
    packages: tuple[str, ...] = ()
    TIMEOUT, WINDOW, SCALE = 60, 900, 0.1

    def __init__(self) -> None:
        here = os.path.realpath(__file__).rsplit("/", 2)[0]
        if here not in sys.path:
            sys.path.insert(0, here)
        from db2 import provision

        self._provision = provision
        self.home, self.instance = provision.HOME, provision.INSTANCE
        self.database = provision.DATABASE
        self._password = secrets.token_hex(12)

    def prepare(self, node: Node) -> None:
        """Give a node the stand-in with an instance."""
        self._provision.install(node, self._password)
        settings = {"instance": self.instance, "scale": self.SCALE}
        owner = f"{self.instance}:{self.instance}"
        path = f"{self.home}/sqllib/standin/settings.json"
        node.put(path, json.dumps(settings), 0o644, owner)
        # Service nodes connect on the wire (xCAT's db2sqlsetup leaves that to the administrator).
        node.run(self.owner("db2set", "DB2COMM=TCPIP"))

    def install_client(self, node: Node) -> None:
        """Give another node what a client needs."""
        self._provision.install_client(node)

    def make(self, first: Node, second: Node) -> None:
        """Fill the database on `first`, and make the two a pair by the command for it."""
        _trust(first, second)
        self._provision.fill(first, INIT, [COMPUTE_NODE])
        values = [f"--hadr-timeout={self.TIMEOUT}", f"--peer-window={self.WINDOW}"]
        first.run(["xcat-hamn", "setup", "database", "--yes", "--no-test", *values], timeout=300)
        for node in (first, second):
            node.run(self.owner("db2stop", "force"))

    def copy_anew(self, source: Node, target: Node) -> None:
        """Restore a backup of `source` on `target`, by the command for it."""
        cluster.start(target)
        cluster.wait_online([source, target])
        source.run(["xcat-hamn", "rejoin", target.name, "--copy", "--yes"], timeout=300)

    def site(self) -> str:
        """Return the keys of section [database] of the site file."""
        return f"engine = db2\ninstance = {self.instance}\n"

    # -- questions and commands ---------------------------------------------------------------

    def owner(self, program: str, *words: str) -> list[str]:
        """Return the command line that runs a program of the instance as its owner."""
        return list(self._provision.as_owner(program, *words))

    def shown(self, node: Node) -> dict[str, str]:
        """Return what db2pd shows of HADR; nothing while the database is not active."""
        said = node.run(self.owner("db2pd", "-db", self.database, "-hadr"), check=False).stdout
        pairs = (line.split(" = ", 1) for line in said.splitlines() if " = " in line)
        return {name.strip(): value.strip() for name, value in pairs}


def _trust(*nodes: Node) -> None:
    """Let root of each node log in on the others without a password, as R 4.0 has it."""
    hosts, keys = "", ""
    for node in nodes:
        node.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519"])
        keys += node.get("/root/.ssh/id_ed25519.pub")
        kind, key, *_ = node.get("/etc/ssh/ssh_host_ed25519_key.pub").split()
        hosts += f"{node.name},{node.ipv4},{node.ipv6} {kind} {key}\n"
    for node in nodes:
        node.put("/root/.ssh/authorized_keys", keys, 0o600)
        node.put("/root/.ssh/known_hosts", hosts, 0o600)


NAMES = ("postgresql", "db2")


def engine(name: str, release: str) -> PostgreSQL | Db2:
    """Return the database of that name on a release.  Raises LabError for another name."""
    if name not in NAMES:
        raise LabError(f"There is no database '{name}': use {' or '.join(NAMES)}.")
    return Db2() if name == "db2" else PostgreSQL(release)
