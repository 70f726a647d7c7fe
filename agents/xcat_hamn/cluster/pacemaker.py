"""Pacemaker's command line tools, as the few questions and orders that we need.

Verified with Pacemaker 2.1.5: exit codes are those of `crm_error --exit --list`; a patch made from
two CIBs with their versions is refused (103) by a CIB that has any other version, so that a
concurrent change is never overwritten.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Protocol

from xcat_hamn.cluster.simulate import Transition, read_transition
from xcat_hamn.cluster.status import Status, read_status
from xcat_hamn.errors import CommandFailed, HamnError, PermissionProblem
from xcat_hamn.system.runner import Result

_DENIED = frozenset({4})
_OLD = frozenset({103, 104})
#: 105 is that of cibadmin for a CIB that is not there.
_DISCONNECTED = frozenset({102, 105})
_NO_QUORUM = frozenset({106})
#: How attrd_updater ends when nobody has ever set the attribute (tried on 2.1.5 and 3.0.0).
_UNSET = 78
#: A CIB of a large cluster is some 100 KiB; a simulation lists each action in a line.
_LIMIT = 64 << 20
_TIMEOUT = 60.0


class ClusterUnreachable(HamnError):
    """Pacemaker does not answer on this node."""


class InvalidConfiguration(HamnError):
    """crm_verify refuses the configuration."""


class CibChanged(HamnError):
    """Somebody else changed the CIB since we read it; nothing was changed by us."""


class Runs(Protocol):
    """What is needed of ``system.runner.Runner``."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = ...,
        env: Mapping[str, str] | None = ...,
        input: str = ...,  # noqa: A002
        limit: int = ...,
    ) -> Result:
        """Run a command to its end."""


class Pacemaker:
    """The live cluster, or the CIB file that ``environment`` names as CIB_file."""

    def __init__(self, runner: Runs, environment: Mapping[str, str] | None = None) -> None:
        self._runner = runner
        self._environment = dict(environment or {})

    def query(self) -> str:
        """Return the CIB.  Raises ClusterUnreachable, PermissionProblem, MissingTool."""
        return self._require(self._run(["cibadmin", "--query"]), "read the configuration").stdout

    def status(self) -> Status:
        """Return the cluster's status.  Raises as ``query`` does."""
        shown = self._run(["crm_mon", "--one-shot", "--output-as=xml"])
        return read_status(self._require(shown, "read the cluster's status").stdout)

    def private(self, name: str, node: str) -> str:
        """Return the private attribute ``name`` of ``node``, empty when it has none.

        Private attributes belong to a node that is there; crm_mon and the CIB never show them.
        """
        found = self._run(["attrd_updater", "--query", f"--name={name}", f"--node={node}"])
        if found.returncode == _UNSET:
            return ""
        for line in self._require(found, f"ask for {name} of {node}").stdout.splitlines():
            fields = line.split('"')
            # name="xcat-db-end" host="mn2" value="1 50331648 0 0" (Pacemaker 2.1.5 and 3.0.0)
            if len(fields) >= 6 and (fields[1], fields[3]) == (name, node):
                return fields[5]
        return ""

    def set_private(self, name: str, node: str, value: str) -> None:
        """Set a private attribute of ``node``; an empty value removes it."""
        change = f"--update={value}" if value else "--delete"
        argv = ["attrd_updater", "--private", f"--name={name}", f"--node={node}", change]
        self._require(self._run(argv), f"set {name} of {node}")

    def local_node(self) -> str:
        """Return the cluster's name of this node, empty when it is no member."""
        found = self._run(["crm_node", "--name"])
        return found.stdout.strip() if found.ok else ""

    def check(self, resource: str) -> None:
        """Run a monitor of a resource on this node now, outside of the cluster's own.

        Its exit code says nothing here: what counts is what the agent publishes.
        """
        self._run(["crm_resource", f"--resource={resource}", "--force-check"])

    def verify(self, cib: str) -> None:
        """Check a CIB.  Raises InvalidConfiguration with crm_verify's first reason."""
        with _Files(cib) as files:
            result = self._run(["crm_verify", "--verbose", "--xml-file", files[0]])
            if not result.ok:
                reason = _first_reason(result.stderr or result.stdout, files[0])
                raise InvalidConfiguration(
                    f"crm_verify refuses the new configuration ({reason}): correct the site file, "
                    "or what else in the cluster it names"
                )

    def simulate(self, cib: str) -> Transition:
        """Return what the cluster would do with a CIB and the status that it holds."""
        with _Files(cib) as files:
            argv = ["crm_simulate", "--xml-file", files[0], "--simulate", "--output-as=xml"]
            return read_transition(self._require(self._run(argv), "simulate it").stdout)

    def patch(self, old: str, new: str, *, exact: bool = True) -> None:
        """Turn the live CIB ``old`` into ``new`` in one step.

        Raises CibChanged when the live CIB is no longer ``old``.  Not ``exact``, the difference
        applies to any version of it (as pcs does): what it does not touch stays as it is then.
        """
        version = [] if exact else ["--no-version"]
        with _Files(old, new) as files:
            found = self._run(["crm_diff", *version, "--original", files[0], "--new", files[1]])
            # 0 means no difference, 1 that there is one.
            if found.returncode not in (0, 1) or not found.stdout.strip():
                raise _failed("work out the difference", found)
        result = self._run(["cibadmin", "--patch", "--sync-call", "--xml-pipe"], found.stdout)
        if result.returncode in _OLD:
            raise CibChanged("the cluster's configuration was changed by somebody else meanwhile")
        self._require(result, "change the configuration")

    def _run(self, argv: Sequence[str], text: str = "") -> Result:
        return self._runner.run(
            argv, timeout=_TIMEOUT, env=self._environment, input=text, limit=_LIMIT
        )

    def _require(self, result: Result, purpose: str) -> Result:
        if result.ok:
            return result
        if result.returncode in _DISCONNECTED:
            raise ClusterUnreachable(
                f"could not {purpose}: Pacemaker does not answer on this node: "
                "start it with `pcs cluster start`, or run this as root on a node of the cluster"
            )
        if result.returncode in _DENIED:
            raise PermissionProblem(f"could not {purpose}: permission denied: run this as root")
        if result.returncode in _NO_QUORUM:
            raise ClusterUnreachable(
                f"could not {purpose}: this part of the cluster has no quorum: bring the other "
                "node back, or look at `pcs quorum status`"
            )
        raise _failed(purpose, result)


def _failed(purpose: str, result: Result) -> CommandFailed:
    return CommandFailed(
        f"could not {purpose}: `{result.argv[0]}` ended with {result.returncode} "
        f"({result.last_line()}): run it by hand to see more"
    )


def _first_reason(text: str, path: str) -> str:
    """Return the first telling line of crm_verify's output, without our temporary file's name."""
    for line in text.splitlines():
        words = line.replace(path, "").strip()
        words = words.partition("error: ")[2] or words.partition(" element ")[2] or words
        if words and not words.startswith("crm_verify:"):
            return words.rstrip(".")
    return "it gives no reason"


class _Files:
    """Temporary files, readable by us only (a CIB may hold passwords), gone at the end."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> list[str]:
        self._directory = tempfile.TemporaryDirectory(prefix="xcat-hamn-")
        paths = []
        for number, text in enumerate(self._texts):
            path = os.path.join(self._directory.name, f"{number}.xml")
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
            paths.append(path)
        return paths

    def __exit__(self, *_: object) -> None:
        if self._directory:
            self._directory.cleanup()
