"""Who is measured against whom: our agents' monitors and those of peers that do the same job."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

OCF = "/usr/lib/ocf/resource.d"
#: A monitor may take this part of its peer's wall time, at most.
GOAL = 0.4


class Pair(NamedTuple):
    """One comparison; ``ours`` and ``peers`` name runs (the peers' times are added up)."""

    name: str
    ours: str
    peers: tuple[str, ...]


PAIRS = (
    Pair("monitor xcat-mnidentity / IPaddr2", "xcat-mnidentity", ("IPaddr2",)),
    Pair("monitor xcat-pgsql / pgsql rep_mode=async", "xcat-pgsql", ("pgsql",)),
    Pair("monitor xcat-pgsql / pgsqlms", "xcat-pgsql", ("pgsqlms",)),
    Pair("monitor xcat-netsvcs / named + dhcpd", "xcat-netsvcs", ("named", "dhcpd")),
)

#: Measured on the Db2 stand-in, whose programs are Python's: both sides wait for them.
DB2 = Pair("monitor xcat-db2hadr / db2, on the stand-in", "xcat-db2hadr", ("db2",))


def run(
    name: str,
    instance: str,
    parameters: Mapping[str, str],
    accept: list[int],
    provider: str = "heartbeat",
) -> dict[str, Any]:
    """Return one run; the monitor must end with one of the codes in ``accept``."""
    environment = {f"OCF_RESKEY_{key}": value for key, value in parameters.items()}
    environment["OCF_RESOURCE_INSTANCE"] = instance
    environment["OCF_RESOURCE_TYPE"] = name
    environment["OCF_RESOURCE_PROVIDER"] = provider
    argv = [f"{OCF}/{provider}/{name}", "monitor"]
    return {"name": name, "argv": argv, "env": environment, "accept": accept}


def runs(
    node: str, ours: Mapping[str, Mapping[str, str]], version: str, pgdata: str, config: str
) -> list[dict[str, Any]]:
    """Return all runs on ``node``; ``ours``: our resources' parameters as the cluster has them."""
    bindir = f"/usr/lib/postgresql/{version}/bin"
    pgsql = {
        "pgctl": f"{bindir}/pg_ctl",
        "psql": "/usr/bin/psql",
        "pgdata": pgdata,
        "config": config,
        "rep_mode": "async",
        "node_list": "mn1 mn2",
        "master_ip": "10.11.0.10",
        "tmpdir": "/var/lib/pgsql/bench",
        "socketdir": "/var/run/postgresql",
    }
    clone = {
        "CRM_meta_clone": "0",
        "CRM_meta_clone_max": "2",
        "CRM_meta_notify": "true",
        "CRM_meta_master_max": "1",
        "CRM_meta_promoted_max": "1",
        "CRM_meta_role": "Promoted",
    }
    pgsqlms = {
        "bindir": bindir,
        "pgdata": pgdata,
        "datadir": pgdata,
        "pghost": "/var/run/postgresql",
        "start_opts": f"-c config_file={config}",
    }
    address = {"ip": "10.11.0.10", "nic": "eth0", "cidr_netmask": "24"}
    network = {**ours["xcat-netsvcs"], "services": "dns dhcp"}
    found = [
        run("xcat-mnidentity", "xcat-mnidentity", ours["xcat-mnidentity"], [0]),
        run("IPaddr2", "bench-ip", address, [0]),
        run("xcat-pgsql", "xcat-db", {**ours["xcat-db"], **clone}, [8]),
        run("pgsql", "bench-pgsql", {**pgsql, **clone}, [8]),
        run("pgsqlms", "bench-pgsqlms", {**pgsqlms, **clone}, [8]),
        run("xcat-netsvcs", "xcat-netsvcs", network, [0]),
        run("named", "bench-named", NAMED, [0]),
        run("dhcpd", "bench-dhcpd", DHCPD, [0]),
    ]
    for one in found:
        one["env"]["OCF_RESKEY_CRM_meta_on_node"] = node
    return found


NAMED = {
    "named_conf": "/etc/bind/named.conf",
    "named_user": "bind",
    "monitor_request": "mn1.cluster.test",
    "monitor_response": "10.11.0.11",
    "monitor_ip": "10.11.0.10",
}
# The agent looks for Debian's pid file only when told that the daemon is chrooted to /run.
DHCPD = {"config": "/etc/dhcp/dhcpd.conf", "pid": "/dhcpd.pid", "chrooted_path": "/run"}

if __name__ == "__main__":
    sys.exit("this module is used by tests/bench/run")
