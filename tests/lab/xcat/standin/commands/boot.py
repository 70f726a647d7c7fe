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
    elif state == "enact":
        _enact(context, nodes, reply)
    elif state == "boot" or state.split("=")[0] == "osimage":
        _set(context, state, nodes, reply)
    else:
        reply.error(f"The stand-in does not know the state '{state}'")


def _enact(context: Context, nodes: list[str], reply: Reply) -> None:
    """Write the files again from chain.currstate; no table is touched, nothing is printed."""
    chain = context.database.by_node("chain")
    provided = context.database.by_node("nodetype")
    for node in nodes:
        current = chain.get(node, {}).get("currstate", "")
        word = current.split(" ")[0]
        if word in ("", "ondiscover"):
            continue
        image = None
        if word != "boot":
            name = provided.get(node, {}).get("provmethod", "")
            image = _image(context, name)
            if not image:
                reply.node_error(node, f"Cannot find the OS image {name} in the osimage table.")
                continue
        _write(context, node, current, image, reply)


def _set(context: Context, state: str, nodes: list[str], reply: Reply) -> None:
    provided = context.database.by_node("nodetype")
    wanted = state.partition("=")[2]
    for node in nodes:
        image, current = None, "boot"
        if state != "boot":
            name = wanted or provided.get(node, {}).get("provmethod", "")
            image = _image(context, name)
            if not image:
                reply.error(f"Cannot find the OS image {name} in the osimage table.")
                return
            current = f"{image.state} {image.version}-{image.architecture}-{image.profile}"
            context.database.put("nodetype", {"node": node}, {"provmethod": name})
        context.database.put("chain", {"node": node}, {"currstate": current, "currchain": "boot"})
        if _write(context, node, current, image, reply):
            reply.node(node, current)
    makedhcp(context, ["-l"], nodes, reply)


def _image(context: Context, name: str) -> Image | None:
    for row in context.database.rows("osimage", imagename=name):
        return Image(
            name,
            row.get("provmethod", "install"),
            row.get("profile", ""),
            row.get("osvers", ""),
            row.get("osarch", ""),
        )
    return None


def _write(context: Context, node: str, current: str, image: Image | None, reply: Reply) -> bool:
    address = context.database.by_node("hosts").get(node, {}).get("ip") or system.resolve(node)
    if not address:
        reply.node_error(node, f"Could not resolve the IP address of {node}.")
        return False
    master = context.database.by_node("noderes").get(node, {}).get("xcatmaster", "")
    if master in ("", "<xcatmaster>"):
        master = my_ip_facing(address, system.addresses()) or context.site("master")
    system.write(f"{BOOT_FILES}/{node}", boot_file(current, master, image))
    if image:
        system.write(f"{ANSWERS}/{node}", answer_file(node, master, image))
    return True
