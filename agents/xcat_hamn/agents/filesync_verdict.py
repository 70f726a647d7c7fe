"""What the copy of files is, as a word and a sentence that change seldom: one table for each role.

The rows are tried from the top; the first that holds decides.  Nothing here is read or done, and no
number that changes all the time gets into a sentence: it would fire an alert each time.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from xcat_hamn.files.resident.glance import Entry

#: Ages are told as the longest of these that has passed.
_SPANS = (
    (7 * 86400, "a week"), (86400, "a day"), (6 * 3600, "6 hours"), (3600, "an hour"),
    (600, "10 minutes"), (60, "a minute"),
)  # fmt: skip
#: Kinds of ``files.ports`` that ask for somebody's hand, and what to do about each.
_HANDS = {
    "full": "there is no room left on {peer}: make room on the file system that it is copied to",
    "refused-key": "{peer} does not accept the key of {here}: run `xcat-hamn setup files`",
    "host-key": (
        "the host key of {peer} is not the one that is known: if {peer} was installed anew run "
        "`xcat-hamn setup files`, else find out what answers in its place"
    ),
    "read-only": (
        "the file system on {peer} is read-only: look at the kernel's messages there, repair it "
        "and mount it anew"
    ),
    "refused": (
        "{peer} refuses it: the definitions in /etc/xcat/hamn.d must be the same on both nodes; "
        "{log} has its words"
    ),
    "source": "it cannot be read on {here}, or is not what it was: {log} says why",
    "clock": "the clock of {peer} makes no sense: synchronize both (chronyd)",
    "tool": "rsync or ssh on {here} is missing or too old: install the package's requirements",
}
#: Kinds that pass by themselves, and are told of once the set is older than it may be.
_PASSING = {
    "unreachable": "{peer} does not answer",
    "timeout": "the copy does not end in its time: {log} says more",
    "vanished": "it changes faster than it can be copied",
    "failed": "the copy fails: {log} says why",
}
OLDER = "older-epoch"


class Verdict:
    """The ``word`` and the ``limit`` for the attributes; ``degraded``: it needs attention."""

    __slots__ = ("degraded", "limit", "word")

    def __init__(self, word: str, limit: str = "", *, degraded: bool = False) -> None:
        self.word = word
        self.limit = limit
        self.degraded = degraded


class SourceView:
    """What the source knows: ``running`` tells whether its process lives, or ``why`` not.

    ``contact``: the process's sentence on the other node.  ``ages``: of each set, its seconds
    beyond which nothing is proven.  ``newer``: the words for who else claims to be the source.
    """

    __slots__ = ("ages", "contact", "entries", "here", "log", "newer", "peer", "running", "why")

    def __init__(
        self,
        here: str,
        peer: str,
        log: str,
        *,
        running: bool = True,
        why: str = "",
        contact: str = "",
        entries: Sequence[Entry] = (),
        ages: Mapping[str, float] | None = None,
        newer: str = "",
    ) -> None:
        self.here = here
        self.peer = peer
        self.log = log
        self.running = running
        self.why = why
        self.contact = contact
        self.entries = tuple(entries)
        self.ages = ages or {}
        self.newer = newer

    def named(self, chosen: Sequence[Entry], sentence: str) -> str:
        """Return ``sentence`` about the sets ``chosen``."""
        names = ", ".join(entry.name for entry in chosen)
        return f"{names}: {sentence.format(here=self.here, peer=self.peer, log=self.log)}"

    @property
    def clocks(self) -> bool:
        """Tell whether the clocks of the nodes differ."""
        return "clock" in self.contact

    def stale(self) -> list[Entry]:
        """Return the sets that are behind for longer than they may be."""
        return [one for one in self.entries if self.ages.get(one.name, 0.0) > one.max_age]


def about(age: float) -> str:
    """Return how long ``age`` seconds are, in words that change seldom."""
    return next((f"more than {words}" for span, words in _SPANS if age > span), "a minute at most")


def _refused(view: SourceView) -> str:
    if not any(entry.problem == OLDER for entry in view.entries):
        return ""
    who = view.newer or f"{view.peer} has seen a newer source, or claims to be it"
    return (
        f"nothing is copied from {view.here}: {who}. If the files of {view.peer} are the ones to "
        f"keep, move the role there: `pcs resource move xcat-mn {view.peer}`"
    )


def _failing(view: SourceView) -> str:
    told = []
    for kind, sentence in _HANDS.items():
        chosen = [entry for entry in view.entries if entry.problem == kind]
        if chosen:
            told.append(view.named(chosen, sentence))
    return "; ".join(told)


def _clocks(view: SourceView) -> str:
    if not view.clocks:
        return ""
    return (
        f"the clocks of {view.here} and {view.peer} differ, so ages cannot be trusted: synchronize "
        "both (chronyd)"
    )


def _stale(view: SourceView) -> str:
    groups: dict[str, list[Entry]] = {}
    for entry in view.stale():
        why = _PASSING.get(entry.problem, "it is behind")
        if view.contact and not view.clocks:
            why = _PASSING["unreachable"]
        text = f"not proven on {{peer}} for {about(view.ages[entry.name])}, {why}"
        groups.setdefault(text, []).append(entry)
    return "; ".join(view.named(chosen, sentence) for sentence, chosen in groups.items())


def _alone(view: SourceView) -> str:
    away = view.contact and not view.clocks
    return f"{view.peer} does not answer: changes wait until it is back" if away else ""


#: (case, word, degraded, when and with which sentence; "" when it does not hold).
SOURCE: tuple[tuple[str, str, bool, Callable[[SourceView], str]], ...] = (
    (
        "its process cannot be kept running",
        "source-stopped",
        True,
        lambda view: "" if view.running else view.why,
    ),
    ("another node is the source in a newer epoch", "source-refused", True, _refused),
    ("a copy fails until somebody does something", "source-failing", True, _failing),
    ("the clocks differ", "source-failing", True, _clocks),
    ("a set is behind for longer than its max_age", "source-stale", True, _stale),
    ("the other node does not answer", "source-alone", False, _alone),
)


def of_source(view: SourceView) -> Verdict:
    """Return what the source is."""
    for _case, word, degraded, sentence in SOURCE:
        limit = sentence(view)
        if limit:
            return Verdict(word, limit, degraded=degraded)
    return Verdict("source")


class ReplicaView:
    """What the replica knows: for each set (with its ``most`` seconds) its age, None for never.

    ``lacks``: why it could not receive.  ``owed``: sets that the other node does not have from the
    time when this node was the source.
    """

    __slots__ = ("ages", "here", "lacks", "most", "owed", "peer")

    def __init__(
        self,
        here: str,
        peer: str,
        ages: Mapping[str, float | None],
        most: Mapping[str, float],
        *,
        lacks: str = "",
        owed: Sequence[str] = (),
    ) -> None:
        self.here = here
        self.peer = peer
        self.ages = ages
        self.most = most
        self.lacks = lacks
        self.owed = tuple(owed)


def of_replica(view: ReplicaView) -> Verdict:
    """Return what the replica is; its own age is no failure, for the source tells of the copy."""
    if view.lacks:
        return Verdict("unable", view.lacks)
    told = []
    if view.owed:
        told.append(
            f"{', '.join(view.owed)}: {view.here} changed files that {view.peer} never got; they "
            "are kept aside before they are replaced (`xcat-hamn report`)"
        )
    never = [name for name in view.most if view.ages.get(name) is None]
    if never and len(never) == len(view.most):
        return Verdict("replica-empty", "; ".join(told))
    groups: dict[str, list[str]] = {}
    for name, most in view.most.items():
        age = view.ages.get(name)
        if age is not None and age > most:
            groups.setdefault(about(age), []).append(name)
    told += [f"{', '.join(names)}: {words} old" for words, names in groups.items()]
    if never:
        told.append(f"{', '.join(never)}: never received")
    return Verdict("replica-stale" if groups or never else "replica", "; ".join(told))
