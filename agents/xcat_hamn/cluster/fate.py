"""Is a lost node proven to be down?  Asked of Pacemaker, which alone knows what was fenced.

A node that is offline and not unclean was switched off by a fence device, left in order, or a
person confirmed that it is off; one that vanished is unclean until then.  Without fencing
Pacemaker calls every lost node clean, which proves nothing (read in Pacemaker 2.1.5 and 3.0.0,
``determine_online_status``; recorded answers of both stand beside the tests).
"""

from __future__ import annotations

from xcat_hamn.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.system.runner import Runner

_TIMEOUT = 10.0
_COMMAND = ("crm_mon", "--one-shot", "--output-as=xml", "--exclude=all")
_SECTIONS = "--include=nodes,options"


#: What a node may be.
DOWN, LOST, MEMBER, UNKNOWN = "down", "lost", "member", "unknown"


class Fate:
    """What became of other nodes, as this node's cluster knows."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def is_proven_down(self, node: str) -> bool:
        """Tell whether the cluster has proof that ``node`` is down.  Raises as ``of`` does."""
        return self.of(node) == DOWN

    def of(self, node: str) -> str:
        """Return what ``node`` is: DOWN (proven), LOST, MEMBER or UNKNOWN.

        Raises CommandFailed, CommandTimeout or MissingTool when the cluster does not answer.
        """
        result = self._runner.run([*_COMMAND, _SECTIONS], timeout=_TIMEOUT)
        result.require("the cluster did not say which nodes are down")
        return fate(result.stdout, node)


def fate(status: str, node: str) -> str:
    """Return what crm_mon's XML says of ``node``.  Raises CommandFailed."""
    # Not on the monitor's usual path: it costs some milliseconds.
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(status)  # noqa: S314 - Pacemaker's own answer
    except ElementTree.ParseError as problem:
        raise CommandFailed(
            f"crm_mon gave no readable answer ({problem}): run it by hand to see why"
        ) from None
    found = next((n for n in root.iterfind("nodes/node") if n.get("name") == node), None)
    if found is None:
        return UNKNOWN
    if found.get("online") == "true" or found.get("pending") == "true":
        return MEMBER
    options = root.find(".//cluster_options")
    fences = options is not None and options.get("stonith-enabled") == "true"
    return DOWN if fences and found.get("unclean") == "false" else LOST
