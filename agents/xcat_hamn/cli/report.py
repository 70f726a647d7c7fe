"""``xcat-hamn report``: which files only one node has, what was set aside, how old each set is."""

from __future__ import annotations

import json as jsonlib
import os
import time
from collections.abc import Mapping
from typing import Any

import typer

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.site import load_site
from xcat_hamn.cluster.sitefile import DEFAULT_PATH, SiteError
from xcat_hamn.cluster.status import FILES
from xcat_hamn.errors import HamnError, PermissionProblem
from xcat_hamn.files.places import Places
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.overview.files import FORMER, NOTHING, REPLICA, SOURCE, SetState
from xcat_hamn.overview.undelivered import take
from xcat_hamn.system.remote import is_here, reached
from xcat_hamn.system.runner import Runner

#: What is put before the paths of the copy of files.
UNDER = ""
#: How many names of a set are printed; JSON has a thousand.
_SHOWN = 20
_TIMEOUT = 600.0
#: What is asked of the other node.
QUESTION = ("xcat-hamn", "report", "--local", "--json")


def command(
    file: str = typer.Option(
        DEFAULT_PATH, "--file", "-f", metavar="SITE", help="The site file to use."
    ),
    local: bool = typer.Option(False, "--local", help="Do not ask the other node."),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Say which files only one node has, what was set aside, and how old each file set is.

    After a failure the new active node has everything up to the last copy. What the old one changed
    later is listed here, once that node is back; before it is replaced it is set aside there, in
    /var/lib/xcat-hamn/aside. Compare, and copy back what is still wanted on the active node.

    Both nodes are asked, the other one as root over ssh. The exit code is 190 while files are
    listed that were neither delivered nor set aside.
    """
    if os.geteuid() != 0:
        raise PermissionProblem("the files of the sets are root's alone: run this as root")
    terminal = Terminal(quiet=json)
    node = Runner().run(["crm_node", "-n"], timeout=10).stdout.strip() or os.uname().nodename
    found = [take(node, Places(UNDER), Whereabouts(FILES, UNDER)).as_json()]
    problem = ""
    if not local:
        try:
            found.append(_other(file))
        except HamnError as why:
            problem = f"the other node was not asked: {why}"
            terminal.note(f"xcat-hamn: {problem}")
    code = exits.DEGRADED if any(_undelivered(one) for one in found) else exits.OK
    if json:
        result = found[0] if local else {"nodes": found, "problem": problem, "exit_code": code}
        terminal.json(result)
    else:
        for one in found:
            _print(terminal, one)
    return code


def _other(path: str) -> dict[str, Any]:
    """Return what the other node says.  Raises HamnError."""
    nodes = load_site(path).pairs("cluster", "nodes")
    others = [address for address in nodes.values() if not is_here(address)]
    if len(others) != 1:
        raise SiteError([f"{path}, [cluster] nodes: one address must be this node's, and one not"])
    port = int(load_site(path).text("files", "ssh_port"))
    with reached(others[0], port=port) as remote:
        said = remote.run(QUESTION, timeout=_TIMEOUT, limit=64 << 20)
    try:
        told: dict[str, Any] = jsonlib.loads(said.stdout)
        if "sets" in told:
            return told
        why = "; ".join(told["errors"])
    except (ValueError, KeyError, TypeError):
        why = said.last_line()
    raise HamnError(f"xcat-hamn at {others[0]} says: {why} (install the same version there)")


def _undelivered(told: Mapping[str, Any]) -> int:
    return sum(int(one["undelivered_count"]) for one in told["sets"])


def _print(terminal: Terminal, told: Mapping[str, Any]) -> None:
    terminal.heading(_heading(told))
    if told["role"] == NOTHING:
        return
    if told["contact"]:
        terminal.line(told["contact"])
    width = max((len(one["name"]) for one in told["sets"]), default=0) + 1
    for one in told["sets"]:
        terminal.columns((one["name"], _age(told, one)), (width,))
        for kept in one["kept"]:
            were = "file was" if kept["files"] == 1 else "files were"
            terminal.line(f"{kept['files']} {were} set aside in {kept['directory']}", 4)
        count, names = one["undelivered_count"], one["undelivered"]
        if count:
            files = "file" if count == 1 else "files"
            terminal.line(f"{count} {files} that only {told['node']} has, never delivered:", 4)
            for name in names[:_SHOWN]:
                terminal.line(name, 6)
            if count > _SHOWN:
                terminal.line(f"and {count - _SHOWN} more (--json has them)", 6)


def _heading(told: Mapping[str, Any]) -> str:
    node, source = told["node"], told["source"]
    return {
        SOURCE: f"{node} is the source of the files, in epoch {told['epoch']}:",
        REPLICA: f"{node} receives the files of {source}, in epoch {told['epoch']}:",
        FORMER: f"{node} was the source of the files in epoch {told['epoch']}, and copies no more:",
        NOTHING: f"{node} has never copied or received any files.",
    }.get(told["role"], f"{node}:")


def _age(told: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    shown = SetState(one["name"], one["word"], one["age"], one["sentence"]).shown
    if told["role"] == REPLICA and one["until"] and one["source"] != told["node"]:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["until"]))
        return f"{shown}; has everything of {one['source']} up to {when}"
    return shown
