"""What the actions of ocf:heartbeat:xcat-filesync act through, made of its parameters."""

from __future__ import annotations

import os
import time

from xcat_hamn import errors
from xcat_hamn.cluster.vocabulary import FILES, FILES_LIMIT
from xcat_hamn.files import recency
from xcat_hamn.files.resident.places import Whereabouts
from xcat_hamn.ocf.call import Handlers
from xcat_hamn.system.files import read_pairs, read_text, remove, write_pairs, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.agents.filesync_verdict import Verdict
    from xcat_hamn.files.places import Places
    from xcat_hamn.ocf.call import Call

#: Put before every path of the copy; tests set it.
UNDER = ""
SOURCE, REPLICA = "source", "replica"
#: What both nodes offer at all times: the role follows the database, not the files.
SCORE = "10"
#: The private attribute by which the nodes tell each other the newest epoch that they have seen.
EPOCH = "epoch"


class Role:
    """Which role this node was given, in /run: a node that has booted has none.

    It cannot be read from anything else: a source whose process died is still the source.
    """

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/role"

    def name(self) -> str:
        """Return SOURCE, REPLICA, or "" for stopped."""
        return (read_text(self._path) or "").partition(" ")[0].strip()

    def since(self) -> float:
        """Return when it was taken on, in seconds since 1970."""
        text = (read_text(self._path) or "").partition(" ")[2].strip()
        try:
            return float(text)
        except ValueError:
            return time.time()

    def take(self, name: str) -> None:
        """Take role ``name`` on."""
        write_text(self._path, f"{name} {time.time():.0f}\n", 0o644)

    def drop(self) -> None:
        """Have none."""
        remove(self._path)


class Notes:
    """What start, promote and demote find out once and a monitor shows; in /run.

    ``most``: the seconds that each set may be old; ``lacks``: why nothing can be copied; ``owed``:
    sets that the other node did not get from this one when it was the source.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def most(self) -> dict[str, float]:
        """Return the maximum age of each set."""
        told = read_pairs(f"{self._directory}/sets") or {}
        return {name: float(text) for name, text in told.items()}

    def write_most(self, most: dict[str, float]) -> None:
        """Note the maximum age of each set."""
        write_pairs(f"{self._directory}/sets", {name: str(age) for name, age in most.items()})

    def text(self, name: str) -> str:
        """Return note ``name``, "" for none."""
        return read_text(f"{self._directory}/{name}") or ""

    def write(self, name: str, text: str) -> None:
        """Write note ``name``; an empty text removes it."""
        if text:
            write_text(f"{self._directory}/{name}", text, 0o644)
        else:
            remove(f"{self._directory}/{name}")


class Parts(Handlers):
    """Everything that the actions act through."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        values, context = call.values, call.context
        self.nodes = dict(word.split("=", 1) for word in values.words("nodes"))
        self.node = context.node or _ask_node_name(call)
        self.peer = next((name for name in self.nodes if name != self.node), "")
        self.attributes = call.attributes
        self.where = Whereabouts(context.run_directory.rpartition("/")[2], UNDER)
        self.role = Role(context.run_directory)
        self.notes = Notes(context.run_directory)

    def places(self) -> Places:
        """Return where the copy keeps what it needs."""
        from xcat_hamn.files.places import Places

        return Places(UNDER)

    def options(self) -> Sequence[str]:
        """Return what the resident process is started with."""
        values = self.call.values
        options = ["--node", self.node, "--peer", f"{self.peer}={self.nodes[self.peer]}"]
        options += ["--port", values.text("port")]
        for name in values.words("sets"):
            options += ["--only", name]
        return options

    def share_epoch(self) -> None:
        """Tell the other node the newest epoch that this one has seen."""
        number, node = recency.epoch(UNDER)
        self.attributes.share(EPOCH, f"{number} {node or '-'}")

    def show(self, verdict: Verdict) -> None:
        """Publish a verdict, and log it when it is another one than before."""
        before = self.notes.text("told")
        text = f"{verdict.word} {verdict.limit}".strip()
        if text != before:
            say = self.call.log.warning if verdict.limit else self.call.log.info
            say(f"files: {verdict.word}{': ' if verdict.limit else ''}{verdict.limit}")
            self.notes.write("told", text)
        self.attributes.publish(FILES, verdict.word)
        self.attributes.publish(FILES_LIMIT, verdict.limit)


def _ask_node_name(call: Call) -> str:
    """Return this node's name in the cluster (Pacemaker names it in every call but validate)."""
    try:
        result = call.runner.run(["crm_node", "-n"], timeout=5)
    except errors.HamnError:
        return os.uname().nodename
    return result.stdout.strip() or os.uname().nodename
