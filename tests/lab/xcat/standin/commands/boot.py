"""nodeset: the boot files of xNBA (facts: xCAT_plugin/destiny.pm and xnba.pm)."""

from __future__ import annotations

from typing import NamedTuple

from .. import system
from ..context import Context, my_ip_facing
from ..wire import Reply
from .dhcp import makedhcp

BOOT_FILES = "/tftpboot/xcat/xnba/nodes"
ANSWERS = "/install/autoinst"


class Image(NamedTuple):
    """What of an osimage ends in boot files."""

    name: str
    state: str
    profile: str
    version: str
    architecture: str


def boot_file(state: str, master: str = "", image: Image | None = None) -> str:
    """Return the file that a node's xNBA loads; ``boot`` leaves to the local disk."""
    text = f"#!gpxe\n#{state}\n" + system.header("nodeset")
    if not image:
        return text + "exit\n"
    folder = f"xcat/osimage/{image.name}"
    return text + (
        f"imgfetch -n kernel http://${{next-server}}/tftpboot/{folder}/vmlinuz\n"
        "imgload kernel\n"
        f"imgargs kernel XCAT={master}:3001 MASTER_IP={master} BOOTIF=01-${{netX/mac:hexhyp}}\n"
        f"imgfetch -n initrd http://${{next-server}}/tftpboot/{folder}/initrd.img\n"
        "imgexec kernel\n"
    )


def answer_file(node: str, master: str, image: Image) -> str:
    """Return /install/autoinst/NODE, which holds the management node's address as well."""
    return system.header("nodeset") + (
        f"# {node}: {image.name}\nMASTER_IP={master}\nCALLBACK={master}:3002\n"
        f"REPOSITORY=http://{master}/install/{image.version}/{image.architecture}\n"
    )


def nodeset(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """``nodeset NODES boot|osimage[=NAME]|enact|stat``."""
    state = arguments[0] if arguments else ""
    if not nodes or not state:
        reply.error("Usage: nodeset <noderange> [boot|stat|enact|osimage[=imagename]]")
        return
    if state == "stat":
        for node in nodes:
            lines = system.read(f"{BOOT_FILES}/{node}").splitlines()
            reply.node(node, lines[1].lstrip("#") if len(lines) > 1 else "offline")
        return
    boot = _Boot(context)
    if state == "enact":
        written = _enact(boot, nodes, reply)
    elif state == "boot" or state.split("=")[0] == "osimage":
        written = _set(boot, state, nodes, reply)
    else:
        reply.error(f"The stand-in does not know the state '{state}'")
        return
    if written:
        # also for enact, so that a dhcpd that does not run makes it fail (xnba.pm)
        makedhcp(context, ["-l"], written, reply)


def _enact(boot: _Boot, nodes: list[str], reply: Reply) -> list[str]:
    """Write the files again from chain.currstate; no table is touched, nothing is printed."""
    chain = boot.database.by_node("chain")
    written = []
    for node in nodes:
        current = chain.get(node, {}).get("currstate", "")
        word = current.split(" ")[0]
        if word in ("", "ondiscover"):
            continue
        image = None
        if word != "boot":
            image = boot.image(node)
            if not image:
                reply.node_error(node, "Cannot find its OS image in the osimage table.")
                continue
        if boot.write(node, current, image, reply):
            written.append(node)
    return written


def _set(boot: _Boot, state: str, nodes: list[str], reply: Reply) -> list[str]:
    wanted = state.partition("=")[2]
    written: list[str] = []
    for node in nodes:
        image, current = None, "boot"
        if state != "boot":
            image = boot.image(node, wanted)
            if not image:
                reply.error(f"Cannot find the OS image {wanted} in the osimage table.")
                return written
            current = f"{image.state} {image.version}-{image.architecture}-{image.profile}"
            boot.database.put("nodetype", {"node": node}, {"provmethod": image.name})
        boot.database.put("chain", {"node": node}, {"currstate": current, "currchain": "boot"})
        if boot.write(node, current, image, reply):
            reply.node(node, current)
            written.append(node)
    return written


class _Boot:
    """What the boot files are made of, read once for all nodes."""

    def __init__(self, context: Context) -> None:
        self.database = context.database
        self.own = system.addresses()
        self.master = context.site("master")
        self.hosts, self.resources, self.types = (
            self.database.by_node(table) for table in ("hosts", "noderes", "nodetype")
        )
        self.images = {row["imagename"]: row for row in self.database.rows("osimage")}

    def image(self, node: str, wanted: str = "") -> Image | None:
        name = wanted or self.types.get(node, {}).get("provmethod", "")
        row = self.images.get(name)
        if row is None:
            return None
        values = [row.get(key, "") for key in ("provmethod", "profile", "osvers", "osarch")]
        return Image(name, *values)

    def write(self, node: str, current: str, image: Image | None, reply: Reply) -> bool:
        address = self.hosts.get(node, {}).get("ip") or system.resolve(node)
        if not address:
            reply.node_error(node, f"Could not resolve the IP address of {node}.")
            return False
        master = self.resources.get(node, {}).get("xcatmaster", "")
        if master in ("", "<xcatmaster>"):
            master = my_ip_facing(address, self.own) or self.master
        system.write(f"{BOOT_FILES}/{node}", boot_file(current, master, image))
        if image:
            system.write(f"{ANSWERS}/{node}", answer_file(node, master, image))
        return True
