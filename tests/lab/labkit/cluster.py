"""Makes the Pacemaker cluster of the two management nodes.

The result is what `pcs host auth` and `pcs cluster setup --start` leave behind, file by file, but
in a quarter of their time: both tools talk to pcsd again and again, and a new cluster then waits 20
seconds (dc-deadtime) before it elects its first coordinator. Here the first CIB shortens that wait,
and the property is removed again once both nodes are online; all other timers keep their defaults.
"""

from __future__ import annotations

import concurrent.futures
import json
import secrets
import time
import uuid
from collections.abc import Sequence
from xml.etree import ElementTree

from labkit.host import LabError
from labkit.lab import Lab
from labkit.node import Node, wait_for

MEMBERS = ("mn1", "mn2")

#: The password of user hacluster in every lab, for a person who wants to try `pcs host auth`.
PASSWORD = "lab-hacluster"


def make(lab: Lab, members: Sequence[str] = MEMBERS, timeout: float = 90) -> None:
    """Configure and start the cluster, and wait until all members are online.

    Whatever cluster the nodes had before is gone. Raises LabError when they are not online within
    `timeout` seconds.
    """
    nodes = [lab.node(name) for name in members]
    shared = _Shared(nodes)
    with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
        for done in [pool.submit(_prepare, node, shared) for node in nodes]:
            done.result()
        for done in [pool.submit(start, node) for node in nodes]:
            done.result()
    wait_online(nodes, timeout)
    nodes[0].run(["crm_attribute", "--type=crm_config", "--name=dc-deadtime", "--delete"])


def start(node: Node) -> None:
    """Start Corosync and Pacemaker on one node, as `pcs cluster start` does."""
    node.run(["systemctl", "start", "corosync", "pacemaker"], timeout=90)


def stop(node: Node) -> None:
    """Stop both in order; resources move away first."""
    node.run(["systemctl", "stop", "pacemaker", "corosync"], timeout=600)


def wait_online(nodes: Sequence[Node], timeout: float = 90) -> None:
    """Wait until every one of `nodes` sees all of them online."""
    names = {node.name for node in nodes}
    deadline = time.monotonic() + timeout
    for node in nodes:
        wait_for(
            lambda node=node: names <= online(node),  # type: ignore[misc]
            max(1.0, deadline - time.monotonic()),
            what=f"{' and '.join(sorted(names))} to be online, as {node.name} sees it",
        )


def online(node: Node) -> set[str]:
    """Return the names of the members that are online and not pending, as `node` sees it.

    Empty while the cluster does not run there.
    """
    status = crm_mon(node)
    if status is None:
        return set()
    return {
        member.get("name", "")
        for member in status.iterfind("nodes/node")
        if member.get("online") == "true" and member.get("pending") == "false"
    }


def crm_mon(node: Node) -> ElementTree.Element | None:
    """Return crm_mon's XML as `node` sees the cluster; None while no cluster runs there."""
    try:
        answer = node.run(["crm_mon", "--one-shot", "--output-as=xml"], check=False, timeout=20)
    except LabError:
        return None
    if answer.returncode != 0:
        return None
    return ElementTree.fromstring(answer.stdout)


class _Shared:
    """What all members must have alike."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.corosync_key = secrets.token_bytes(256)
        self.pacemaker_key = secrets.token_bytes(256)
        self.corosync_conf = corosync_conf(nodes)
        self.token = str(uuid.uuid4())
        hosts = {
            node.name: {"dest_list": [{"addr": node.ipv4, "port": 2224}], "token": self.token}
            for node in nodes
        }
        known = {"format_version": 1, "data_version": 2, "known_hosts": hosts}
        self.known_hosts = json.dumps(known, indent=2)


def corosync_conf(nodes: Sequence[Node]) -> str:
    """Return the corosync.conf that pcs writes for these nodes; no timer is set."""
    members = "".join(
        f"""    node {{
        ring0_addr: {node.ipv4}
        name: {node.name}
        nodeid: {number}
    }}

"""
        for number, node in enumerate(nodes, 1)
    )
    return f"""totem {{
    version: 2
    cluster_name: lab
    transport: knet
    crypto_cipher: aes256
    crypto_hash: sha256
    cluster_uuid: {uuid.uuid4().hex}
}}

nodelist {{
{members.rstrip()}
}}

quorum {{
    provider: corosync_votequorum
    {"two_node: 1" if len(nodes) == 2 else ""}
}}

logging {{
    to_logfile: yes
    logfile: /var/log/corosync/corosync.log
    to_syslog: yes
    timestamp: on
}}
"""


def _prepare(node: Node, shared: _Shared) -> None:
    """Write one member's files; needs no running daemon but pcsd, which reads them when asked."""
    node.run(["systemctl", "stop", "pacemaker", "corosync"], timeout=120)
    node.run(["find", "/var/lib/pacemaker/cib", "/var/lib/corosync", "-type", "f", "-delete"])
    node.put("/etc/corosync/corosync.conf", shared.corosync_conf)
    node.put("/etc/corosync/authkey", shared.corosync_key, 0o400)
    node.put("/etc/pacemaker/authkey", shared.pacemaker_key, 0o400, "hacluster:haclient")
    created = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime())
    users = [{"creation_date": created, "token": shared.token, "username": "hacluster"}]
    node.put("/var/lib/pcsd/known-hosts", shared.known_hosts, 0o600)
    node.put("/var/lib/pcsd/pcs_users.conf", json.dumps(users, indent=4), 0o600)
    node.run(["chpasswd"], stdin=f"hacluster:{PASSWORD}\n")
    cib = ElementTree.fromstring(node.output("cibadmin", "--empty"))
    cib.set("epoch", "1")
    options = cib.find("configuration/crm_config")
    assert options is not None, "an empty CIB has a crm_config"
    group = ElementTree.SubElement(options, "cluster_property_set", id="cib-bootstrap-options")
    name = "dc-deadtime"
    ElementTree.SubElement(
        group, "nvpair", id=f"cib-bootstrap-options-{name}", name=name, value="2s"
    )
    first = ElementTree.tostring(cib, encoding="unicode")
    node.put("/var/lib/pacemaker/cib/cib.xml", first, 0o600, "hacluster:haclient")
