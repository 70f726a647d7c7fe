"""makedns: real BIND's configuration and zones (facts: xCAT_plugin/ddns.pm)."""

from __future__ import annotations

import base64
import glob
import ipaddress
import os
import secrets
import time
from typing import NamedTuple

from .. import system
from ..context import Context, Network
from ..wire import Reply

CONFIGURATION = "/etc/bind/named.conf"
ZONES = "/var/lib/bind"
KEY_FILE = "/etc/xcat/ddns.key"
KEY_NAME = "xcat_key"
UNITS = ("named", "bind9")
UPDATES_PER_PACKET = 300


class Record(NamedTuple):
    """A host: short name, address, aliases."""

    name: str
    address: str
    aliases: tuple[str, ...] = ()


def zones_of(network: Network) -> list[str]:
    """Return the reverse zones of a network; IPv4 masks count in whole octets, at most /24."""
    net = network.net
    if net.version == 6:
        nibbles = net.network_address.exploded.replace(":", "")[: net.prefixlen // 4]
        return [".".join(reversed(nibbles)) + ".ip6.arpa."]
    length = min(24, (net.prefixlen + 7) // 8 * 8) or 8
    subnets = [net] if net.prefixlen >= length else list(net.subnets(new_prefix=length))
    return [
        ".".join(reversed(str(subnet.network_address).split(".")[: length // 8])) + ".IN-ADDR.ARPA."
        for subnet in subnets
    ]


def zone_file(zone: str) -> str:
    """Return the file name of a zone: ``db.cluster.test``, ``db.10.11.0``."""
    head, found, _ = zone.partition(".IN-ADDR.ARPA")
    return "db." + (".".join(reversed(head.split("."))) if found else zone)


def zone_text(zone: str, server: str, address: str, serial: int) -> str:
    """Return a fresh zone: SOA and NS are the management node's host name."""
    text = system.header("makedns", ";") + "$TTL 86400\n"
    text += f"@ IN SOA {server} root.{server} ( {serial} 10800 3600 604800 86400 )\n"
    text += f"  IN NS  {server}\n"
    if server.endswith(f".{zone}."):
        text += f"{server}  IN {'AAAA' if ':' in address else 'A'}  {address}\n"
    return text


def key_text(secret: str) -> str:
    """Return the TSIG key as BIND and nsupdate read it."""
    return f'key "{KEY_NAME}" {{\n\talgorithm hmac-md5;\n\tsecret "{secret}";\n}};\n\n'


def named_conf(zones: list[str], secret: str, forwarders: list[str]) -> str:
    """Return named.conf."""
    text = system.header("makedns") + "options {\n"
    text += f'\tdirectory "{ZONES}";\n\tallow-recursion {{ any; }};\n'
    if forwarders:
        text += "\tforwarders {\n" + "".join(f"\t\t{one};\n" for one in forwarders) + "\t};\n"
        text += "\tdnssec-validation no;\n"
    text += "};\n\n" + key_text(secret)
    for zone in zones:
        text += f'zone "{zone}" in {{\n\ttype master;\n'
        text += f"\tallow-update {{\n\t\tkey {KEY_NAME};\n\t}};\n"
        text += f'\tfile "{zone_file(zone)}";\n}};\n'
    return text


def hosts_records(text: str, domain: str) -> list[Record]:
    """Read /etc/hosts: the first name of a line is the host, the others its aliases."""
    records = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2 or "localhost" in words[1] or words[1].startswith(("ip6-", "ff0")):
            continue
        short = [
            word[: -len(domain) - 1] if word.endswith("." + domain) else word for word in words[1:]
        ]
        aliases = tuple(dict.fromkeys(alias for alias in short[1:] if alias != short[0]))
        records.append(Record(short[0], words[0], aliases))
    return records


def updates(records: list[Record], domain: str, networks: list[Network], delete: bool) -> list[str]:
    """Return nsupdate's lines: bulks of one zone each; hosts in none of the networks are left."""
    bulks: dict[str, list[str]] = {}
    for record in records:
        try:
            network = next((one for one in networks if one.holds(record.address)), None)
        except ValueError:
            network = None
        if network is None:
            continue
        address = ipaddress.ip_address(record.address)
        name, kind = f"{record.name}.{domain}.", "AAAA" if address.version == 6 else "A"
        pointer = address.reverse_pointer + "."
        zone = pointer.partition(".")[2] if address.version == 4 else str(network.net)
        forward, reverse = bulks.setdefault("", []), bulks.setdefault(zone, [])
        reverse.append(f"update delete {pointer} PTR")
        if delete:
            forward.append(f"update delete {name} {kind}")
            continue
        forward.append(f"update add {name} 86400 {kind} {record.address}")
        forward += [f"update add {alias}.{domain}. 86400 CNAME {name}" for alias in record.aliases]
        reverse.append(f"update add {pointer} 86400 PTR {name}")
    lines = []
    for bulk in bulks.values():
        for start in range(0, len(bulk), UPDATES_PER_PACKET):
            lines += [*bulk[start : start + UPDATES_PER_PACKET], "send"]
    return lines


def secret_of(context: Context) -> str:
    """Return the TSIG and OMAPI secret of the passwd table, making one where there is none."""
    keys = {"key": "omapi", "username": KEY_NAME}
    for row in context.database.rows("passwd", **keys):
        if row.get("password"):
            return row["password"]
    secret = base64.b64encode(secrets.token_hex(16).encode()).decode()
    context.database.put("passwd", keys, {"password": secret})
    return secret


def makedns(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """Set up BIND: ``-n`` from scratch, else updates; ``-d NODES`` removes nodes."""
    domain = context.site("domain")
    if not domain:
        reply.error("domain not defined in site table")
        return
    networks = context.networks()
    # An existing file is kept without -n, and a failing read stops here, before any damage.
    hosts = context.database.by_node("hosts")
    records = hosts_records(system.read("/etc/hosts"), domain)
    listed = {record.name for record in records}
    records += [
        Record(name, row["ip"])
        for name, row in hosts.items()
        if row.get("ip") and name not in listed
    ]
    if context.has_noderange:
        records = [record for record in records if record.name in nodes]
    secret = secret_of(context)
    if "-n" in arguments:
        if not _write_configuration(context, domain, networks, secret, reply):
            return
    elif not system.service("start", *UNITS):
        reply.error("failed to start named.\n")
        return
    system.write(KEY_FILE, key_text(secret), 0o660)
    reply.info("Updating DNS records, this may take several minutes for a large cluster.")
    # The zones' name server is this host's name, so updates go to that name's address.
    server = system.resolve(system.hostname().split(".")[0] + "." + domain) or "127.0.0.1"
    lines = [f"server {server}", *updates(records, domain, networks, "-d" in arguments)]
    if _update(lines, reply) and _nameservers_answer(context, domain, reply):
        reply.info("Completed updating DNS records.", "DNS setup is completed")


def _write_configuration(
    context: Context, domain: str, networks: list[Network], secret: str, reply: Reply
) -> bool:
    system.service("stop", *UNITS)
    for name in [*glob.glob(system.path(f"{ZONES}/db.*")), system.path(CONFIGURATION)]:
        if os.path.exists(name):
            os.unlink(name)
    zones = [domain] + [zone for network in networks for zone in zones_of(network)]
    forwarders = context.site("forwarders").replace(",", " ").split()
    system.write(CONFIGURATION, named_conf(zones, secret, forwarders), 0o660, group="bind")
    name = system.hostname().split(".")[0]
    address = context.database.by_node("hosts").get(name, {}).get("ip") or system.resolve(name)
    if not address:
        reply.error(
            f"Unable to find an IP for {name} in hosts table or via system lookup"
            " (i.e. /etc/hosts"
        )
        return False
    serial = int(time.strftime("%Y%m%d") + "00")
    for zone in zones:
        text = zone_text(zone, f"{name}.{domain}.", address, serial)
        system.write(f"{ZONES}/{zone_file(zone)}", text, 0o660, group="bind")
    reply.info("Completed updating zones.", "Restarting bind9")
    if not system.service("restart", *UNITS):
        reply.error("failed to start named.\n")
        return False
    reply.info("Restarting named complete")
    return True


def _update(lines: list[str], reply: Reply) -> bool:
    code, text = system.run(["nsupdate", "-k", KEY_FILE], "\n".join(lines) + "\n", timeout=120)
    if code:
        reply.error(f"Failure encountered updating DNS, error was {text.strip()}")
    return code == 0


def _nameservers_answer(context: Context, domain: str, reply: Reply) -> bool:
    for server in context.site("nameservers").replace(",", " ").split():
        code, text = system.run(
            ["dig", "+time=2", "+tries=2", "+short", f"@{server}", domain, "SOA"]
        )
        if code or not text.strip() or text.startswith(";"):
            reply.error(f"No reply received when sending DNS update to zone {domain} ({server})")
            return False
    return True
