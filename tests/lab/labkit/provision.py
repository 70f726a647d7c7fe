"""Makes management nodes of bare lab nodes: the package, the database, the xCAT stand-in.

What an administrator has before configuring high availability (R 3.0 and 4.0): both nodes
installed, the database with xCAT's tables on mn1 and a way to its copy on mn2, the same credentials
on both.
"""

from __future__ import annotations

import concurrent.futures
import os
import sys
from collections.abc import Callable, Iterable

from labkit import bmc, cluster, host
from labkit.engines import SERVICE_ADDRESS, Engine, PostgreSQL
from labkit.host import LabError
from labkit.lab import Lab
from labkit.node import Node

HERE = os.path.realpath(__file__).rsplit("/", 2)[0]
ROOT = HERE.rsplit("/", 2)[0]
MEMBERS = ("mn1", "mn2")
SERVICE_ADDRESS_6 = "fd11::10"
SITE_FILE = "/etc/xcat/hamn.conf"

SITE = """\
[cluster]
nodes = mn1=10.11.0.11 mn2=10.11.0.12

[identity]
addresses = {address}/24@eth0 {address_6}/64@eth0
check_facing = no

[database]
{database}
[services]
network = dns dhcp console

[fencing]
devices = {devices}
"""


def package() -> str:
    """Return the path of the RPM, built from the tree as it is now.  Raises LabError."""
    built = host.call([f"{ROOT}/packaging/rpm/build"], timeout=120, check=True)
    return f"{ROOT}/{built.stdout.strip().splitlines()[-1]}"


def install_package(nodes: Iterable[Node], path: str) -> None:
    """Install the RPM as it ships; its dependencies are Debian packages, so they are not asked."""
    for node in nodes:
        node.put_file(path, "/root/xcat-hamn.rpm")
        node.run(["rpm", "-U", "--nodeps", "--replacepkgs", "/root/xcat-hamn.rpm"])


def _in_parallel(work: Callable[[Node], None], nodes: Iterable[Node]) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(work, node) for node in nodes]:
            done.result()


def management_nodes(
    lab: Lab,
    say: Callable[[str], None] = host.say,
    *,
    power: bool = False,
    engine: Engine | None = None,
) -> None:
    """Make mn1 and mn2 ready for `xcat-hamn configure`; the cluster runs and is empty.

    With `power` both have a BMC, and the cluster a device for each, which the site file names.
    `engine` is the database, PostgreSQL if nothing is said.
    """
    if f"{HERE}" not in sys.path:
        sys.path.insert(0, HERE)
    from xcat import install
    from xcat.standin import credentials

    nodes = [lab.node(name) for name in MEMBERS]
    database, path = engine or PostgreSQL(lab.release), package()
    layout = install.archive(install.layout())
    shared = install.archive(credentials.create("xcatmn"))

    def prepare(node: Node) -> None:
        install_package([node], path)
        for archive in (layout, shared):
            node.run(install.UNPACK, stdin=archive)
        node.run(["systemctl", "daemon-reload"])
        database.prepare(node)

    say(f"installing the package and the xCAT stand-in on mn1 and mn2; {database.about}")
    _in_parallel(prepare, nodes)
    for node in nodes:
        node.put(
            SITE_FILE,
            SITE.format(
                address=SERVICE_ADDRESS,
                address_6=SERVICE_ADDRESS_6,
                database=database.site(),
                devices=" ".join(f"{n}=bmc-{n}" for n in MEMBERS) if power else "none",
            ),
        )
    say("filling xCAT's database on mn1, and making mn2 ready for its copy")
    database.make(*nodes)
    say("starting the cluster")
    cluster.make(lab, MEMBERS)
    if power:
        say("a power device for each node: fence_ipmilan, at its BMC")
        _power_devices(lab)


def _power_devices(lab: Lab) -> None:
    """Create the fence devices as an administrator does, with pcs."""
    for name in MEMBERS:
        controller = lab.bmc(name)
        controller.start()
        values = {
            "ip": controller.address,
            "username": bmc.USER,
            "password": bmc.PASSWORD,
            "lanplus": "1",
            "pcmk_host_list": name,
            "pcmk_host_check": "static-list",
            # The lab's BMC answers at once, or not at all.
            "pcmk_off_timeout": "15s",
        }
        words = [f"{key}={value}" for key, value in values.items()]
        create = ["pcs", "stonith", "create", f"bmc-{name}", "fence_ipmilan", *words]
        lab.node(MEMBERS[0]).run(create, timeout=120)


def configured(lab: Lab, timeout: float = 180, say: Callable[[str], None] = host.say) -> None:
    """Make the whole thing: management nodes, and the role active on one of them.

    Raises LabError with crm_mon's text when the role is not active in `timeout` seconds.
    """
    management_nodes(lab, say)
    node = lab.node(MEMBERS[0])
    say("xcat-hamn configure")
    node.run(["xcat-hamn", "configure"], timeout=120)
    wait_active(lab, timeout)


def active_node(lab: Lab, viewer: str = MEMBERS[0]) -> str | None:
    """Return the node on which every resource of group xcat-mn runs, None when there is none."""
    status = cluster.crm_mon(lab.node(viewer))
    if status is None:
        return None
    group = status.find(".//group[@id='xcat-mn']")
    if group is None:
        return None
    places = set()
    for resource in group.iterfind("resource"):
        place = resource.find("node")
        if resource.get("role") != "Started" or place is None or resource.get("pending"):
            return None
        places.add(place.get("name"))
    return places.pop() if len(places) == 1 else None


def wait_active(lab: Lab, timeout: float, where: str | None = None) -> str:
    """Wait until the role is active (on `where`) and return its node.  Raises LabError."""
    node = lab.node(where or MEMBERS[0])
    found: list[str] = []

    def look() -> bool:
        place = active_node(lab, node.name)
        found[:] = [place] if place else []
        return bool(place) and where in (None, place)

    try:
        node.wait_for(look, timeout=timeout, interval=0.5, what="the role to be active")
    except LabError as problem:
        shown = node.run(["crm_mon", "-1", "-A", "-r", "-f"], check=False).stdout
        raise LabError(f"{problem}\n{shown}") from None
    return found[0]
