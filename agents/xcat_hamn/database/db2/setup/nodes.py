"""The two nodes of a site file as sides of a pair: this one, and the other over ssh."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from xcat_hamn.cluster.pacemaker import ClusterUnreachable, Pacemaker
from xcat_hamn.cluster.sitefile import Site, SiteError
from xcat_hamn.database.db2.setup.machine import Here, Machine
from xcat_hamn.database.db2.setup.pair import Pair, Side
from xcat_hamn.database.db2.setup.values import SERVICES, Options
from xcat_hamn.errors import CommandTimeout, MissingTool
from xcat_hamn.system.remote import is_here, reached
from xcat_hamn.system.runner import Runner


@contextlib.contextmanager
def connected(site: Site, options: Options) -> Iterator[Pair]:
    """Give the pair of a site file; the connection to the other node ends with the context.

    Raises SiteError for a site without Db2, and where neither node is this one.
    """
    nodes = site.pairs("cluster", "nodes")
    wrong = list(_problems(site, nodes, options))
    if wrong:
        raise SiteError(wrong)
    instance = (site.text("database", "instance"), site.text("database", "database"))
    with contextlib.ExitStack() as stack:
        sides = []
        for (name, address), service in zip(nodes.items(), SERVICES):
            if is_here(address):
                machine = Machine(name, address, Runner(), Here(), instance)
            else:
                remote = stack.enter_context(reached(address))
                machine = Machine(name, address, remote, remote, instance)
            sides.append(Side(machine, service))
        yield Pair(sides, options)


def _problems(site: Site, nodes: Mapping[str, str], options: Options) -> Iterator[str]:
    engine = site.text("database", "engine")
    if engine != "db2":
        yield (
            f"{site.path}, [database] engine: it is {engine}, and only Db2 is set up by this: "
            "PostgreSQL's standby is made by the cluster itself"
        )
    if options.primary and options.primary not in nodes:
        yield (
            f"{options.primary} is no node of [cluster] nodes in {site.path}: name one of "
            f"{', '.join(nodes)}"
        )
    if not any(is_here(address) for address in nodes.values()):
        yield (
            f"{site.path}, [cluster] nodes: neither address is one of this node: run this on a "
            "management node, or correct the addresses"
        )


def cluster_runs_it() -> bool:
    """Tell whether a cluster on this node manages the database now."""
    try:
        status = Pacemaker(Runner()).status()
    except (ClusterUnreachable, MissingTool, CommandTimeout):
        return False
    return any(instance.managed for instance in status.database)
