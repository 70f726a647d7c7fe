"""The parameters of fence_xcat_operator, declared once: for the library, and for the manual."""

from __future__ import annotations

from dataclasses import dataclass

SUMMARY = "The operator's gate before the power device of an xCAT management node"
#: Paragraphs.
DESCRIPTION = (
    "fence_xcat_operator is no fence device by itself. It stands in the fencing levels of a "
    "management node and decides whether a level goes on, to the power device behind it.",
    "A lost node that did not hold the role of the management node passes at once. For a node that "
    "held it the agent waits, as one pending fencing action, until the operator asks for a move "
    "away from that node (pcs resource move GROUP NODE), orders its fencing (pcs stonith fence "
    "NODE) or confirms that it is off (pcs stonith confirm NODE). A request that is older than the "
    "loss does not count. What it waits for, and the command, is shown by crm_mon in the node "
    "attribute xcat-gate.",
    "If the node comes back before that, the agent gives up at once: the node is neither held up "
    "nor switched off.",
    "A move releases nothing while the database of the node that is left may not be promoted: "
    "nothing would be won by switching the lost node off. That database looks again right before a "
    "release. With Db2 it may be promoted until shortly before the peer window ends; afterwards it "
    "takes consent to a loss (xcat-hamn takeover NODE).",
    "Where there is no power device the operator's word is all there is.",
    "Give it a pcmk_off_timeout of days (at most 17: Pacemaker counts milliseconds in 32 bits), "
    "pcmk_off_retries=1 and pcmk_action_limit=-1, since its monitor and other fencing would wait "
    "behind it.",
)
ACTIONS = {
    "off": "Decide, and wait if need be. 0: the level goes on; 1: it does not.",
    "reboot": "As off.",
    "on": "Succeeds: the gate has switched nothing off.",
    "monitor": "Succeeds when the cluster answers and has the group.",
    "status": "Tells whether the node is a member of the cluster: 0 it is, 2 it is not.",
    "list": "Lists the nodes of the cluster.",
    "metadata": "Describes the agent in XML.",
    "validate-all": "Checks the parameters, not the cluster.",
}
EXAMPLE = (
    "pcs stonith create xcat-gate fence_xcat_operator group=xcat-mn \\",
    "    database=xcat-db-clone pcmk_host_list='mn1 mn2' \\",
    "    pcmk_off_timeout=604800s pcmk_off_retries=1 pcmk_action_limit=-1",
    "pcs stonith level add 2 mn1 xcat-gate bmc-mn1",
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
