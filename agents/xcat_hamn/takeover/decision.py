"""May a node take the role over, and how?  One pure function, one sentence per row.

Rows are tried from the top; the first whose condition holds decides.  The same table is rendered
into the documentation.  The database's own agent decides what is safe (the promotion score) and
says how far its data goes; here that is turned into the next step for a person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from xcat_hamn.cluster.status import DATABASE, GROUP
from xcat_hamn.takeover.view import View, is_primary


class Act(Enum):
    """What the tool does."""

    NOTHING = "nothing to do"
    REFUSE = "refuse"
    ASK = "refuse until the loss is accepted"
    WAIT = "wait"
    MOVE = "move"
    ORDER = "order the database to take over, then move"
    CONSENT = "consent to the loss, then move"


@dataclass(frozen=True)
class Row:
    """One case: its name, when it holds, what is done, why, and the sentence for the operator."""

    name: str
    when: Callable[[View], bool]
    act: Act
    why: str
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What is done, with the row that said so and its sentence."""

    row: str
    act: Act
    sentence: str


_DEAD_WORDS = ("", "stopped", "failed")


def _other_is_newer(view: View) -> bool:
    if not view.other.online or view.other_end is None or view.end is None:
        return False
    return view.other_end.newer_than(view.end)


def _other_keeps_failing(view: View) -> bool:
    other = view.other
    fails = any(
        failure.node == other.name and failure.operation.startswith(f"{DATABASE}_start_")
        for failure in view.status.failures
    )
    tries = any(
        one.node == other.name and (one.failed or one.under_way) for one in view.status.database
    )
    return other.healthy and fails and tries


TABLE = (
    Row(
        "no such node",
        lambda v: not v.known,
        Act.REFUSE,
        "A mistyped name must change nothing.",
        "{node} is no node of this cluster: its nodes are {nodes}",
    ),
    Row(
        "no role",
        lambda v: v.status.group is None,
        Act.REFUSE,
        "The cluster is not configured yet.",
        "the cluster has no group {group}: run `xcat-hamn configure` first",
    ),
    Row(
        "active",
        lambda v: v.status.active_on() == v.node and v.me.healthy,
        Act.NOTHING,
        "Safe to repeat.",
        "{node} is the management node already",
    ),
    Row(
        "the lost node itself",
        lambda v: not v.me.online and v.me.unclean,
        Act.REFUSE,
        "The other node takes over from it.",
        "{node} is the node that was lost: `xcat-hamn takeover {other}` takes over from it",
    ),
    Row(
        "not there",
        lambda v: not v.me.online,
        Act.REFUSE,
        "Only a member can start anything.",
        "{node} is not in the cluster: start it with `pcs cluster start {node}`",
    ),
    Row(
        "joining",
        lambda v: v.me.pending,
        Act.REFUSE,
        "It has not told yet what it has.",
        "{node} is joining the cluster: wait until crm_mon shows it online",
    ),
    Row(
        "cannot stop",
        lambda v: v.me.unclean,
        Act.REFUSE,
        "The cluster wants to fence this very node.",
        "{node} could not stop a resource and is to be fenced: repair it and run `pcs resource "
        "cleanup`, or take over on {other}",
    ),
    Row(
        "no quorum",
        lambda v: not v.status.quorum,
        Act.REFUSE,
        "Nothing would start.",
        "this part of the cluster has no quorum: bring the other node back, or look at `pcs quorum "
        "status`",
    ),
    Row(
        "not managed",
        lambda v: v.status.maintenance
        or v.me.maintenance
        or not all(one.managed for one in v.status.role),
        Act.REFUSE,
        "The cluster would not act on it.",
        "the cluster is told to keep its hands off: end that first (`pcs property set "
        "maintenance-mode=false`, `pcs node unmaintenance {node}`, `pcs resource manage {group}`)",
    ),
    Row(
        "stopped by hand",
        lambda v: bool(v.status.stopped),
        Act.REFUSE,
        "A person has stopped it and may have a reason.",
        "{stopped} was stopped by hand: `pcs resource enable {stopped}` first",
    ),
    Row(
        "kept free",
        lambda v: v.me.standby,
        Act.REFUSE,
        "Pacemaker's standby mode keeps every resource away.",
        "{node} is kept free of resources: `pcs node unstandby {node}` first",
    ),
    Row(
        "another move",
        lambda v: bool(v.moves)
        and v.status.busy()
        and all(m.healthy or not m.online for m in v.status.members.values())
        and not v.status.fencing,
        Act.REFUSE,
        "Two moves at a time would send the role to and fro.",
        "a move of {group} to {moves} is under way: wait for its end",
    ),
    Row(
        "on its way",
        lambda v: v.arriving,
        Act.WAIT,
        "It was asked for before, or the cluster does it by itself.",
        "the role is on its way to {node}",
    ),
    Row(
        "incomplete",
        lambda v: v.node in v.status.primaries(),
        Act.REFUSE,
        "No move starts what has failed.",
        "{node} has the database, but not every part of {group} runs there: see the failures in "
        "crm_mon, then `pcs resource cleanup`",
    ),
    Row(
        "preparing",
        lambda v: v.word == "preparing",
        Act.REFUSE,
        "Half a copy is no database.",
        "the database is still being copied to {node}: wait until its xcat-db is standby",
    ),
    Row(
        "diverged, and not running",
        lambda v: v.word == "diverged" and not v.me.score,
        Act.REFUSE,
        "What it has cannot be had beside the other one's data (Db2; PostgreSQL runs then).",
        "the database on {node} has parted from {other}'s and does not run: `xcat-hamn rejoin "
        "{node}` makes it a standby again",
    ),
    Row(
        "no database",
        lambda v: v.word in _DEAD_WORDS and (v.me.gated or not v.me.score),
        Act.REFUSE,
        "There is nothing to promote.",
        "the database on {node} does not run: see the failures in crm_mon, then `pcs resource "
        "cleanup xcat-db`",
    ),
    Row(
        "not asked yet",
        lambda v: not v.me.score,
        Act.REFUSE,
        "Without a score Pacemaker promotes nobody.",
        "the database on {node} has not said yet whether it can be promoted: try again in some "
        "seconds",
    ),
    Row(
        "the other keeps failing",
        _other_keeps_failing,
        Act.REFUSE,
        "Pacemaker recovers it there again and again before it promotes anybody else, and no move "
        "changes that (seen on Pacemaker 2.1.5).",
        "the database on {other} does not start, and the cluster goes on trying: repair it, or "
        "take {other} out with `pcs node standby {other}` and ask again",
    ),
    Row(
        "loss not noticed yet",
        lambda v: v.unnoticed,
        Act.REFUSE,
        "Its score is still that of a standby with a primary; the tool waits for it first.",
        "the database on {node} has not noticed yet that {other} is gone: try again in some "
        "seconds, on {node}",
    ),
    Row(
        "no fencing",
        lambda v: not v.other.online and not v.status.fences and (v.lossy or bool(v.limited)),
        Act.REFUSE,
        "A primary that is only out of sight may still be one.",
        "nothing proves that {other} is down, since stonith-enabled is false: run `xcat-hamn "
        "configure` (its fencing asks you, where there is no power device), or bring {other} back",
    ),
    Row(
        "ready, nothing to accept",
        lambda v: not v.lossy and v.accepted,
        Act.MOVE,
        "Nobody should get used to accepting losses.",
        "{node} is ready and nothing would be lost: --accept-data-loss is not needed",
    ),
    Row(
        "ready, the role runs nowhere",
        lambda v: not v.lossy and not v.status.group_nodes(),
        Act.MOVE,
        "`pcs resource move` refuses a group that is not running.",
        "{node} is ready, and the role runs nowhere",
    ),
    Row(
        "ready",
        lambda v: not v.lossy,
        Act.MOVE,
        "The ordinary command is enough.",
        "{node} is ready: `pcs resource move {group} {node}` is all it takes",
    ),
    Row(
        "stuck primary",
        lambda v: is_primary(v.other) and v.other.unclean,
        Act.REFUSE,
        "It has the newest data and lives; whether to give it up is a decision of its own.",
        "the database on {other} runs as the primary, but {other} could not stop a resource: "
        "repair that and run `pcs resource cleanup`, or switch it off (`pcs stonith fence "
        "{other}`) and ask again",
    ),
    Row(
        "primary runs",
        lambda v: is_primary(v.other),
        Act.REFUSE,
        "Nothing has to be lost while the primary is there.",
        "the database on {other} runs as the primary, so nothing has to be lost, and {node} is not "
        "ready: {limit}; then `pcs resource move {group} {node}`",
    ),
    Row(
        "foreign database",
        lambda v: v.foreign,
        Act.REFUSE,
        "It would not be xCAT's data at all.",
        "{node} and {other} hold two different databases: {limit}",
    ),
    Row(
        "the other cannot be read",
        lambda v: v.unread and v.me.gated,
        Act.REFUSE,
        "It may be a primary that nobody can ask; promote would refuse until it is proven down.",
        "what the database on {other} is cannot be read, and {other} lives: repair it (see the "
        "failures in crm_mon, then `pcs resource cleanup xcat-db`), or take {other} out (`pcs "
        "cluster stop {other}`, or `pcs stonith fence {other}`) and ask again",
    ),
    Row(
        "the other can lead",
        lambda v: v.other.healthy and bool(v.other.score) and not v.other.gated,
        Act.REFUSE,
        "It has everything.",
        "{other} is there and can lead with all that was committed: `xcat-hamn takeover {other}`; "
        "{node} then follows it",
    ),
    Row(
        "the other is newer",
        _other_is_newer,
        Act.REFUSE,
        "Less is lost there.",
        "the data on {other} is newer than that on {node}: let {other} lead (`xcat-hamn takeover "
        "{other}`); {node} then follows it",
    ),
    Row(
        "nothing is missing",
        lambda v: v.complete and v.end is not None,
        Act.ORDER,
        "No failover without a command, but nothing to accept either.",
        "nothing that {other} committed is missing on {node}, which takes over by this command; "
        "{other} follows it when its database starts",
    ),
    Row(
        "end not known",
        lambda v: v.end is None,
        Act.REFUSE,
        "Nobody can agree to what nobody knows.",
        "{node} is not ready ({limit}), and has not said yet how far its data goes: try again in "
        "some seconds",
    ),
    Row(
        "not accepted",
        lambda v: not v.accepted,
        Act.ASK,
        "A loss is accepted by an act of its own, never by a move.",
        "{node} cannot take over without a loss: {limit}",
    ),
    Row(
        "accepted",
        lambda _: True,
        Act.CONSENT,
        "The consent names the end of the data, and holds for nothing else.",
        "{node} takes over with the data that it has: {limit}",
    ),
)


def judge(view: View) -> Verdict:
    """Return what follows from ``view``; total, since the last row always holds."""
    row = next(row for row in TABLE if row.when(view))
    sentence = row.sentence.format(
        node=view.node,
        other=view.other.name,
        nodes=", ".join(sorted(view.status.members)) or "none",
        group=GROUP,
        moves=" ".join(view.moves),
        stopped=" ".join(view.status.stopped),
        limit=view.limit,
    )
    return Verdict(row.name, row.act, sentence)


def safer(view: View) -> str:
    """Return the way that loses nothing, as far as one is left."""
    other = view.other
    if not other.online:
        return (
            f"bring {other.name} back (power, network, then `pcs cluster start {other.name}`): "
            "its database has everything"
        )
    return (
        f"repair the database on {other.name}, which is in the cluster (see the failures in "
        "crm_mon, then `pcs resource cleanup xcat-db`): it may have everything"
    )
