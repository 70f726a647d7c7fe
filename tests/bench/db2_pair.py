"""The Db2 stand-in on two lab nodes, outside the cluster, for comparing monitors of its primary."""

from __future__ import annotations

import json
from typing import Any

import contenders
from labkit import engines, provision

#: heartbeat:db2 finds HADR's state in the layout of 9.7 alone where awk is mawk, Debian's own: its
#: pattern for the newer ones is one of gawk.  xcat-db2hadr reads them all; the work is the same.
LAYOUT = "9.7"
#: heartbeat:db2 asks for ksh, which the instance's owner has on AIX, and does not use it here.
_KSH = "/usr/bin/ksh"
INSTANCE = "bench-db2hadr"


def prepare(lab: Any) -> Any:
    """Make the pair and return the node of the primary; the cluster's resources are let go.

    xCAT's cfgloc names Db2 afterwards, so this comes last.
    """
    nodes = [lab.node(name) for name in provision.MEMBERS]
    nodes[0].run(["pcs", "property", "set", "maintenance-mode=true"])
    database = engines.Db2()
    site = provision.SITE.format(
        address=provision.SERVICE_ADDRESS,
        address_6=provision.SERVICE_ADDRESS_6,
        database=database.site(),
        devices="none",
    )
    for node in nodes:
        database.prepare(node)
        node.put(provision.SITE_FILE, site)
    database.make(*nodes)
    for node in reversed(nodes):
        path = f"{database.home}/sqllib/standin/settings.json"
        settings = json.loads(node.output("cat", path))
        node.put(path, json.dumps({**settings, "release": LAYOUT}), 0o644, "xcatdb:xcatdb")
        node.run(database.owner("db2start"))
        node.run(database.owner("db2", f"activate db {database.database}"))
    primary: Any = nodes[0]
    primary.wait_for(lambda: _in_peer(primary, database), timeout=60, what="the pair in PEER")
    primary.run(["ln", "-sf", "/bin/dash", _KSH])
    # What the agent on the standby's node shares while it runs.
    shared = ["attrd_updater", "--private", "--name", f"{INSTANCE}-data", "--node", nodes[1].name]
    primary.run([*shared, "--update=standby 1 0"])
    return primary


def _in_peer(node: Any, database: engines.Db2) -> bool:
    argv = database.owner("db2pd", "-db", database.database, "-hadr")
    words = node.run(argv, check=False).stdout.split()
    return "Peer" in words and "Connected" in words


def runs(node: str) -> list[dict[str, Any]]:
    """Return the runs of both monitors on the primary ``node``."""
    clone = {"CRM_meta_clone": "0", "CRM_meta_clone_max": "2", "CRM_meta_notify": "true"}
    clone.update(CRM_meta_promoted_max="1", CRM_meta_master_max="1", CRM_meta_on_node=node)
    database = {"instance": engines.Db2().instance, "nodes": "mn1=10.11.0.11 mn2=10.11.0.12"}
    ours = {**database, "database": "xcatdb", **clone}
    peer = {"instance": database["instance"], "dblist": "xcatdb", **clone}
    return [
        contenders.run("xcat-db2hadr", INSTANCE, ours, [8]),
        # It answers 8 only behind its own promote, which makes nothing slower.
        contenders.run("db2", "bench-db2", peer, [0, 8]),
    ]
