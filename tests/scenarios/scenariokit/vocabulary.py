"""The words of a scenario's steps: one table, by which data is checked before anything runs.

A step is a TOML table: one of these words with its object, and options. `on` names the node on
which a command is typed or from which the cluster is looked at; `within` bounds a wait in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NODES = ("mn1", "mn2")
#: The databases with which scenarios are played.
DATABASES = ("postgresql", "db2")
#: Nodes with a writer of their own.
CLIENTS = ("mn1", "mn2", "cn1")
#: What runs on the active node, and what receives from the primary on the standby.
DAEMONS = ("database", "receiver", "named", "dhcpd", "conserver", "xcatd")


@dataclass(frozen=True)
class Verb:
    """What may follow a word: the values of its object (empty: any text), and its options.

    `number` is the kind of object that is a number of seconds.
    """

    meaning: str
    objects: tuple[str, ...] = ()
    options: Mapping[str, type] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    number: bool = False


_ON = {"on": str}
_WAIT = {"within": float}
_LOOK = {"on": str, "within": float}

VERBS: dict[str, Verb] = {
    # what goes wrong, and is put right
    "crash": Verb("takes the node's power away", NODES),
    "boot": Verb("gives power again; the cluster starts at boot", NODES),
    "cut": Verb("pulls the network cable of the node", NODES),
    "heal": Verb("plugs it in again", NODES),
    "link_down": Verb("takes eth0 down inside the node", NODES),
    "link_up": Verb("brings eth0 up again, with the node's own addresses", NODES),
    "kill": Verb("kills a daemon with SIGKILL", DAEMONS, _ON, ("on",)),
    "freeze": Verb("stops a daemon with SIGSTOP", DAEMONS, _ON, ("on",)),
    "thaw": Verb("lets it go on", DAEMONS, _ON, ("on",)),
    "ambush": Verb(
        "kills the next process of an agent ('RESOURCE ACTION') in the middle of its work",
        (),
        {"on": str, "after": float},
        ("on",),
    ),
    "struck": Verb("waits until the ambush has killed its victim", (), _WAIT),
    "small_disk": Verb("puts the write-ahead log of the standby on a disk of its own", NODES),
    "fill": Verb("fills that disk", NODES),
    "free": Verb("deletes what filled it", NODES),
    "refuse_power": Verb("lets the BMC of the node refuse all power commands", NODES),
    "obey_power": Verb("lets it obey again", NODES),
    "bmc_off": Verb("takes the power of the node's BMC away, too", NODES),
    "bmc_on": Verb("gives it power again", NODES),
    "clock_ahead": Verb("sets the cluster's clock on the node an hour ahead", NODES),
    "rejoin": Verb(
        "the database of the node follows the other one again: by itself, or by the command that "
        "crm_mon names",
        NODES,
        _WAIT,
    ),
    "leave": Verb("stops the cluster on the node in order", NODES),
    "join": Verb("starts the cluster on the node", NODES),
    # what the operator does
    "move": Verb(
        "pcs resource move xcat-mn NODE; `refused` is a pattern of what it must say when it must "
        "not succeed, `outcome = any` takes what comes",
        NODES,
        {"on": str, "refused": str, "outcome": str, "within": float},
    ),
    "begin_move": Verb("types that command and leaves it running", NODES, _ON),
    "interrupt": Verb(
        "interrupts it, as ctrl-C does, and clears its constraint; with `outcome = any` it may "
        "have succeeded meanwhile",
        NODES,
        {"outcome": str},
    ),
    "moved": Verb("waits until it has succeeded", NODES, _WAIT),
    "type": Verb(
        "types a command; `refused` as above",
        (),
        {"on": str, "refused": str, "within": float},
        ("on",),
    ),
    "cleanup": Verb("pcs resource cleanup", NODES),
    "reconcile": Verb(
        "waits until the cluster is whole, and types what crm_mon says is needed for that",
        ("everything",),
        _WAIT,
    ),
    "repair": Verb("puts right all that went wrong: power, cables, daemons", ("everything",)),
    # what must be seen
    "role": Verb("the whole role is active on the node", NODES, _WAIT),
    "settled": Verb("... and the other node is ready to take over", NODES, _WAIT),
    "stays": Verb("the role is still there after so many seconds", NODES, {"seconds": float}),
    "gate": Verb("the operator's gate waits and says so", (), _LOOK, ("on",)),
    "attribute": Verb(
        "a node attribute has a value (`is`, a pattern; empty: it has none)",
        (),
        {"of": str, "is": str, "on": str, "within": float},
        ("of", "is"),
    ),
    "lost": Verb("the node is not online any more", NODES, _LOOK, ("on",)),
    "online": Verb("the node is online", NODES, _LOOK, ("on",)),
    "off": Verb("the node has no power any more", NODES, _WAIT),
    "alive": Verb("the node has power", NODES),
    "spared": Verb("nobody has asked the BMC of the node for anything but its state", NODES),
    "recovered": Verb(
        "a daemon that was hit runs anew, and the whole role", DAEMONS, _LOOK, ("on",)
    ),
    "writes": Verb("a writer on the node gets commits acknowledged", CLIENTS, _WAIT),
    "hangs": Verb("no commit of it is acknowledged", CLIENTS, {"seconds": float}),
    "pause": Verb(
        "waits a number of seconds (for chaos, which does not know what to expect)", number=True
    ),
}
