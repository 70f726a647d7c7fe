"""The command `lab`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType

from labkit import host, network
from labkit.cluster import MEMBERS
from labkit.host import CannotRun, LabError
from labkit.image import RELEASES
from labkit.lab import Lab
from labkit.node import _inside

ENDINGS = """exit codes: 0 done; 1 not done, with a sentence; 2 wrong usage; 77 this host cannot run
the lab; exec: those of the command, 124 after the timeout; status: 3 when the lab is not up"""


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    top = argparse.ArgumentParser(prog="lab", description=__doc__, epilog=ENDINGS)
    top.add_argument("--release", choices=RELEASES, default="bookworm", help="Debian release")
    top.add_argument("--name", default="lab", help="the lab's name; labs live side by side")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("build", help="build the release's image, if it is not there yet")
    up = verbs.add_parser(
        "up", help="boot mn1, mn2 and cn1 on empty disks, replacing what was there"
    )
    up.add_argument("--bmc", action="store_true", help="with a virtual BMC for mn1 and for mn2")
    verbs.add_parser("down", help="remove the lab without a trace")
    verbs.add_parser("status", help="show nodes and cables")
    run = verbs.add_parser("exec", help="run a command in a node as root")
    run.add_argument("--timeout", type=float, help="seconds after which it is killed")
    run.add_argument("node")
    run.add_argument("command", nargs=argparse.REMAINDER)
    for verb, text in (
        ("crash", "kill the node's init: a power loss; its disk stays"),
        ("boot", "power a crashed node on again"),
        ("cut", "pull the node's network cable"),
        ("heal", "plug it in again"),
    ):
        verbs.add_parser(verb, help=text).add_argument("node")
    logs = verbs.add_parser("logs", help="show the journal of one node or of all")
    logs.add_argument("node", nargs="?")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    asked = parser().parse_args(arguments)
    try:
        return _do(asked)
    except CannotRun as error:
        print(f"lab: {error}", file=sys.stderr)
        return 77
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Treat a termination like ctrl-C, which cleans up on its way out."""
    raise KeyboardInterrupt


def _do(asked: argparse.Namespace) -> int:
    lab = Lab(asked.name, asked.release)
    host.require()
    if asked.verb == "build":
        print(lab.build())
    elif asked.verb == "up":
        lab.up(bmcs=MEMBERS if asked.bmc else ())
    elif asked.verb == "down":
        lab.down()
    elif asked.verb == "status":
        return _status(lab)
    elif asked.verb == "exec":
        _exec(lab, asked)
    elif asked.verb == "logs":
        for name in [asked.node] if asked.node else lab.nodes:
            print(f"==> {name} <==\n{lab.node(name).journal()}")
    else:
        getattr(lab, asked.verb)(asked.node)
    return 0


def _status(lab: Lab) -> int:
    if not lab.is_up():
        print(f"lab '{lab.name}' is not up")
        return 3
    print(f"lab '{lab.name}' on {lab.current_image()}")
    ports = network.ports(lab.name)
    for name, node in lab.nodes.items():
        power = "running" if node.running() else "off"
        cable = "plugged" if ports.get(name) else "unplugged" if name in ports else "no port"
        print(f"{name}  {power:8} {cable:10} {node.ipv4} {node.ipv6}")
    return 0


def _exec(lab: Lab, asked: argparse.Namespace) -> None:
    """Become the command, so that its terminal, signals and exit code are the real ones."""
    command = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
    if not command:
        raise LabError("exec needs a command: lab exec NODE COMMAND...")
    argv = lab.node(asked.node).argv(command)
    if asked.timeout:
        argv = ["timeout", "--kill-after=5", str(asked.timeout), *argv]
    terminal = {"TERM": os.environ["TERM"]} if "TERM" in os.environ else {}
    os.execvpe(argv[0], argv, _inside(terminal))
