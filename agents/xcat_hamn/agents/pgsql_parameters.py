"""The parameters of ocf:heartbeat:xcat-pgsql."""

from __future__ import annotations

from xcat_hamn.agents.checks import absolute, nodes_problem, one_of
from xcat_hamn.ocf.declaration import BOOLEAN, INTEGER, STRING, Parameter

#: Values of commit_alone.
PROVEN, AT_ONCE = "proven", "at-once"


#: Values of rejoin.
MANUAL, AUTO = "manual", "auto"

PARAMETERS = (
    Parameter(
        "pgdata",
        STRING,
        "data directory",
        "The data directory of the database, the same path on every node. An empty or absent "
        "one is filled with a copy of another node's.",
        required=True,
        unique_group="pgdata",
        check=absolute("pgdata"),
    ),
    Parameter(
        "nodes",
        STRING,
        "replication address of every node",
        "Cluster node names with the addresses that replication uses, as NODE=ADDRESS "
        "separated by spaces. These are the nodes' own addresses, never a service address.",
        required=True,
        check=nodes_problem,
    ),
    Parameter(
        "config_file",
        STRING,
        "postgresql.conf outside the data directory",
        "Path of postgresql.conf where the distribution keeps it outside the data directory "
        "(Debian: /etc/postgresql/15/main/postgresql.conf).",
        check=absolute("config_file"),
    ),
    Parameter(
        "bindir",
        STRING,
        "directory of PostgreSQL's programs",
        "Directory of postgres, pg_basebackup and pg_controldata. Without it they are found by "
        "the data directory's version in the places that distributions use.",
        check=absolute("bindir"),
    ),
    Parameter(
        "user",
        STRING,
        "operating system user",
        "The user that owns the data directory and runs the server; also the name of the "
        "database superuser, who must be let in on the unix socket by peer authentication.",
        default="postgres",
    ),
    Parameter("port", INTEGER, "port", "The port that the server listens on.", default="5432"),
    Parameter(
        "socket_directory",
        STRING,
        "directory of the unix socket",
        "Where the server puts its unix socket (setting unix_socket_directories).",
        default="/var/run/postgresql",
        check=absolute("socket_directory"),
    ),
    Parameter(
        "replication_user",
        STRING,
        "database user for replication",
        "The database user with the REPLICATION attribute; pg_hba.conf of every node must let "
        "it in from every other node's address.",
        default="xcat_repl",
    ),
    Parameter(
        "passfile",
        STRING,
        "password file for replication",
        "A libpq password file (mode 0600, owned by the operating system user) with the "
        "password of the replication user. The password itself never enters the cluster "
        "configuration.",
        check=absolute("passfile"),
    ),
    Parameter(
        "synchronous",
        BOOLEAN,
        "commits wait for an attached standby",
        "Whether commits wait until an attached standby has them on disk. Without it a standby "
        "is never known to hold every commit, and can take over in a planned move only.",
        default="true",
        reloadable=True,
    ),
    Parameter(
        "commit_alone",
        STRING,
        "when to commit without a standby that was lost",
        "proven: only when the cluster has proof that the standby is down (it was fenced, it left "
        "in order, or a person confirmed it); until then commits wait. Every commit that a client "
        "was told of is on the standby then, whatever happened to the primary, so it can take over "
        "from a dead primary without loss. It needs fence devices that switch a lost standby off. "
        "at-once: as soon as the standby is silent for 10 s; a takeover from a dead primary then "
        "needs `xcat-hamn takeover NODE --accept-data-loss`.",
        default=AT_ONCE,
        reloadable=True,
        check=one_of("commit_alone", PROVEN, AT_ONCE),
    ),
    Parameter(
        "rejoin",
        STRING,
        "what a former primary does with what only it has",
        "A node that was the primary and comes back after another one took over follows that one "
        "by itself, if nothing was committed that only it has. Otherwise, manual: it stays apart "
        "until `xcat-hamn rejoin NODE` says so. auto: its own log is set aside beside the data "
        "directory, and pg_rewind brings it in line, without asking. That takes a line in "
        "pg_hba.conf that lets replication_user into database postgres, and a passfile that is "
        "not limited to database replication; the rights are granted by the agent.",
        default=MANUAL,
        reloadable=True,
        check=one_of("rejoin", MANUAL, AUTO),
    ),
    Parameter(
        "report_degraded",
        BOOLEAN,
        "report a primary without standby as degraded",
        "Whether the monitor of a primary without a confirmed standby returns 191 (promoted, "
        "degraded). crm_mon keeps showing that until a cleanup, so it is off by default; node "
        "attribute xcat-db says it in any case.",
        default="false",
        reloadable=True,
    ),
)
