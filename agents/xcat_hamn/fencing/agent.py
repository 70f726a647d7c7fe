"""fence_xcat_operator: the fence agents' library reads the input, and this does the rest.

The library (package fence-agents or fence-agents-common, directory /usr/share/fence) parses stdin
or the command line, prints metadata and checks values.  Its ``fence_action`` is not used: it asks
for the power status first and takes "off already" for done, which a gate must never do.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

from xcat_hamn.errors import HamnError
from xcat_hamn.fencing.cluster import LiveCluster
from xcat_hamn.fencing.decision import Answer, Level
from xcat_hamn.fencing.gate import Gate
from xcat_hamn.fencing.loss import Memory
from xcat_hamn.fencing.options import DESCRIPTION, OPTIONS, SUMMARY
from xcat_hamn.fencing.view import Target, nodes_of
from xcat_hamn.system.runner import Runner

LIBRARY = "/usr/share/fence"
#: Exit codes of fence agents, from the library; status tells "off" with 2.
OK, FAILED, STATUS_OFF = 0, 1, 2


def main() -> int:
    """Do what stdin or the command line asks for and return the exit code."""
    sys.path.append(LIBRARY)
    try:
        library = import_module("fencing")
    except ImportError as problem:
        sys.stderr.write(
            f"fence_xcat_operator: the fence agents' library cannot be loaded ({problem}): install "
            "the package fence-agents-common (fence-agents on Debian 12)\n"
        )
        return FAILED
    options = _read(library)
    try:
        return _act(options["--action"], options)
    except HamnError as problem:
        logging.error("%s", problem)
        return FAILED


def _read(library: Any) -> dict[str, str]:
    """Return the checked input; ends the process for metadata, help and wrong input."""
    for order, option in enumerate(OPTIONS, 2):
        library.all_opt[option.name] = {
            "getopt": ":",
            "longopt": option.long,
            "help": f"--{option.long}=[{option.long}]".ljust(31) + option.help,
            "shortdesc": option.help,
            "required": "1" if option.required else "0",
            "order": order,
            **({"default": option.default} if option.default else {}),
            **({"choices": list(option.choices)} if option.choices else {}),
        }
    # no_port: whether there is a plug is checked here, since validate-all has none.
    known = ["port", "no_port", "no_password", *(option.name for option in OPTIONS)]
    given = library.process_input(known)
    action = given.get("--action", "").lower()
    missing = [f"--{option.long}" for option in OPTIONS if option.required]
    missing = [name for name in missing if not given.get(name)]
    asks = any(name in given for name in ("--help", "--version"))
    options = library.check_input(known, given, other_conditions=True)
    description = " ".join(DESCRIPTION)
    library.show_docs(
        options, {"shortdesc": SUMMARY, "longdesc": description, "vendorurl": "https://xcat.org"}
    )
    if missing and not asks and action != "metadata":
        library.fail_usage(
            f"{' '.join(missing)} is not set: give the id of the group that is the role, "
            "for example group=xcat-mn"
        )
    return {name: value for name, value in options.items() if isinstance(value, str)}


def _act(action: str, options: dict[str, str]) -> int:
    cluster = LiveCluster(Runner())
    if action in ("validate-all", "on"):
        # Nothing was switched off by the gate, so there is nothing to switch on.
        return OK
    if action == "monitor":
        target = Target("", options["--group"])
        if not cluster.observe(target).group:
            raise HamnError(
                f"the cluster has no group {target.group}: correct the parameter group of this "
                "fence device"
            )
        return OK
    if action in ("list", "list-status"):
        for name, member in nodes_of(cluster.status()).items():
            state = f",{'ON' if member else 'OFF'}" if action == "list-status" else ""
            sys.stdout.write(f"{name},{state}\n")
        return OK
    node = options.get("--plug", "")
    if not node:
        raise HamnError("no node is named: give its cluster name as plug, for example plug=mn1")
    if action == "status":
        member = nodes_of(cluster.status()).get(node, False)
        sys.stdout.write(f"Status: {'ON' if member else 'OFF'}\n")
        return OK if member else STATUS_OFF
    return _decide(node, options, cluster)


def _decide(node: str, options: dict[str, str], cluster: LiveCluster) -> int:
    """Answer ``off`` and ``reboot``."""
    target = Target(node, options["--group"], options.get("--database", ""))
    level = Level(options["--level"].lower())
    gate = Gate(
        target,
        level,
        options["--failover"].lower() == "automatic",
        cluster,
        Memory(target),
        lambda sentence: logging.warning("%s level: %s", level.value, sentence),
    )
    return OK if gate.decide().answer is Answer.RELEASE else FAILED
