"""xcat-mnidentity under real Pacemaker: pcs creates it, the cluster moves it, a crash loses it."""

from __future__ import annotations

import pytest
from labkit import Lab, Node, provision
from labkit import cluster as clusterkit

NAME = "xcat-mnidentity"
ADDRESSES = "addresses=10.11.0.10/24@eth0 fd11::10/64@eth0"


@pytest.fixture
def identity(cluster: Lab) -> Lab:
    """Give the lab with the package installed and the identity, name included, on mn1."""
    nodes = [cluster.node(name) for name in clusterkit.MEMBERS]
    provision.install_package(nodes, provision.package())
    pcs = ["pcs", "--force", "property", "set"]
    nodes[0].run([*pcs, "stonith-enabled=false", "no-quorum-policy=ignore"])
    create = ["pcs", "resource", "create", NAME, f"ocf:heartbeat:{NAME}", ADDRESSES]
    nodes[0].run([*create, "hostname=xcatmn", "--wait=60"], timeout=90)
    wait_holder(cluster, "mn1")
    return cluster


def holder(lab: Lab, viewer: str) -> str | None:
    """Return the node that the cluster runs the identity on, as ``viewer`` sees it."""
    status = clusterkit.crm_mon(lab.node(viewer))
    place = status.find(f".//resource[@id='{NAME}'][@role='Started']/node") if status else None
    return place.get("name") if place is not None else None


def wait_holder(lab: Lab, name: str, timeout: float = 60) -> None:
    lab.node(name).wait_for(
        lambda: holder(lab, name) == name, timeout=timeout, what=f"the identity to be on {name}"
    )


def has_identity(node: Node) -> bool:
    """Tell whether the node really has addresses and name; fail when it has a part of them."""
    shown = node.output("ip", "-o", "address", "show", "dev", "eth0")
    parts = {" 10.11.0.10/24 " in shown, " fd11::10/64 " in shown}
    parts.add(node.output("uname", "-n") == "xcatmn")
    assert len(parts) == 1, shown
    return parts.pop()


def attribute(lab: Lab, viewer: str, node: str) -> str | None:
    status = clusterkit.crm_mon(lab.node(viewer))
    assert status is not None
    path = f"node_attributes/node[@name='{node}']/attribute[@name='xcat-mn']"
    found = status.find(path)
    return found.get("value") if found is not None else None


def reasons(lab: Lab, viewer: str) -> list[str]:
    """Return the exit reasons that crm_mon lists under Failed Resource Actions."""
    status = clusterkit.crm_mon(lab.node(viewer))
    assert status is not None
    return [one.get("exitreason", "") for one in status.iterfind("failures/failure")]


def test_the_role_moves_with_name_and_addresses(identity: Lab) -> None:
    mn1, mn2, cn1 = (identity.node(name) for name in ("mn1", "mn2", "cn1"))
    assert has_identity(mn1) and not has_identity(mn2)
    for text in ("10.11.0.10", "fd11::10"):
        cn1.run(["ping", "-c1", "-W2", text])
    # The node's own address comes first in `ip addr`, so xCAT's tools would choose that one.
    assert attribute(identity, "mn2", "mn1") == "warning"
    mn1.run(["pcs", "resource", "move", NAME, "mn2"], timeout=120)
    wait_holder(identity, "mn2")
    assert has_identity(mn2) and not has_identity(mn1)
    assert mn1.output("uname", "-n") == "mn1"
    for text in ("10.11.0.10", "fd11::10"):
        cn1.run(["ping", "-c1", "-W2", text])
    shown = cn1.output("ip", "neighbor", "show", "10.11.0.10")
    assert mn2.output("cat", "/sys/class/net/eth0/address") in shown
    assert attribute(identity, "mn1", "mn1") is None
    # A change of the host name under a running cluster disturbed no membership.
    for name in clusterkit.MEMBERS:
        assert clusterkit.online(identity.node(name)) == set(clusterkit.MEMBERS)
    assert mn2.output("crm_node", "-n") == "mn2"


def test_a_node_that_lost_its_power_comes_back_as_itself(identity: Lab) -> None:
    mn1, mn2 = identity.node("mn1"), identity.node("mn2")
    identity.crash("mn1")
    wait_holder(identity, "mn2")
    assert has_identity(mn2)
    identity.boot("mn1")
    assert mn1.output("uname", "-n") == "mn1"
    assert not has_identity(mn1)
    identity.mend()


def test_an_address_held_elsewhere_is_refused_and_crm_mon_says_why(identity: Lab) -> None:
    mn1, mn2, cn1 = (identity.node(name) for name in ("mn1", "mn2", "cn1"))
    mn1.run(["pcs", "resource", "disable", NAME, "--wait=60"], timeout=90)
    assert not has_identity(mn1)
    cn1.run(["ip", "address", "add", "10.11.0.10/24", "dev", "eth0"])
    try:
        mn1.run(["pcs", "resource", "enable", NAME])
        mn1.wait_for(
            lambda: any(
                "10.11.0.10 is held by another host on eth0" in reason
                for reason in reasons(identity, "mn1")
            ),
            timeout=60,
            what="the exit reason",
        )
        assert not has_identity(mn1) and not has_identity(mn2)
    finally:
        cn1.run(["ip", "address", "del", "10.11.0.10/24", "dev", "eth0"])
    mn1.run(["pcs", "resource", "cleanup", NAME])
    mn1.wait_for(lambda: holder(identity, "mn1") is not None, timeout=60, what="a start")


def test_a_reloadable_parameter_changes_without_a_restart(identity: Lab) -> None:
    mn1 = identity.node("mn1")
    # Pacemaker's history shows a reload as a start; the agent's record knows better.
    record = ["stat", "--format=%i %z", f"/run/xcat-hamn/{NAME}/identity"]
    started = mn1.output(*record)
    update = ["pcs", "resource", "update", NAME, "check_facing=false", "announcements=2"]
    mn1.run([*update, "--wait=60"], timeout=90)
    mn1.wait_for(
        lambda: attribute(identity, "mn1", "mn1") == "active", timeout=60, what="the new value"
    )
    assert mn1.output(*record) == started
    assert has_identity(mn1)


def test_pcs_and_pacemaker_know_the_agent(identity: Lab) -> None:
    mn1 = identity.node("mn1")
    described = mn1.output("pcs", "resource", "describe", NAME)
    assert "addresses (required)" in described
    validate = ["crm_resource", "--validate", "--class=ocf", "--provider=heartbeat"]
    agent = [f"--agent={NAME}", "--option=addresses=10.11.0.10"]
    refused = mn1.run([*validate, *agent], check=False)
    assert refused.returncode != 0
    assert "ADDRESS/PREFIX@INTERFACE" in refused.stdout + refused.stderr


def test_ocf_tester_of_this_release_passes(identity: Lab) -> None:
    mn1, mn2 = identity.node("mn1"), identity.node("mn2")
    mn1.run(["pcs", "resource", "disable", NAME, "--wait=60"], timeout=90)
    command = ["ocf-tester", "-v", "-n", "tested", "-o", ADDRESSES, "-o", "hostname=xcatmn"]
    done = mn2.run(
        [*command, f"/usr/lib/ocf/resource.d/heartbeat/{NAME}"], timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed all tests" in done.stdout
    assert not has_identity(mn2)
