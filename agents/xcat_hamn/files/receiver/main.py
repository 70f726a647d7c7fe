"""The forced command: decides whether a request is carried out, and carries it out.

Its arguments stand in authorized_keys, where the other side cannot change them: the name of this
node and of the one whose key it is.  What the other side asks for is in SSH_ORIGINAL_COMMAND.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from xcat_hamn.errors import HamnError
from xcat_hamn.files import epoch, ids, marks, ports
from xcat_hamn.files.epoch import Epoch
from xcat_hamn.files.locks import held, open_lock, wait_lock
from xcat_hamn.files.places import Places
from xcat_hamn.files.receiver import aside, pushing, staging
from xcat_hamn.files.receiver.refusal import CODE, Refusal
from xcat_hamn.files.refusals import admitted
from xcat_hamn.files.request import Request, parse
from xcat_hamn.files.setfiles import load
from xcat_hamn.files.sets import FileSet, Sets


class Receiver:
    """Carries out the requests of node ``peer`` on node ``here``."""

    def __init__(self, here: str, peer: str, places: Places) -> None:
        self.here = here
        self.peer = peer
        self.places = places
        self._sets: Sets | None = None

    def answer(self, text: str) -> str:
        """Carry out the request ``text`` and return what is said to it.

        Raises Refusal, with nothing changed, and HamnError.
        """
        request = parse(text)
        if request is None:
            raise Refusal(
                ports.REFUSED,
                f"the key of {self.peer} on {self.here} only receives file sets; what came is no "
                "such request (if both are, install the same version on both nodes)",
            )
        if request.node != self.peer:
            raise Refusal(
                ports.REFUSED,
                f"what came with the key of {self.peer} says that it is from {request.node}: "
                "each node has a key of its own, install the right one",
            )
        if request.verb == "hello":
            return json.dumps(self._self_portrait())
        presence = open_lock(self.places.lock("epoch"))
        if not wait_lock(presence, fcntl.LOCK_SH, 10.0):
            raise Refusal(ports.FAILED, f"{self.here} is being promoted: try again")
        os.set_inheritable(presence, True)
        self._admit(Epoch(request.epoch, request.node))
        return self._carry_out(request)

    def _carry_out(self, request: Request) -> str:
        if request.verb == "mark":
            for name, until in request.marks.items():
                fileset = self._set(name)
                # The mark says what is due: it must not move before that is kept.
                aside.keep(self.places, fileset, self.here)
                roots = fileset.roots
                marks.to_disk([root.directory for root in roots if root.present()])
                marks.advance(self.places, name, request.epoch, request.node, until, roots)
            return "{}"
        fileset = self._set(request.set)
        aside.keep(self.places, fileset, self.here)
        if request.verb == "push":
            pushing.push(self.places, fileset, request, self.here)
            return ""
        if request.verb == "apply":
            return json.dumps(staging.apply(self.places, fileset, request, self.here))
        return json.dumps(staging.check(self.places, fileset, self.here))

    def _admit(self, offered: Epoch) -> None:
        """Refuse an older source; remember a newer one before anything of it is written."""
        with held(self.places.lock("epoch-write")):
            seen = epoch.read(self.places.epoch)
            why = epoch.objection(seen, offered, self.here)
            if why:
                raise Refusal(ports.OLDER_EPOCH, why)
            if offered.number > seen.number:
                if seen.node == self.here:
                    aside.require(self.places, [one.name for one in self._known().sets])
                epoch.write(self.places.epoch, offered)

    def _known(self) -> Sets:
        if self._sets is None:
            self._sets = admitted(load(self.places.definitions))
        return self._sets

    def _set(self, name: str) -> FileSet:
        found = self._known().named(name)
        if found is None:
            why = next(
                (
                    one
                    for one in self._known().problems
                    if f'"{name}"' in one or f"[set {name}]" in one
                ),
                "it is not defined there, or switched off",
            )
            raise Refusal(
                ports.REFUSED,
                f'{self.here} does not take the file set "{name}" ({why}): the definitions in '
                f"{self.places.definitions[-1]} must be the same on both nodes",
            )
        return found

    def _self_portrait(self) -> Mapping[str, object]:
        seen = epoch.read(self.places.epoch)
        return {
            "node": self.here,
            "epoch": seen.number,
            "source": seen.node,
            "time": time.time(),
            "users": ids.users(),
            "groups": ids.groups(),
            "aside": aside.required(self.places),
            "sets": {
                one.name: marks.read_mark(self.places, one.name).until for one in self._known().sets
            },
        }


def main(arguments: Sequence[str], asked: str) -> int:
    """Run as the forced command: ``[--under DIR] HERE PEER``; return the exit code."""
    words = list(arguments)
    under = ""
    if words[:1] == ["--under"] and len(words) > 1:
        under = words[1]
        del words[:2]
    if len(words) != 2:
        sys.stderr.write("usage: xcat-filesync-receive [--under DIR] HERE PEER\n")
        return 2
    os.umask(0o022)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        said = Receiver(words[0], words[1], Places(under)).answer(asked)
    except Refusal as refusal:
        sys.stderr.write(refusal.line())
        return CODE
    except HamnError as problem:
        sys.stderr.write(Refusal(ports.FAILED, str(problem)).line())
        return CODE
    except OSError as problem:
        sys.stderr.write(pushing.of_system(problem, words[0]).line())
        return CODE
    if said:
        sys.stdout.write(said + "\n")
    return 0
