"""A cluster with the operator's gate and power, whose role and database are stand-ins.

What the gate sees is the real thing: Pacemaker, pcs, the fence agents, a BMC per node. The role
consists of stand-ins that start in no time and fail on request (tests/lab/standins/role).
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit import bmc, cluster, provision
from labkit.lab import Lab

AGENT = "/usr/lib/ocf/resource.d/lab/role"
GROUP, DATABASE = "xcat-mn", "xcat-db-clone"
MEMBERS = cluster.MEMBERS
#: Far longer than a test, as at a site it is far longer than an operator's night.
_WAIT = "604800s"


class Gated:
    """The cluster of a lab; `make` builds it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def make(self, power: bool = True) -> None:
        """Build the cluster on mn1 and mn2, with the role on one of them."""
        nodes = [self.lab.node(name) for name in MEMBERS]
        provision.install_package(nodes, provision.package())
        for node in nodes:
            node.put_file(f"{provision.HERE}/standins/role", AGENT)
        for name in MEMBERS:
            self.lab.bmc(name).start()
        cluster.make(self.lab)
        first = nodes[0]
        first.run(["cibadmin", "--modify", "--allow-create", "--xml-pipe"], stdin=_cib(power))
        provision.wait_active(self.lab, 60)
        self.wait_idle("mn1")

    def wait_role(self, where: str, timeout: float = 60) -> None:
        """Wait until the whole role is active on `where`, as that node sees it."""
        provision.wait_active(self.lab, timeout, where)

    def wait_idle(self, viewer: str, timeout: int = 60) -> None:
        """Wait until the cluster has nothing left to do."""
        self.lab.node(viewer).run(["crm_resource", "--wait", f"--timeout={timeout}"], timeout=90)

    def wait_waiting(self, survivor: str, timeout: float = 40) -> str:
        """Wait until crm_mon shows that the gate waits, and return what it says."""
        node = self.lab.node(survivor)
        what = f"the gate to wait on {survivor}"
        node.wait_for(lambda: self.shown(survivor), timeout, 0.2, what)
        return self.shown(survivor)

    def shown(self, survivor: str) -> str:
        """Return what the gate on `survivor` shows in crm_mon, nothing when it does not wait."""
        status = cluster.crm_mon(self.lab.node(survivor))
        if status is None:
            return ""
        path = f"node_attributes/node[@name='{survivor}']/attribute[@name='xcat-gate']"
        found = status.find(path)
        return found.get("value", "") if found is not None else ""

    def node_is(self, viewer: str, node: str, state: str) -> bool:
        """Tell whether crm_mon on `viewer` says that `node` is so (online, unclean, pending)."""
        status = cluster.crm_mon(self.lab.node(viewer))
        found = status.find(f"nodes/node[@name='{node}']") if status is not None else None
        return found is not None and found.get(state) == "true"

    def fencing(self, viewer: str, target: str) -> list[tuple[str, str]]:
        """Return the fencing of `target`, newest first: (status, client without its pid)."""
        status = cluster.crm_mon(self.lab.node(viewer))
        events = status.iterfind("fence_history/fence_event") if status is not None else ()
        return [
            (event.get("status", ""), event.get("client", "").partition(".")[0])
            for event in events
            if event.get("target") == target
        ]

    def rejoin(self, name: str) -> None:
        """Boot a node that is off and let it join."""
        self.lab.boot(name)
        cluster.start(self.lab.node(name))

    def said(self, survivor: str, since: float) -> str:
        """Return what the fence agent logged on a node since a time (seconds since the epoch)."""
        return self.lab.node(survivor).journal(
            f"--since=@{since:.0f}", "--identifier=fence_xcat_operator", "--output=cat"
        )

    def whole(self) -> None:
        """Bring everything back to the beginning: both nodes online, the role on mn1."""
        self.lab.mend()
        for name in MEMBERS:
            node = self.lab.node(name)
            self.lab.bmc(name).refuse(False)
            node.run(["find", "/run/lab", "-name", "*.*", "-delete"], check=False)
            cluster.start(node)
        cluster.wait_online([self.lab.node(name) for name in MEMBERS])
        mn1 = self.lab.node("mn1")
        for command in (["resource", "clear", GROUP], ["resource", "cleanup"]):
            mn1.run(["pcs", *command], check=False)
        mn1.run(["pcs", "stonith", "history", "cleanup"])
        self.wait_idle("mn1")
        self.bring_role("mn1")

    def bring_role(self, where: str) -> None:
        """Move the role to `where` if it is not there, with both nodes online."""
        if provision.active_node(self.lab) != where:
            command = ["pcs", "resource", "move", GROUP, where]
            self.lab.node("mn1").run(command, timeout=120)
        self.wait_role(where)
        self.wait_idle("mn1")


def _primitive(name: str, monitors: Sequence[tuple[str, str]], more: str = "") -> str:
    operations = "".join(
        f'<op id="{name}-monitor-{interval}" name="monitor" interval="{interval}" {role}/>'
        for interval, role in monitors
    )
    return (
        f'<primitive id="{name}" class="ocf" provider="lab" type="role">{more}'
        f"<operations>{operations}</operations></primitive>"
    )


def _stonith(name: str, agent: str, values: dict[str, str]) -> str:
    pairs = "".join(
        f'<nvpair id="{name}-{key}" name="{key}" value="{value}"/>' for key, value in values.items()
    )
    return (
        f'<primitive id="{name}" class="stonith" type="{agent}">'
        f'<instance_attributes id="{name}-parameters">{pairs}</instance_attributes>'
        f'<operations><op id="{name}-monitor" name="monitor" interval="60s"/></operations>'
        "</primitive>"
    )


def _gate(name: str, **values: str) -> str:
    shared = {
        "group": GROUP,
        "database": DATABASE,
        "pcmk_host_list": " ".join(MEMBERS),
        "pcmk_host_check": "static-list",
        "pcmk_off_retries": "1",
        "pcmk_action_limit": "-1",
    }
    return _stonith(name, "fence_xcat_operator", {**shared, **values})


def _power(lab_node: str) -> str:
    address = bmc.Bmc("", lab_node).address
    values = {
        "ip": address,
        "username": bmc.USER,
        "password": bmc.PASSWORD,
        "lanplus": "1",
        "pcmk_host_list": lab_node,
        "pcmk_host_check": "static-list",
        "pcmk_off_timeout": "12s",
    }
    return _stonith(f"bmc-{lab_node}", "fence_ipmilan", values)


def _cib(power: bool) -> str:
    properties = {
        "stonith-enabled": "true",
        "stonith-action": "off",
        "no-quorum-policy": "stop",
        "start-failure-is-fatal": "false",
    }
    settings = "".join(
        f'<nvpair id="cib-bootstrap-options-{k}" name="{k}" value="{v}"/>'
        for k, v in properties.items()
    )
    levels = "".join(
        f'<fencing-level id="{node}-1" target="{node}" index="1" devices="xcat-gate-standby"/>'
        f'<fencing-level id="{node}-2" target="{node}" index="2" '
        f'devices="xcat-gate{",bmc-" + node if power else ""}"/>'
        for node in MEMBERS
    )
    return f"""<configuration>
<crm_config><cluster_property_set id="cib-bootstrap-options">{settings}</cluster_property_set>
</crm_config>
<resources>
<clone id="{DATABASE}"><meta_attributes id="db-meta">
<nvpair id="db-promotable" name="promotable" value="true"/>
<nvpair id="db-interleave" name="interleave" value="true"/></meta_attributes>
{_primitive("xcat-db", [("10s", 'role="Promoted"'), ("11s", 'role="Unpromoted"')])}
</clone>
<group id="{GROUP}"><meta_attributes id="mn-meta">
<nvpair id="mn-stickiness" name="resource-stickiness" value="1000"/></meta_attributes>
{_primitive("xcat-mnidentity", [("10s", "")])}{_primitive("xcat-xcatd", [("10s", "")])}
</group>
{_gate("xcat-gate-standby", level="standby", pcmk_off_timeout="60s")}
{_gate("xcat-gate", pcmk_off_timeout=_WAIT)}
{"".join(_power(node) for node in MEMBERS) if power else ""}
</resources>
<constraints>
<rsc_colocation id="mn-db" rsc="{GROUP}" with-rsc="{DATABASE}" with-rsc-role="Promoted"
 score="INFINITY"/>
<rsc_order id="db-mn" first="{DATABASE}" first-action="promote" then="{GROUP}" then-action="start"/>
</constraints>
<fencing-topology>{levels}</fencing-topology>
</configuration>"""
