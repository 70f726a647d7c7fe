"""The site file, declared once: sections, keys, kinds, defaults and a line of help for each."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence

from xcat_hamn.cluster import kinds, levels
from xcat_hamn.cluster.sitefile import DEFAULT_PATH, Key, Section, Site, SiteError, load, read
from xcat_hamn.ocf.parameters import to_seconds

#: How long a service may take to start or to stop: service, default, what it does meanwhile.
_BUDGETS = (
    ("xcatd", "120s", "xcatd"),
    ("dns", "120s", "DNS: makedns, named"),
    ("dhcp", "120s", "DHCP: makedhcp, dhcpd"),
    ("console", "60s", "the consoles: makeconservercf, conserver"),
    ("osdeploy", "160s", "OS deployment: nodeset"),
)
#: An agent gives up when this part of the operation's timeout has passed, to say why it did.
_SHARE_OF_TIMEOUT = 0.9
#: What xcat-netsvcs asks for at least.
_LEAST_TIMEOUT = 180
#: How long xcat-mnidentity may take: alone, and with a Db2 instance to stop and to start, whose
#: database may wait for its standby (HADR_TIMEOUT, 120 s unless set).
_IDENTITY_TIMEOUT, _SWAP_TIMEOUT = "60s", "300s"
#: What xcat-filesync asks for a demotion at least, and beyond its last copy.
_DEMOTE_TIMEOUT, _AFTER_LAST_COPY = 120, 30.0

SECTIONS = (
    Section(
        "cluster",
        "The two management nodes, and who decides that the role moves.",
        (
            Key(
                "nodes",
                kinds.NODES,
                "Each management node: its cluster name (`crm_node -n`) and its own address, over "
                "which the databases replicate. Not the service address.",
                required=True,
                example="mn1=10.11.0.11 mn2=10.11.0.12",
                parameter="xcat-pgsql.nodes",
            ),
            Key(
                "failover",
                kinds.one_of("manual", "automatic"),
                "manual: a service that keeps failing stays down where it is until you repair it "
                "or move the role, and a lost node is switched off and taken over only when you "
                "move the role. automatic: after three failures the role moves by itself, and a "
                "lost node is switched off and taken over without asking.",
                default="manual",
            ),
        ),
    ),
    Section(
        "identity",
        "What makes a node the xCAT management node for all others; it moves with the role.",
        (
            Key(
                "addresses",
                kinds.SERVICE_ADDRESSES,
                "The service addresses, each on its interface. The first is the one at which the "
                "services are checked.",
                required=True,
                example="10.11.0.10/24@eth0",
                parameter="xcat-mnidentity.addresses",
            ),
            Key(
                "hostname",
                kinds.NAME,
                "The host name of the management node while a node holds the role. Not set: every "
                "node keeps its own name.",
                example="xcatmn",
                parameter="xcat-mnidentity.hostname",
            ),
            Key(
                "duplicate_probe",
                kinds.YES_NO,
                "Ask the network whether somebody else still has a service address before taking "
                "it. Leave it on.",
                default="yes",
                parameter="xcat-mnidentity.duplicate_probe",
            ),
            Key(
                "announcements",
                kinds.number(1, 60),
                "How many times a new place of a service address is announced to the network.",
                default="5",
                parameter="xcat-mnidentity.announcements",
            ),
            Key(
                "check_facing",
                kinds.YES_NO,
                "Warn (xcat-mn=warning) that xCAT would tell the nodes this node's own address "
                "where its tables say <xcatmaster>. Set it to no once the tables networks and "
                "noderes name the service address.",
                default="yes",
                parameter="xcat-mnidentity.check_facing",
            ),
        ),
    ),
    Section(
        "database",
        "The xCAT database.",
        (
            Key(
                "engine",
                kinds.one_of("postgresql", "db2", "none"),
                "postgresql, db2: the cluster runs it, replicated to the other node (Db2 by HADR). "
                "none: the cluster has nothing to do with it (SQLite on shared storage, a database "
                "elsewhere). Keys of another engine than the one given here are not looked at.",
                required=True,
                example="postgresql",
            ),
            Key(
                "pgdata",
                kinds.PATH,
                "The data directory, the same on both nodes.",
                required=True,
                only="postgresql",
                example="/var/lib/postgresql/15/main",
                parameter="xcat-pgsql.pgdata",
            ),
            Key(
                "config_file",
                kinds.PATH,
                "postgresql.conf, if it is not in the data directory (Debian keeps it in /etc).",
                example="/etc/postgresql/15/main/postgresql.conf",
                parameter="xcat-pgsql.config_file",
            ),
            Key(
                "bindir",
                kinds.PATH,
                "Where pg_ctl is. Not set: looked for.",
                example="/usr/lib/postgresql/15/bin",
                parameter="xcat-pgsql.bindir",
            ),
            Key(
                "user",
                kinds.NAME,
                "The system user that runs PostgreSQL.",
                default="postgres",
                parameter="xcat-pgsql.user",
            ),
            Key(
                "port",
                kinds.number(1, 65535),
                "The TCP port of PostgreSQL.",
                default="5432",
                parameter="xcat-pgsql.port",
            ),
            Key(
                "socket_directory",
                kinds.PATH,
                "Where PostgreSQL's local socket is.",
                default="/var/run/postgresql",
                parameter="xcat-pgsql.socket_directory",
            ),
            Key(
                "replication_user",
                kinds.NAME,
                "The database user with which the standby follows the primary.",
                default="xcat_repl",
                parameter="xcat-pgsql.replication_user",
            ),
            Key(
                "passfile",
                kinds.PATH,
                "A libpq password file with the password of replication_user for every database "
                "(*:*:*:USER:PASSWORD), readable by user only. Passwords never go into this file "
                "or into the cluster configuration.",
                example="/var/lib/postgresql/.pgpass",
                parameter="xcat-pgsql.passfile",
            ),
            Key(
                "synchronous",
                kinds.YES_NO,
                "While a standby is attached, report a write as done only when both nodes have it.",
                default="yes",
                parameter="xcat-pgsql.synchronous",
            ),
            Key(
                "rejoin",
                kinds.one_of("manual", "auto"),
                "What a former primary does that comes back with transactions that only it has, "
                "after the other node took over. manual: it stays apart until `xcat-hamn rejoin "
                "NODE`. auto: it sets them aside by itself and follows. Both use pg_rewind, which "
                "needs a line in pg_hba.conf that lets replication_user into database postgres.",
                default="manual",
                parameter="xcat-pgsql.rejoin",
            ),
            Key(
                "instance",
                kinds.NAME,
                "The Db2 instance, the same on both nodes; its owner has the same name.",
                required=True,
                only="db2",
                example="xcatdb",
                parameter="xcat-db2hadr.instance",
            ),
            Key(
                "database",
                kinds.NAME,
                "The HADR database of the Db2 instance.",
                default="xcatdb",
                parameter="xcat-db2hadr.database",
            ),
            Key(
                "manage_instance",
                kinds.YES_NO,
                "Start the Db2 instance with the database, and stop it behind the database. no: "
                "somebody else sees to it that the instance runs.",
                default="yes",
                parameter="xcat-db2hadr.manage_instance",
            ),
            Key(
                "bound_to_hostname",
                kinds.YES_NO,
                "yes: db2nodes.cfg of the Db2 instance names the host by the name that moves "
                "(hostname in [identity]), so the instance is stopped and started around each "
                "change of it, as in the original procedure. no, recommended: db2nodes.cfg names "
                "each node by its own name, and nothing is stopped.",
                default="no",
            ),
            Key(
                "start_timeout",
                kinds.SECONDS,
                "How long a start may take. With PostgreSQL that includes the first copy of the "
                "whole database to the standby.",
                default="10m",
            ),
        ),
    ),
    Section(
        "services",
        "What runs on the node that holds the role. xcatd always does.",
        (
            Key(
                "network",
                kinds.some_of("dns", "dhcp", "console"),
                "The network services that this management node provides.",
                default="dns dhcp console",
            ),
            Key(
                "osdeploy",
                kinds.YES_NO,
                "Renew the boot files of the nodes after a takeover (nodeset).",
                default="yes",
            ),
            Key(
                "cfgloc",
                kinds.PATH,
                "xCAT's file that says where its database is.",
                default="/etc/xcat/cfgloc",
                parameter="xcat-netsvcs.cfgloc",
            ),
            *(
                Key(
                    f"{service}_budget",
                    kinds.SECONDS,
                    f"How long {what} may take to start or to stop.",
                    default=default,
                    parameter=f"xcat-netsvcs.{service}_budget",
                )
                for service, default, what in _BUDGETS
            ),
        ),
    ),
    Section(
        "files",
        "The copy of xCAT's files to the standby: credentials, keys, packages, configuration. "
        "Which files: /usr/share/xcat-hamn/file-sets, and /etc/xcat/hamn.d of your own.",
        (
            Key(
                "enabled",
                kinds.YES_NO,
                "Keep the files of the standby as new as those of the active management node. "
                "Run `xcat-hamn setup files` first, which makes the keys for it.",
                default="no",
            ),
            Key(
                "last_copy",
                kinds.SECONDS,
                "How long a planned move waits at most, with the services stopped, until every set "
                "is proven to be on the other node. Mostly it takes a few seconds.",
                default="60s",
                parameter="xcat-filesync.last_copy",
            ),
            Key(
                "require_complete",
                kinds.YES_NO,
                "Let a node take over only with credentials that fit together and a filled "
                "install directory.",
                default="yes",
                parameter="xcat-filesync.require_complete",
            ),
            Key(
                "ssh_port",
                kinds.number(1, 65535),
                "The TCP port of sshd on both nodes.",
                default="22",
                parameter="xcat-filesync.port",
            ),
        ),
    ),
    Section(
        "fencing",
        "How the cluster makes sure that a lost management node is really off.",
        (
            Key(
                "devices",
                kinds.FENCE_DEVICES,
                "For each node the fence device that switches it off, as created by `pcs stonith "
                "create`. A+B: both must. A node named again: the next try, when the one before "
                "has failed. With none, nothing proves that a lost node is off but your word.",
                required=True,
                example="none",
            ),
            Key(
                "standby_loss",
                kinds.one_of("ignore", "power-off"),
                "What becomes of a lost node that does not hold the role. power-off: it is "
                "switched off at once, and only then does the database commit without it, so a "
                "takeover from a dead management node never loses data. ignore: nothing; the "
                "database goes on after 10 s, and a takeover from a dead management node needs "
                "your consent to loss. Not set: power-off where PostgreSQL and devices are "
                "given, else ignore.",
                example="ignore",
            ),
        ),
    ),
)


def load_site(path: str = DEFAULT_PATH) -> Site:
    """Read and check a site file.  Raises SiteError."""
    return _consistent(load(path, SECTIONS))


def read_site(text: str, path: str = DEFAULT_PATH) -> Site:
    """Check the text of a site file.  Raises SiteError."""
    return _consistent(read(text, path, SECTIONS))


def _consistent(site: Site) -> Site:
    """Return ``site`` when its keys fit each other.  Raises SiteError."""
    wrong = list(levels.problems(site))
    if wrong:
        raise SiteError(wrong)
    if _follows_hostname(site) and not site.text("identity", "hostname"):
        raise SiteError(
            [
                f"{site.path}, [database] bound_to_hostname: there is no name that moves: set "
                "hostname in [identity], or write no"
            ]
        )
    own = site.pairs("cluster", "nodes")
    for word in site.words("identity", "addresses"):
        service = ipaddress.ip_interface(word.partition("@")[0]).ip
        for node, address in own.items():
            if ipaddress.ip_address(address) == service:
                raise SiteError(
                    [
                        f"{site.path}, [identity] addresses: {service} is {node}'s own address: "
                        "give an address that no node has by itself, so that it can move"
                    ]
                )
    return site


def _follows_hostname(site: Site) -> bool:
    """Tell whether a Db2 instance bears the host name that moves."""
    engine = site.text("database", "engine")
    return engine == "db2" and site.flag("database", "bound_to_hostname")


def fragment_values(site: Site) -> dict[str, str]:
    """Return what the placeholders of the fragments stand for, by ``section.key``.

    Keys that the agents have the same default for are empty while the file does not give them.
    """
    values = {
        f"{section.name}.{key.name}": (
            site.text(section.name, key.name)
            if not key.parameter or (section.name, key.name) in site.given
            else ""
        )
        for section in SECTIONS
        for key in section.keys
    }
    automatic = site.text("cluster", "failover") == "automatic"
    follows = _follows_hostname(site)
    first_address = site.words("identity", "addresses")[0]
    values.update(
        {
            "cluster.node_count": str(len(site.words("cluster", "nodes"))),
            "cluster.failure_moves_role": "true" if automatic else "false",
            "cluster.failures_before_move": "3" if automatic else "INFINITY",
            "identity.service_address": first_address.partition("/")[0],
            "identity.bound_instance": site.text("database", "instance") if follows else "",
            "identity.bound_database": values["database.database"] if follows else "",
            "identity.timeout": _SWAP_TIMEOUT if follows else _IDENTITY_TIMEOUT,
            **_files(site),
            **levels.values(site),
            "database.commit_alone": "proven" if levels.is_proven(site) else "",
            "services.xcatd_timeout": _timeout(site, ["xcatd"]),
            "services.network_timeout": _timeout(site, site.words("services", "network")),
            "services.osdeploy_timeout": _timeout(site, ["osdeploy"]),
        }
    )
    return values


def _files(site: Site) -> dict[str, str]:
    """Return what the placeholders of files.xml stand for beside the keys of its section."""
    with_database = site.text("database", "engine") != "none"
    last_copy = to_seconds(site.text("files", "last_copy"))
    asked = math.ceil((last_copy + _AFTER_LAST_COPY) / _SHARE_OF_TIMEOUT)
    return {
        "files.with_database": "true" if with_database else "",
        "files.with_group": "" if with_database else "true",
        "files.demote_timeout": f"{max(_DEMOTE_TIMEOUT, asked)}s",
    }


def _timeout(site: Site, services: Sequence[str]) -> str:
    """Return the timeout of an operation in which ``services`` start or stop in parallel."""
    budgets = (to_seconds(site.text("services", f"{service}_budget")) for service in services)
    longest = max(budgets, default=0.0)
    return f"{max(_LEAST_TIMEOUT, math.ceil(longest / _SHARE_OF_TIMEOUT))}s"
