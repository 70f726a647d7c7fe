"""makedhcp: real ISC dhcpd's configuration, and reservations over OMAPI (facts: dhcp.pm)."""

from __future__ import annotations

import os
import re

from .. import system
from ..context import Context, Network, is_local, my_ip_facing
from ..database import Row
from ..wire import Reply
from .dns import KEY_NAME, secret_of

CONFIGURATION = "/etc/dhcp/dhcpd.conf"
DEFAULTS = "/etc/default/isc-dhcp-server"
UNITS = ("isc-dhcp-server", "dhcpd")
NOT_RUNNING = "dhcp server is not running.  please start the dhcp server."


def subnet(network: Network, site: Row, own: list[tuple[str, int]], served: bool) -> list[str]:
    """Return the lines of a subnet.

    ``<xcatmaster>`` (and a missing value) becomes the first own address in that subnet: the
    node's physical one when the service address is a normal alias. That trap is the real one's.
    """
    row = network.row
    mine = my_ip_facing(str(network.net.network_address), own)

    def value(key: str, default: str = "") -> str:
        found = row.get(key) or site.get(key) or default
        return found.replace("<xcatmaster>", mine)

    tftp, lease = value("tftpserver", mine), site.get("dhcplease") or "43200"
    lines = [
        f"  subnet {network.net.network_address} netmask {network.net.netmask} {{",
        "    authoritative;",
        *[f"    {kind}-lease-time {lease};" for kind in ("max", "min", "default")],
    ]
    # A gateway of <xcatmaster> counts only where the node forwards (ip_forwarding_enabled).
    gateway = "" if row.get("gateway") == "<xcatmaster>" else row.get("gateway", "")
    options = [
        ("option routers", gateway),
        ("next-server", tftp),
        ("option log-servers", value("logservers", mine)),
        ("option ntp-servers", value("ntpservers", mine)),
        ("option domain-name", f'"{value("domain")}"'),
        ("option domain-name-servers", value("nameservers")),
    ]
    lines += [f"    {name} {text};" for name, text in options if text]
    boot = f"http://{tftp}/tftpboot/xcat/xnba/nets/{network.net.network_address}"
    lines.append(f'    filename "{boot}_{network.net.prefixlen}";')
    if served:
        for span in re.split(r"[;,\s]+", row.get("dynamicrange", "").strip()):
            if span:
                lines.append(f"    range dynamic-bootp {span.replace('-', ' ')};")
    return [*lines, f"  }} # {network.net.network_address}/{network.net.netmask} subnet_end"]


def configuration(subnets: dict[str, list[str]], secret: str) -> str:
    """Return dhcpd.conf for the subnets of each interface."""
    lines = [
        "#xCAT generated dhcp configuration",
        system.header("makedhcp").strip(),
        "ddns-update-style none;",
        "omapi-port 7911;",
        f"key {KEY_NAME} {{",
        "  algorithm hmac-md5;",
        f'  secret "{secret}";',
        "};",
        f"omapi-key {KEY_NAME};",
        'class "pxe" {',
        '   match if substring (option vendor-class-identifier, 0, 9) = "PXEClient";',
        "   max-lease-time 600;",
        "}",
    ]
    for interface, body in subnets.items():
        lines += [f"shared-network {interface} {{", *body, f"}} # {interface} nic_end"]
    return "\n".join(lines) + "\n"


def reservation(node: str, mac: str, address: str) -> list[str]:
    """Return omshell's lines that replace the reservation of a node."""
    lines = _removal([("name", f'"{node}"'), ("ip-address", address), ("hardware-address", mac)])
    statements = f'ddns-hostname \\"{node}\\"; send host-name \\"{node}\\";'
    lines += [
        "new host",
        f'set name = "{node}"',
        f"set hardware-address = {mac}",
        f"set dhcp-client-identifier = {mac}",
        "set hardware-type = 1",
        *([f"set ip-address = {address}"] if address else []),
        f'set statements = "{statements}"',
        "create",
        "close",
    ]
    return lines


def _removal(conflicts: list[tuple[str, str]]) -> list[str]:
    lines = []
    for key, value in conflicts:
        if value:
            lines += ["new host", f"set {key} = {value}", "open", "remove", "close"]
    return lines


def interfaces(text: str) -> dict[str, list[str]]:
    """Return interface -> IPv4 addresses from the output of ``ip -o -4 addr``."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 3 and words[2] == "inet" and words[1] != "lo":
            found.setdefault(words[1], []).append(words[3].partition("/")[0])
    return found


def makedhcp(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """Set up dhcpd: -n writes and restarts, -a or nodes reserve, -d deletes, -q asks, -l."""
    options = set("".join(word[1:] for word in arguments if word.startswith("-")))
    if not options <= set("nadqlV") or not (options & set("na") or nodes):
        reply.error("Usage: makedhcp -n [-l] | -a [-d] [-l] | [-d] [-l] noderange | -q noderange")
        return
    if "n" not in options and not system.service("is-active", *UNITS):
        reply.error(NOT_RUNNING)
        return
    macs = context.database.by_node("mac")
    if "n" in options:
        _write_configuration(context, reply)
    if not nodes and "a" in options:
        nodes = sorted(macs)
    if not nodes:
        return
    if "q" in options:
        _query(context, nodes, reply)
        return
    hosts = context.database.by_node("hosts")
    lines = [f'key {KEY_NAME} "{secret_of(context)}"', "connect"]
    for node in nodes:
        mac = macs.get(node, {}).get("mac", "").split("|")[0].split("!")[0].lower()
        address = hosts.get(node, {}).get("ip") or system.resolve(node)
        if "d" in options:
            lines += _removal([("name", f'"{node}"'), ("hardware-address", mac)])
        elif not mac:
            reply.warning(f"Unable to find mac address for {node}")
        else:
            lines += reservation(node, mac, address)
    # As the real one, which writes to omshell blindly: what it answers is not looked at.
    system.run(["omshell"], "\n".join(lines) + "\n")


def _write_configuration(context: Context, reply: Reply) -> None:
    _, text = system.run(["ip", "-o", "-4", "addr"])
    networks = [network for network in context.networks() if network.net.version == 4]
    site, own = context.database.site(), system.addresses()
    secret = secret_of(context)
    subnets: dict[str, list[str]] = {}
    for interface, held in interfaces(text).items():
        for network in networks:
            if any(network.holds(address) for address in held):
                server = network.row.get("dhcpserver", "")
                lines = subnet(network, site, own, not server or is_local(server))
                subnets.setdefault(interface, []).extend(lines)
    if os.path.exists(system.path(CONFIGURATION)):
        reply.info(f"Renamed existing dhcp configuration file to  {CONFIGURATION}.xcatbak\n")
        os.replace(system.path(CONFIGURATION), system.path(CONFIGURATION + ".xcatbak"))
    system.write(CONFIGURATION, configuration(subnets, secret))
    listed = f'INTERFACES="{" ".join(subnets)}"\n'
    old = [
        line
        for line in system.read(DEFAULTS).splitlines(True)
        if not line.startswith("INTERFACES=")
    ]
    system.write(DEFAULTS, "".join(old) + listed)
    # The trap: a dhcpd that does not start is not told, the exit code stays 0 (measured).
    if not system.service("restart", *UNITS):
        system.log("makedhcp: dhcpd did not start; as the real makedhcp, nobody is told")


def _query(context: Context, nodes: list[str], reply: Reply) -> None:
    for node in nodes:
        lines = [
            f'key {KEY_NAME} "{secret_of(context)}"',
            "connect",
            "new host",
            f'set name = "{node}"',
            "open",
            "close",
        ]
        _, text = system.run(["omshell"], "\n".join(lines) + "\n")
        address = re.search(r"^ip-address = (\S+)", text, re.MULTILINE)
        mac = re.search(r"^hardware-address = (\S+)", text, re.MULTILINE)
        if address and mac:
            octets = address[1].split(":")
            shown = ".".join(str(int(o, 16)) for o in octets) if len(octets) == 4 else address[1]
            reply.info(f"{node}: ip-address = {shown}, hardware-address = {mac[1]}")
