"""May a node be switched off now?  One pure function, one sentence per row.

Rows are tried from the top; the first whose condition holds decides.  The same table is rendered
into the documentation, and its sentence goes to the log and, while the gate waits, to the node
attribute ``xcat-gate``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from xcat_hamn.fencing.view import Observation, Presence, Role, Target


class Answer(Enum):
    """What the fence agent does."""

    RELEASE = "release"  # end with success: what follows in the level switches the node off
    REFUSE = "refuse"  # end with failure: this level switches nothing off
    WAIT = "wait"


class Level(Enum):
    """Where the device stands among the fencing levels of a node."""

    STANDBY = "standby"  # alone: the loss of a node without the role ends here
    ROLE = "role"  # before the power device, if there is one


@dataclass(frozen=True)
class View:
    """All that the decision looks at.

    ``approved``: the request that has released this loss already.  ``wish``: a request to move the
    role away that was made after the loss; ``stale``: one that is older.  ``confirmed``: a person
    said after the loss that the node is off.
    """

    target: Target
    level: Level
    automatic: bool
    seen: Observation
    approved: str = ""
    wish: str = ""
    stale: str = ""
    confirmed: bool = False

    @property
    def presence(self) -> Presence:
        """Return where the node stands."""
        return self.seen.presence

    @property
    def survivor(self) -> str:
        """Return the node that is left."""
        return self.seen.others[0] if self.seen.others else "NODE"

    @property
    def move(self) -> str:
        """Return the command that approves; a stale request must go first, or nothing changes."""
        group = self.target.group
        first = f"`pcs resource clear {group}` ({self.stale} is too old) and " if self.stale else ""
        return f"{first}`pcs resource move {group} {self.survivor}`"

    @property
    def pressing(self) -> str:
        """Return that there is a time for it, nothing when there is none."""
        return "; until when nothing is lost, xcat-db-limit says" if self.seen.pressing else ""


@dataclass(frozen=True)
class Row:
    """One case: its name, when it holds, the answer, why, and the sentence for the operator."""

    name: str
    when: Callable[[View], bool]
    answer: Answer
    why: str
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """The answer, with the row that gave it and its sentence."""

    row: str
    answer: Answer
    sentence: str


_STANDBY = Level.STANDBY
_LOST, _HERE, _STUCK = Presence.LOST, Presence.HERE, Presence.STUCK

TABLE = (
    Row(
        "no group",
        lambda v: not v.seen.group,
        Answer.REFUSE,
        "Without the group nobody can say who holds the role.",
        "the cluster has no group {group}: correct the parameter group of this fence device",
    ),
    Row(
        "no such node",
        lambda v: v.presence is Presence.UNKNOWN,
        Answer.REFUSE,
        "A wrong plug or pcmk_host_map.",
        "{node} is no node of this cluster: give a name that `crm_node -l` prints",
    ),
    Row(
        "ordered, first level",
        lambda v: v.seen.ordered and v.level is _STANDBY,
        Answer.REFUSE,
        "A person's own fencing command means the power device, which is in another level.",
        "the operator ordered the fencing of {node}: the level with the power device does that",
    ),
    Row(
        "ordered",
        lambda v: v.seen.ordered and v.seen.power,
        Answer.RELEASE,
        "`pcs stonith fence` is a word clear enough, for a healthy node too.",
        "the operator ordered the fencing of {node}",
    ),
    Row(
        "ordered, no power device",
        lambda v: v.seen.ordered,
        Answer.REFUSE,
        "Success would be a lie: nothing has switched the node off.",
        "there is no power device for {node}: switch it off by hand, then say so with "
        "`pcs stonith confirm {node}`",
    ),
    Row(
        "back",
        lambda v: v.presence is _HERE,
        Answer.REFUSE,
        "A node that returns is neither held up nor hit, whatever was approved before.",
        "{node} is back in the cluster: it is not switched off",
    ),
    Row(
        "standby lost",
        lambda v: v.level is _STANDBY and v.seen.role is Role.ELSEWHERE and v.presence is _LOST,
        Answer.RELEASE,
        "It can take over only through the gate on its own side, which switches this side off.",
        "{node} did not hold the role, which goes on elsewhere: it need not be switched off",
    ),
    Row(
        "not the standby",
        lambda v: v.level is _STANDBY,
        Answer.REFUSE,
        "It held the role, nobody is known to hold it, or the node is alive and cannot stop.",
        "this is not the loss of a standby: the next level decides on {node}",
    ),
    Row(
        "did not hold the role",
        lambda v: v.seen.role is Role.ELSEWHERE,
        Answer.RELEASE,
        "The role goes on elsewhere; the site chose to switch a lost standby off, or a standby "
        "could not stop its database.",
        "{node} does not hold the role, which goes on elsewhere",
    ),
    Row(
        "confirmed",
        lambda v: v.confirmed,
        Answer.RELEASE,
        "The cluster takes the person's word whatever happens here; a power device makes it true, "
        "should the person be wrong.",
        "the operator confirmed that {node} is off",
    ),
    Row(
        "nobody can take over",
        lambda v: v.seen.gated and (v.automatic or bool(v.approved or v.wish)),
        Answer.WAIT,
        "Switched off for nothing, it could not even come back by itself.",
        "waiting: a move away from {node} was asked for, but the database here cannot take over "
        "(see xcat-db-limit): bring {node} back, or see `xcat-hamn takeover {survivor}`",
    ),
    Row(
        "automatic",
        lambda v: v.automatic and v.seen.power,
        Answer.RELEASE,
        "failover = automatic: the power device alone decides.",
        "failover = automatic: {node} is switched off without asking",
    ),
    Row(
        "stuck, no power device",
        lambda v: v.presence is _STUCK and not v.seen.power,
        Answer.WAIT,
        "The node lives and still has services: a word alone would make two active nodes.",
        "waiting: {node} could not stop a resource and no power device can switch it off: repair "
        "it and run `pcs resource cleanup`, or switch it off by hand and then {move}",
    ),
    Row(
        "approved before",
        lambda v: bool(v.approved),
        Answer.RELEASE,
        "An approval holds for the whole loss: for the next level, and for the next try.",
        "{approved} has approved it for this loss of {node}",
    ),
    Row(
        "approved",
        lambda v: bool(v.wish),
        Answer.RELEASE,
        "The operator asked for a move after the loss.",
        "the operator asked to move the role away from {node}: {wish}",
    ),
    Row(
        "stuck",
        lambda v: v.presence is _STUCK,
        Answer.WAIT,
        "Switching off a node that lives is the operator's decision.",
        "waiting: {node} could not stop a resource: repair it and run `pcs resource cleanup`, or "
        "{move} switches it off and takes over",
    ),
    Row(
        "nobody known to hold the role, no power device",
        lambda v: v.seen.role is Role.NOWHERE and not v.seen.power,
        Answer.WAIT,
        "The lost node may have it, unseen from here.",
        "waiting: {node} was lost and may hold the role, nobody here does: make sure that it is "
        "off and say so with `pcs stonith confirm {node}`",
    ),
    Row(
        "nobody known to hold the role",
        lambda v: v.seen.role is Role.NOWHERE,
        Answer.WAIT,
        "The lost node may have it, unseen from here.",
        "waiting: {node} was lost and may hold the role, nobody here does: `pcs stonith fence "
        "{node}` switches it off, `pcs stonith confirm {node}` says that you have seen it off",
    ),
    Row(
        "held the role, no power device",
        lambda v: not v.seen.power,
        Answer.WAIT,
        "The operator's word is all there is.",
        "waiting: {node} was lost while it held the role and no power device can switch it off: "
        "make sure that it is off, then {move} takes over{pressing}",
    ),
    Row(
        "held the role",
        lambda _: True,
        Answer.WAIT,
        "No failover without the operator's command.",
        "waiting: {node} was lost while it held the role: {move} switches it off and takes "
        "over{pressing}",
    ),
)


#: Approvals that make sense only when somebody can take over.
NEEDS_SURVIVOR = frozenset({"automatic", "approved before", "approved"})


def judge(view: View) -> Verdict:
    """Return what follows from ``view``; total, since the last row always holds."""
    row = next(row for row in TABLE if row.when(view))
    sentence = row.sentence.format(
        node=view.target.node,
        group=view.target.group,
        move=view.move,
        survivor=view.survivor,
        approved=view.approved,
        wish=view.wish,
        pressing=view.pressing,
    )
    return Verdict(row.name, row.answer, sentence)
