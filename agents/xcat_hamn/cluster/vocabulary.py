"""The node attributes that crm_mon shows: name, writer, meaning of each value.

One declaration; the agents write only what stands here (``Attributes`` refuses anything else) and
the attribute reference in docs/ is generated from it.  Words are few on purpose: every change of an
attribute fires an alert and makes a time series in cluster exporters: numbers do not belong here.
"""

from __future__ import annotations

DATABASE = "xcat-db"
DATABASE_LIMIT = "xcat-db-limit"
DATABASE_SYNC = "xcat-db-sync"
FILES = "xcat-files"
FILES_LIMIT = "xcat-files-limit"
MANAGEMENT_NODE = "xcat-mn"
GATE = "xcat-gate"

#: name -> (writer, meaning, {value: meaning}); an empty table of values means one free sentence.
VOCABULARY: dict[str, tuple[str, str, dict[str, str]]] = {
    DATABASE: (
        "xcat-pgsql, or xcat-db2hadr",
        "What the database on this node is, read from the database itself at every monitor.",
        {
            "primary": "writable, and a standby confirms every commit",
            "primary-alone": "writable, but no standby is attached: a loss of this node loses data",
            "primary-waiting": "writable, but commits wait until the lost standby is proven "
            "down (with Db2: until the peer window has ended)",
            "standby": "attached to the primary and ready for a planned move",
            "catching-up": "attached to the primary but not yet confirming commits",
            "disconnected": "running as a standby, but not attached to a primary",
            "diverged": "has transactions that the primary has not, so it cannot follow it",
            "preparing": "being copied from the primary, or brought in line with it",
            "stopped": "not running",
            "failed": "in a state that the agent could not read",
        },
    ),
    DATABASE_LIMIT: (
        "xcat-pgsql, or xcat-db2hadr",
        "Why this node does not become the primary by itself, or what a waiting primary waits for: "
        "one sentence; absent otherwise.",
        {},
    ),
    DATABASE_SYNC: (
        "xcat-pgsql, on the primary, for the standby's node",
        "Whether the primary waits for this node's confirmation at every commit.",
        {
            "confirmed": "every commit that a client was told of is on this node's disk",
            "not-confirmed": "the primary commits without this node",
            "asynchronous": "attached, but not waited for, as parameter synchronous says",
        },
    ),
    FILES: (
        "xcat-filesync",
        "What this node is in the copy of the file sets, and whether the copy is as it should be.",
        {
            "source": "copies, and no set is behind for longer than its maximum age",
            "source-alone": "the other node does not answer; changes wait until it is back",
            "source-stale": "a set is behind for longer than its maximum age",
            "source-failing": "a copy fails until somebody does something about it",
            "source-refused": "the other node has seen a newer source, so nothing is copied",
            "source-stopped": "the process that copies does not run, and cannot be started",
            "replica": "has every set, none older than its maximum age",
            "replica-stale": "a set is older than its maximum age, or was never received",
            "replica-empty": "has not received anything yet",
            "unable": "lacks keys, programs or definitions for copying",
            "stopped": "takes no part",
        },
    ),
    FILES_LIMIT: (
        "xcat-filesync",
        "Which file sets are not as they should be on the other node (on the replica: here), why, "
        "and what to do: one sentence without numbers that change; absent otherwise.",
        {},
    ),
    MANAGEMENT_NODE: (
        "xcat-mnidentity",
        "Whether this node carries the identity of the management node.",
        {
            "active": "holds the service addresses",
            "warning": "holds the service addresses, but something needs attention (see the log)",
        },
    ),
    GATE: (
        "fence_xcat_operator, on the node that survived",
        "What a lost node's fencing waits for and which command goes on: one sentence; absent "
        "while nothing waits.",
        {},
    ),
}
