"""What is remembered of a loss from one call of the gate to the next.

Pacemaker may end the agent at its timeout and start it again, and calls it once per level: what
was there when the loss was first seen, and whether it was approved since, must outlive a call.  It
must not outlive the loss.  So it is kept in /run under the corosync ring that the loss left: any
change of membership makes another ring, and with it another loss.
"""

from __future__ import annotations

from dataclasses import dataclass

from xcat_hamn.fencing.view import Observation, Target
from xcat_hamn.system import files

DIRECTORY = "/run/xcat-hamn/gate"


@dataclass(frozen=True)
class Loss:
    """One loss of a node.

    ``ring`` names it.  ``wishes`` and ``confirmations`` are those that do not count, because they
    were there before.  ``approval`` is what has released it.
    """

    ring: str
    wishes: frozenset[str]
    confirmations: frozenset[str]
    approval: str = ""

    def fresh_wish(self, seen: Observation) -> str:
        """Return a request that was made after the loss, or nothing."""
        return min(seen.wishes - self.wishes, default="")

    def stale_wish(self, seen: Observation) -> str:
        """Return a request that is older than the loss, or nothing."""
        return min(seen.wishes & self.wishes, default="")

    def confirmed(self, seen: Observation) -> bool:
        """Tell whether a person said after the loss that the node is off."""
        return bool(seen.confirmations - self.confirmations)

    def without_withdrawn(self, seen: Observation) -> Loss:
        """Return the loss without the old requests that are gone: made again, they count."""
        return Loss(self.ring, self.wishes & seen.wishes, self.confirmations, self.approval)

    def approved(self, wish: str) -> Loss:
        """Return the loss as released by ``wish``."""
        return Loss(self.ring, self.wishes, self.confirmations, wish)


class Memory:
    """The record of one node's loss."""

    def __init__(self, target: Target, directory: str = DIRECTORY) -> None:
        self._path = f"{directory}/{target.group}.{target.node}"

    def recall(self, ring: str) -> Loss | None:
        """Return what is remembered of the loss on ``ring``, None when that is another one."""
        found = files.read_pairs(self._path)
        if not found or not ring or found.get("ring") != ring:
            return None
        return Loss(
            ring,
            _set(found.get("wishes", "")),
            _set(found.get("confirmations", "")),
            found.get("approval", ""),
        )

    def keep(self, loss: Loss) -> None:
        """Remember ``loss`` in place of whatever was remembered."""
        pairs = {
            "ring": loss.ring,
            "wishes": "\n".join(sorted(loss.wishes)),
            "confirmations": "\n".join(sorted(loss.confirmations)),
            "approval": loss.approval,
        }
        files.write_pairs(self._path, pairs)

    def forget(self) -> None:
        """The loss has ended."""
        files.remove(self._path)


def _set(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split("\n")))
