"""The parameters of fence_xcat_operator, declared once: for the library, and for the manual."""

from __future__ import annotations

from dataclasses import dataclass

SUMMARY = "The operator's gate before the power device of an xCAT management node"
DESCRIPTION = (
    "fence_xcat_operator is not a fence device by itself. It stands in the fencing levels of a "
    "management node and decides whether the level goes on. A node that did not hold the role of "
    "the management node passes at once. For a node that was lost while it held the role the agent "
    "waits, as one pending fencing action, until the operator asks for a move away from that node "
    "(pcs resource move GROUP NODE) or confirms that it is off (pcs stonith confirm NODE); what it "
    "waits for is shown by crm_mon in the node attribute xcat-gate. A request that is older than "
    "the loss does not count. If the node comes back before, the agent gives up at once. Give it a "
    "pcmk_off_timeout of days, pcmk_off_retries=1 and pcmk_action_limit=-1."
)


@dataclass(frozen=True)
class Option:
    """One parameter; ``choices`` are lower-case words, the first of them is the default."""

    name: str
    help: str
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()

    @property
    def long(self) -> str:
        """Return the name of the command line's option."""
        return self.name.replace("_", "-")


OPTIONS = (
    Option(
        "group",
        "Id of the resource group that is the role of the management node.",
        required=True,
    ),
    Option(
        "database",
        "Id of the promotable clone of the database: a node with its promoted instance holds the "
        "role as well.",
    ),
    Option(
        "failover",
        "manual: wait for the operator. automatic: let the power device decide.",
        default="manual",
        choices=("manual", "automatic"),
    ),
    Option(
        "level",
        "Where this device stands: role, before the power device in its level; standby, alone in "
        "a level that only the loss of a node without the role passes.",
        default="role",
        choices=("role", "standby"),
    ),
)
