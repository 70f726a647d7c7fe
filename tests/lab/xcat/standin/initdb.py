"""xcat-standin-initdb: the tables and the first rows, as xcatconfig leaves them."""

from __future__ import annotations

import argparse
import ipaddress
import os
import sys

from . import LABEL, system
from .database import Database, DatabaseDownError

# priority, name, commands, rule (xCAT-server/sbin/xcatconfig initDB; 1.2 is the server's CN)
POLICIES = [
    ("1", "root", "", "allow"),
    ("2", "", "getbmcconfig", "allow"),
    ("2.1", "", "remoteimmsetup", "allow"),
    ("2.3", "", "lsxcatd", "allow"),
    ("3", "", "nextdestiny", "allow"),
    ("4", "", "getdestiny", "allow"),
    ("4.4", "", "getpostscript", "allow"),
    ("4.5", "", "getcredentials", "allow"),
    ("4.6", "", "syncfiles", "allow"),
]
IMAGE = "standin-x86_64-install-compute"


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(
        prog="xcat-standin-initdb", description=f"Fill xCAT's database ({LABEL})."
    )
    made.add_argument("--domain", required=True)
    made.add_argument("--master", required=True, help="the service address (site.master)")
    made.add_argument(
        "--network",
        action="append",
        required=True,
        metavar="NET/LEN",
        help="repeatable; an IPv6 network gets a DNS zone only",
    )
    made.add_argument("--dynamic-range", default="", metavar="FIRST-LAST")
    made.add_argument("--interface", default="eth0")
    made.add_argument(
        "--trusted",
        action="append",
        default=[],
        metavar="CN",
        help="common name of the server certificate, or of another node's",
    )
    made.add_argument(
        "--servers",
        default="",
        metavar="ADDRESS",
        help="tftp, ntp, log and name server of the networks (default: as xCAT,"
        " <xcatmaster> for tftp and gateway)",
    )
    made.add_argument("--xcatdport", default="3001")
    made.add_argument("--xcatiport", default="3002")
    return made


def fill(database: Database, given: argparse.Namespace) -> None:
    """Create the tables and write the rows."""
    database.create_tables()
    site = {
        "domain": given.domain,
        "master": given.master,
        "nameservers": given.master,
        "dhcpinterfaces": given.interface,
        "dhcplease": "43200",
        "dnshandler": "ddns",
        "installdir": "/install",
        "tftpdir": "/tftpboot",
        "xcatconfdir": "/etc/xcat",
        "xcatdport": given.xcatdport,
        "xcatiport": given.xcatiport,
        "xcattlspolicy": "modern",
    }
    for key, value in site.items():
        database.put("site", {"key": key}, {"value": value})
    for priority, name, commands, rule in POLICIES:
        values = {"name": name, "commands": commands, "rule": rule}
        database.put("policy", {"priority": priority}, {k: v for k, v in values.items() if v})
    for number, name in enumerate(given.trusted, 20):
        database.put("policy", {"priority": f"1.{number}"}, {"name": name, "rule": "trusted"})
    for text in given.network:
        _add_network(database, text, given)
    image = {
        "imagetype": "linux",
        "provmethod": "install",
        "profile": "compute",
        "osname": "Linux",
        "osvers": "standin1",
        "osarch": "x86_64",
        "comments": LABEL,
    }
    database.put("osimage", {"imagename": IMAGE}, image)
    system.write("/etc/xCATMN", system.header("xcat-standin-initdb"))


def _add_network(database: Database, text: str, given: argparse.Namespace) -> None:
    net = ipaddress.ip_network(text)
    name = str(net).replace(".", "_").replace(":", "_").replace("/", "-")
    row = {"netname": name, "mgtifname": given.interface, "comments": LABEL}
    if net.version == 6:
        database.put("networks", {"net": str(net), "mask": f"/{net.prefixlen}"}, row)
        return
    row.update({"gateway": "<xcatmaster>", "tftpserver": "<xcatmaster>"})
    if given.dynamic_range:
        row["dynamicrange"] = given.dynamic_range
    if given.servers:
        for key in ("gateway", "tftpserver", "nameservers", "ntpservers", "logservers"):
            row[key] = given.servers
    keys = {"net": str(net.network_address), "mask": str(net.netmask)}
    database.put("networks", keys, row)


def main(arguments: list[str]) -> int:
    """Run the command."""
    os.umask(0o077)
    given = parser().parse_args(arguments)
    os.makedirs(system.path("/etc/xcat"), exist_ok=True)
    try:
        database = Database()
        fill(database, given)
        if database.site().get("master") != given.master:
            raise ValueError("nothing was written: the database is read-only")
    except (DatabaseDownError, ValueError) as error:
        print(f"xcat-standin-initdb: {error}", file=sys.stderr)
        return 1
    return 0
