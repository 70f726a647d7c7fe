"""The services of a management node: xcatd, DNS, DHCP, consoles, OS deployment.

Each is one class in one module behind the interface of ``service.Service``; what they act through
(processes, systemd, xCAT's commands) are the ports of ``ports.Ports``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.services.ports import Ports
    from xcat_hamn.services.service import Service

#: Every service that an instance can be given, in the order in which a takeover needs them.
NAMES = ("xcatd", "dns", "dhcp", "console", "osdeploy")


def make(name: str, ports: Ports) -> Service:
    """Return service ``name``.  Only its own module is imported: a monitor pays for each."""
    if name == "xcatd":
        from xcat_hamn.services.xcatd import Xcatd

        return Xcatd(ports)
    if name == "dns":
        from xcat_hamn.services.dns import Dns

        return Dns(ports)
    if name == "dhcp":
        from xcat_hamn.services.dhcp import Dhcp

        return Dhcp(ports)
    if name == "console":
        from xcat_hamn.services.console import Console

        return Console(ports)
    if name == "osdeploy":
        from xcat_hamn.services.osdeploy import OsDeploy

        return OsDeploy(ports)
    raise KeyError(name)
