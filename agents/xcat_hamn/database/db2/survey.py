"""From what Db2 and the cluster say to the ``View`` that the decision looks at."""

from __future__ import annotations

import time

from xcat_hamn.cluster import fate
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2 import view as v
from xcat_hamn.database.db2.window import is_credible, parse_window, remember
from xcat_hamn.errors import HamnError
from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.cluster.fate import Fate
    from xcat_hamn.database.db2.term import Term

# Names under which nodes share what does not belong in crm_mon.
DATA = "data"  # "ROLE TERM POSITION", see ``Data``
HANDOVER = "handover"  # on the standby's node: "TERM POSITION" of a primary that ended cleanly
#: The names and the form of these are those of xcat-pgsql, for the operator's tool.
TIMELINE = "timeline"  # the term of a database that is not active, by which it counts as known
END = "end"  # "TERM POSITION LAST_CONTACT LAST_COMMIT"
CONSENT = "consent"  # "TERM POSITION": the end for which the operator accepted that more is lost

# Roles in DATA.
LEADS = "primary"  # active as the primary
CLAIMS = "claims"  # its role is PRIMARY, and it is not active
FOLLOWS = "standby"  # active as a standby

_ROLES = {LEADS: v.PEER_PRIMARY, CLAIMS: v.PEER_CLAIMS, FOLLOWS: v.PEER_STANDBY}


class Data:
    """A node's data: role, term, and position in bytes (0: not shown)."""

    __slots__ = ("position", "role", "term")

    def __init__(self, role: str, term: int = 0, position: int = 0) -> None:
        self.role = role
        self.term = term
        self.position = position

    def __str__(self) -> str:
        """Return the form that ``parse_data`` reads."""
        return f"{self.role} {self.term} {self.position}"


def parse_data(text: str | None) -> Data | None:
    """Return what ``str`` of a Data was, None for anything else."""
    words = (text or "").split()
    if len(words) == 3 and words[0] in _ROLES and words[1].isdecimal() and words[2].isdecimal():
        return Data(words[0], int(words[1]), int(words[2]))
    return None


def data_of(found: hadr.Hadr | None, term: int, *, followed: bool = False) -> Data:
    """Return what this node shows of its data: of what db2pd ``found``, None for an idle primary.

    The position of a standby that is ``followed`` by writes of a primary changes with each of them
    and compares nothing, so it stays out.
    """
    if found is None:
        return Data(CLAIMS, term)
    if found.role == hadr.PRIMARY:
        return Data(LEADS, term)
    return Data(FOLLOWS, term, 0 if followed else position_of(found))


def is_followed(view: v.View) -> bool:
    """Tell whether there is a primary, connected to this standby."""
    return view.attached and view.peer == v.PEER_PRIMARY


def position_of(found: hadr.Hadr) -> int:
    """Return how far the log of a standby goes, in bytes; 0 when it is not known."""
    return found.standby_log[2] if found.standby_log else 0


def rank_of(mine: Data, theirs: Data) -> str:
    """Return how this node's data compares with that of another one."""
    if mine.term != theirs.term:
        # Without a term (0) the cluster never saw who led.
        known = mine.term and theirs.term
        return (v.NEWER if mine.term > theirs.term else v.OLDER) if known else v.UNKNOWN
    if not mine.position or not theirs.position:
        return v.UNKNOWN
    if mine.position == theirs.position:
        return v.SAME
    return v.NEWER if mine.position > theirs.position else v.OLDER


def handed_over(text: str | None, term: int, position: int) -> int | None:
    """Return the term of the primary that ended cleanly, if all that it had is here, else None.

    That term may be newer than this node's ``term``: of a primary that did not last until this
    node's next look.  One from before it has been used up.
    """
    words = (text or "").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None
    theirs, last = map(int, words)
    return theirs if theirs >= term and last <= position else None


def most_telling(peers: Mapping[str, Data | None]) -> tuple[str, Data | None]:
    """Return the peer that decides: a primary, one that was, one unseen, else a standby."""
    order = (LEADS, CLAIMS, None, FOLLOWS)
    return min(peers.items(), key=lambda item: order.index(item[1].role if item[1] else None))


class Obituary:
    """When the other node was proven down, by this node's own clock.

    What was seen of an earlier death must not count for this one: only what came after the other
    node was seen last does.  ``history`` asks the cluster for a fencing in a span of time.
    """

    def __init__(
        self, run_directory: str, history: Callable[[str, float, float], int | None]
    ) -> None:
        self._seen = f"{run_directory}/peer-seen"
        self._down = f"{run_directory}/peer-down"
        self._history = history

    def seen(self) -> None:
        """Note that the other node is there now."""
        write_text(self._seen, f"{time.time():.0f}", mode=0o644)
        remove(self._down)

    def forget(self) -> None:
        """Note that there is no proof."""
        remove(self._down)

    def last_seen(self) -> int:
        """Return when the other node was there last, 0 when it is not known."""
        return _number(self._seen)

    def down(self, node: str) -> int:
        """Return when ``node`` was down at the latest; the first look that saw it is remembered."""
        now = int(time.time())
        moment = _number(self._down) or now
        last = self.last_seen()
        if last and last < moment:
            moment = self._history(node, last, moment) or moment
        if moment != _number(self._down):
            write_text(self._down, f"{moment}", mode=0o644)
        return moment


def _number(path: str) -> int:
    text = read_text(path) or ""
    return int(text) if text.isdecimal() else 0


class Survey:
    """Collects the view of one node."""

    def __init__(
        self,
        attributes: Attributes,
        fates: Fate,
        obituary: Obituary,
        term: Term,
        node: str,
        peers: Sequence[str],
        run_directory: str,
    ) -> None:
        self._attributes = attributes
        self._fate = fates
        self._obituary = obituary
        self._term = term
        self._node = node
        self._peers = list(peers)
        self._window = f"{run_directory}/window"

    def peer(self) -> tuple[str, Data | None]:
        """Return the name and the data of the peer that decides.  Raises CommandFailed."""
        shown = self._attributes.shared_by_all(DATA)
        return most_telling({name: parse_data(shown.get(name)) for name in self._peers})

    def view(self, found: hadr.Hadr | None, *, promoted: bool, divergence: str = "") -> v.View:
        """Return the view of this node, whose database shows ``found`` (None: an idle primary).

        An attached standby or a primary costs one question to the cluster.  Raises CommandFailed
        when the cluster does not answer: that is not the same as nobody there.
        """
        mine = data_of(found, self._term.read())
        known: dict[str, Any] = {"node": self._node, "promoted": promoted}
        if not self._peers:
            return self._shape(found, {**known, "peer": v.PEER_NONE})
        name, theirs = self.peer()
        known.update(peer_name=name, divergence=divergence)
        known["peer"] = _ROLES[theirs.role] if theirs else v.PEER_UNKNOWN
        if theirs:
            self._obituary.seen()
            known["rank"] = rank_of(mine, theirs)
            if found and found.attached and theirs.role == LEADS and found.role == hadr.STANDBY:
                self._term.write(theirs.term)
        else:
            known.update(self._lost(name))
        if found is not None and found.role == hadr.STANDBY:
            known.update(self._windows(found))
        view = self._shape(found, known)
        if view.role == hadr.PRIMARY and view.active or is_followed(view):
            return view
        shared = self._attributes.shared
        view.accepted = shared(CONSENT, self._node) == f"{mine.term} {mine.position}"
        if found is not None:
            ended = handed_over(shared(HANDOVER, self._node), mine.term, mine.position)
            if ended is not None:
                self._term.write(ended)
                view.handed_over = True
        return view

    @staticmethod
    def _shape(found: hadr.Hadr | None, known: dict[str, Any]) -> v.View:
        if found is None:
            return v.View(role=hadr.PRIMARY, active=False, **known)
        return v.view_of(found, **known)

    def _lost(self, name: str) -> dict[str, Any]:
        """Return what became of a node that shows no database."""
        try:
            became = self._fate.of(name)
        except HamnError:
            became = fate.UNKNOWN
        if became == fate.MEMBER:
            self._obituary.seen()
        if became != fate.DOWN:
            self._obituary.forget()
            return {"back": became == fate.MEMBER}
        return {"down": True, "fenced_at": self._obituary.down(name)}

    def _windows(self, found: hadr.Hadr) -> dict[str, Any]:
        """Return until when nothing is missing, and remember it for the next look."""
        before = read_text(self._window)
        window, now = remember(parse_window(before), found), int(time.time())
        if window is None or not is_credible(window, found, now):
            remove(self._window)
            return {"now": now}
        if str(window) != before:
            write_text(self._window, str(window), mode=0o644)
        return {"now": now, "window_end": window.end}

    def forget(self) -> None:
        """Forget what holds only while the database runs."""
        remove(self._window)

    def end_of(self, found: hadr.Hadr | None) -> str:
        """Return how far this node's data goes, for the operator who asks what would be lost."""
        mine = data_of(found, self._term.read())
        commit = hadr.epoch_of(found.fields.get("STANDBY_LOG_TIME")) if found else None
        return f"{mine.term} {mine.position} {self._obituary.last_seen()} {commit or 0}"
