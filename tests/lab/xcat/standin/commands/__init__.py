"""The commands that xcatd executes."""

from __future__ import annotations

from typing import Callable

from ..context import Context
from ..wire import Reply
from . import boot, console, definitions, dhcp, dns, tables

Command = Callable[[Context, "list[str]", "list[str]", Reply], None]

COMMANDS: dict[str, Command] = {
    "lsxcatd": tables.lsxcatd,
    "tabdump": tables.tabdump,
    "nodels": tables.nodels,
    "mkdef": definitions.mkdef,
    "chdef": definitions.chdef,
    "rmdef": definitions.rmdef,
    "lsdef": definitions.lsdef,
    "makedns": dns.makedns,
    "makedhcp": dhcp.makedhcp,
    "makeconservercf": console.makeconservercf,
    "nodeset": boot.nodeset,
}
