"""Node attributes and promotion scores, as agents write and read them.

All are transient (they die with the node's membership).  A call of Pacemaker's tools costs 12 to
19 ms, more than a whole lean monitor, so a value is written only when it differs from what this
instance last wrote, when it is old, or when the call is a probe or changes the role: a node that
left and came back has lost its attributes, and probes and starts come before anything else there.
"""

from __future__ import annotations

import os
import time

from xcat_hamn.cluster.vocabulary import VOCABULARY
from xcat_hamn.errors import CommandFailed, CommandTimeout, MissingTool
from xcat_hamn.ocf.context import RUN_DIRECTORY
from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.ocf.context import Context
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.system.runner import Runner

#: A score that resists even the INFINITY constraint of ``pcs resource move`` (tried: any other
#: score, or none, loses to it).
GATED = "-INFINITY"
#: Seconds after which an unchanged value is written again.
_REFRESH = 60.0
_TIMEOUT = 10.0
#: How attrd_updater ends when nobody has ever set the attribute (tried on 2.1.5 and 3.0.0).
_UNSET = 78


def gate(runner: Runner, instance: str) -> bool:
    """Gate the database ``instance`` on this node until its agent's next look; tell if it worked.

    For somebody who knows something before that agent does.
    """
    name = f"score.{instance}"
    try:
        # Its agent writes the score only when it differs from what it wrote before.
        remove(f"{RUN_DIRECTORY}/{instance}/published.{name}")
        argv = ["crm_attribute", "--promotion", instance, _change(GATED)]
        environment = {"OCF_RESOURCE_INSTANCE": instance}
        return runner.run(argv, timeout=_TIMEOUT, env=environment).ok
    except (CommandTimeout, MissingTool, OSError):
        return False


def _change(value: str) -> str:
    """Return the option that sets ``value``; one word, since -INFINITY looks like an option."""
    return f"--update={value}" if value else "--delete"


class Attributes:
    """The published state of one resource instance on this node."""

    __slots__ = ("_context", "_force", "_log", "_runner")

    def __init__(self, context: Context, runner: Runner, log: Log) -> None:
        self._context = context
        self._runner = runner
        self._log = log
        self._force = context.is_probe or context.action in ("start", "promote", "demote", "stop")

    def _remembered(self, name: str) -> str:
        return f"{self._context.run_directory}/published.{name}"

    def _is_news(self, name: str, value: str) -> bool:
        if self._force:
            return True
        path = self._remembered(name)
        if read_text(path) != value:
            return True
        return not 0 <= time.time() - os.stat(path).st_mtime < _REFRESH

    def _write(self, memory: str, value: str, argv: list[str]) -> bool:
        """Run ``argv`` when ``value`` is news; return False when the cluster did not take it."""
        if not self._is_news(memory, value):
            return True
        # The memory is dropped before the write, so that a kill in between means "write again".
        remove(self._remembered(memory))
        environment = {"OCF_RESOURCE_INSTANCE": self._context.instance}
        try:
            result = self._runner.run(argv, timeout=_TIMEOUT, env=environment)
            why = "" if result.ok else result.last_line()
        except (CommandTimeout, MissingTool) as problem:
            # What the action itself has done stands; a caller that needs the write looks at False.
            why = str(problem)
        if why:
            self._log.warning(
                f"the cluster did not take {memory}={value} ({why}): "
                "it is written again by the next monitor"
            )
            return False
        write_text(self._remembered(memory), value)
        return True

    def _tell(self, name: str, value: str, node: str, options: list[str]) -> bool:
        where = ["--node", node] if node else []
        argv = ["attrd_updater", *options, "--name", name, *where, _change(value)]
        return self._write(f"{name}@{node}" if node else name, value, argv)

    def publish(self, name: str, value: str, node: str = "") -> bool:
        """Show ``value`` in crm_mon under ``name`` of ``node``; an empty value removes it.

        Without ``node`` it is this node's.  Raises KeyError for a name or a word that the
        vocabulary does not declare.
        """
        words = VOCABULARY[name][2]
        if value and words and value not in words:
            raise KeyError(f"{value} is not a declared value of {name}")
        return self._tell(name, value, node, [])

    def score(self, value: str) -> bool:
        """Set this node's promotion score (an integer as text, or GATED); empty removes it."""
        instance = self._context.instance
        argv = ["crm_attribute", "--promotion", instance, _change(value)]
        return self._write(f"score.{instance}", value, argv)

    def share(self, name: str, value: str, node: str = "") -> bool:
        """Tell the cluster ``value`` without showing it in crm_mon or storing it in the CIB.

        It belongs to ``node`` (this one without it) and is gone when that node leaves.
        """
        return self._tell(f"{self._context.instance}-{name}", value, node, ["--private"])

    def shared(self, name: str, node: str) -> str | None:
        """Return what ``node`` shared under ``name``, None when it shared nothing or has left.

        Raises CommandFailed when the cluster does not answer: that says nothing of ``node``.
        """
        return self._query(f"{self._context.instance}-{name}", node)

    def shared_by_all(self, name: str) -> dict[str, str]:
        """Return what each node that is a member shares under ``name``, in one question.

        Raises CommandFailed when the cluster does not answer.
        """
        return self._ask(f"{self._context.instance}-{name}", ["--all"])

    def published(self, name: str, node: str) -> str | None:
        """Return attribute ``name`` of ``node`` as the cluster has it, None when unset.

        Raises CommandFailed when the cluster does not answer.
        """
        return self._query(name, node)

    def _query(self, name: str, node: str) -> str | None:
        return self._ask(name, ["--node", node]).get(node)

    def _ask(self, name: str, which: list[str]) -> dict[str, str]:
        argv = ["attrd_updater", "--query", "--name", name, *which]
        try:
            result = self._runner.run(argv, timeout=_TIMEOUT)
        except (CommandTimeout, MissingTool) as problem:
            raise CommandFailed(str(problem)) from None
        if result.returncode != _UNSET:
            result.require(f"the cluster did not say what {name} is")
        found = {}
        for line in result.stdout.splitlines():
            fields = line.split('"')
            # name="xcat-db" host="mn1" value="primary" (Pacemaker 2.1.5 and 3.0.0)
            if len(fields) >= 6 and fields[1] == name and fields[5]:
                found[fields[3]] = fields[5]
        return found

    def forget(self) -> None:
        """Drop the memory of what was written, so that the next monitor writes all of it again.

        For a change of role: the other node wrote some of this node's attributes meanwhile.
        """
        directory = self._context.run_directory
        for entry in os.listdir(directory) if os.path.isdir(directory) else ():
            if entry.startswith("published."):
                remove(f"{directory}/{entry}")
