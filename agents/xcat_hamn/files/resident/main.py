"""The program xcat-filesyncd: options, log, and the process."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler

from xcat_hamn.errors import HamnError
from xcat_hamn.files import epoch, marks
from xcat_hamn.files.places import Places
from xcat_hamn.files.refusals import admitted
from xcat_hamn.files.resident import process
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.files.setfiles import load
from xcat_hamn.files.transfer import SshTransfer
from xcat_hamn.system.runner import Runner

#: Bytes of the log before it is renamed to .1; logrotate may cut it earlier.
_LOG_SIZE = 4 << 20


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(
        prog="xcat-filesyncd",
        description="Copies this node's file sets to the other node. Started by xcat-filesync.",
    )
    made.add_argument("--instance", required=True, help="name of the resource")
    made.add_argument("--node", required=True, help="this node's cluster name")
    made.add_argument("--peer", required=True, metavar="NODE=ADDRESS", help="the other node")
    made.add_argument("--port", type=int, default=22, help="of the other node's sshd")
    made.add_argument("--value", action="append", default=[], metavar="NAME=VALUE")
    made.add_argument("--only", action="append", default=[], metavar="SET")
    made.add_argument("--under", default="", help=argparse.SUPPRESS)
    return made


def journal(path: str) -> logging.Logger:
    """Return the log at ``path``, one line a decision, that never grows beyond two files."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_LOG_SIZE, backupCount=1, encoding="utf-8",
                                  errors="backslashreplace")  # fmt: skip
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    made = logging.getLogger("xcat-filesyncd")
    made.setLevel(logging.INFO)
    made.propagate = False
    made.addHandler(handler)
    return made


def main(arguments: Sequence[str]) -> int:
    """Run until told to stop; return 0, or 1 with a sentence on stderr."""
    options = parser().parse_args(arguments)
    where = Whereabouts(options.instance, options.under)
    places = Places(options.under)
    os.umask(0o077)
    try:
        lock = process.alone(where)
    except HamnError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    log = journal(where.log)
    try:
        _work(options, where, places, log)
    except Exception as problem:
        log.exception("it ends by a mistake of its own")
        sys.stderr.write(process.described(problem) + "\n")
        return 1
    finally:
        os.close(lock)
    return 0


def _work(
    options: argparse.Namespace, where: Whereabouts, places: Places, log: logging.Logger
) -> None:
    peer, _, address = options.peer.partition("=")
    values = dict(pair.split("=", 1) for pair in options.value)
    found = admitted(load(places.definitions, values))
    for problem in found.problems:
        log.warning(problem)
    sets = [one for one in found.sets if not options.only or one.name in options.only]
    process.give_way(Runner())

    def connect() -> SshTransfer:
        return SshTransfer(options.node, peer, address or peer, places, Runner(), port=options.port)

    def number() -> int:
        return epoch.read(places.epoch).number

    found_marks = {one.name: marks.read_mark(places, one.name) for one in sets}
    until = {n: m.until for n, m in found_marks.items() if m.node == options.node and m.until}
    process.Resident(sets, where, connect, log, number, until).run()
