"""Changes of the role of xcat-filesync: what start, promote and demote do beyond a monitor."""

from __future__ import annotations

from xcat_hamn import errors
from xcat_hamn.agents.filesync_parts import EPOCH
from xcat_hamn.files import epoch, readiness
from xcat_hamn.files.completeness import problems as incomplete
from xcat_hamn.files.connection import Connection
from xcat_hamn.files.epoch import Epoch
from xcat_hamn.files.ports import OK
from xcat_hamn.files.promotion import become_source
from xcat_hamn.files.refusals import admitted
from xcat_hamn.files.request import Request
from xcat_hamn.files.resident import client, glance, supervision
from xcat_hamn.files.setfiles import load
from xcat_hamn.files.transfer import SshTransfer
from xcat_hamn.system.runner import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from xcat_hamn.agents.filesync_parts import Parts

#: Seconds for telling the other node at once who the source is now; its first copy does so anyway.
_TELLING = 4.0
#: Seconds for asking it, where the cluster does not say what it has seen.
_ASKING = 12.0
#: Seconds that a demotion keeps for ending the process, and the last copy's when the other node
#: does not answer.
_ENDING, _SILENT = 25.0, 5.0


class Change:
    """One change of the role of the node that ``parts`` is of."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._call = parts.call
        self._places = parts.places()

    # -- start -----------------------------------------------------------------------------

    def look_around(self) -> None:
        """Note what this node lacks and how old each set may be; nothing of it is a failure.

        Without its keys a node can still be the management node, which matters more.
        """
        parts = self._parts
        found = readiness.problems(self._places, parts.node, parts.peer)
        for problem in found:
            self._call.log.warning(str(problem))
        parts.notes.write("lacks", "; ".join(str(problem) for problem in found))
        chosen = self._call.values.words("sets")
        sets = admitted(load(self._places.definitions)).sets
        most = {one.name: float(one.max_age) for one in sets if not chosen or one.name in chosen}
        parts.notes.write_most(most)

    # -- promote ---------------------------------------------------------------------------

    def become_source(self) -> None:
        """Raise the epoch: here durably, then in the cluster, then on the other node."""
        parts, deadline = self._parts, self._call.deadline
        known = self._known()
        self._require_complete(known)
        patience = deadline.left() / 3
        new = become_source(self._places, parts.node, *known.values(), patience=patience)
        self._call.log.info(f"{parts.node} is the source of the files in epoch {new.number}")
        parts.share_epoch()
        if parts.peer in known:
            self._tell(new)

    def _known(self) -> Mapping[str, Epoch]:
        """Return the newest epoch that each node of the cluster has seen."""
        try:
            told = self._parts.attributes.shared_by_all(EPOCH)
        except errors.CommandFailed as problem:
            self._call.log.warning(f"{problem}: {self._parts.peer} itself is asked")
            return self._asked()
        found = {}
        for node, text in told.items():
            number, _, source = text.partition(" ")
            if number.isdecimal():
                found[node] = Epoch(int(number), source if source != "-" else "")
        return found

    def _asked(self) -> Mapping[str, Epoch]:
        parts = self._parts
        runner = Runner(self._call.deadline.sooner(_ASKING), self._call.log)
        address, port = parts.nodes[parts.peer], self._call.values.number("port")
        transfer = SshTransfer(parts.node, parts.peer, address, self._places, runner, port=port)
        found = transfer.hello(timeout=self._call.deadline.at_most(_ASKING))
        transfer.close()
        return {parts.peer: Epoch(found.epoch, found.source)} if found.node else {}

    def _require_complete(self, known: Mapping[str, Epoch]) -> None:
        """Refuse a node that lacks what the last source has.  Raises Refused.

        A node that was the last source itself, or the first one, has the newest files there are.
        """
        last = max([epoch.read(self._places.epoch), *known.values()])
        if not self._call.values.flag("require_complete"):
            return
        found = incomplete(admitted(load(self._places.definitions)), self._call.runner)
        first = last.node in ("", self._parts.node)
        for problem in found:
            self._call.log.warning(problem)
        if found and not first:
            raise errors.Refused(
                f"{self._parts.node} is not complete enough for the role: {'; '.join(found)} "
                "(parameter require_complete=false accepts it as it is)"
            )

    def _tell(self, new: Epoch) -> None:
        """Have the other node remember the epoch, so that it holds whatever becomes of this one."""
        parts = self._parts
        runner = Runner(self._call.deadline.sooner(_TELLING), self._call.log)
        port = self._call.values.number("port")
        connection = Connection(
            parts.peer, parts.nodes[parts.peer], self._places, runner, port=port
        )
        try:
            said = connection.open()
            if said.kind == OK:
                said, _, _ = connection.ask(Request("mark", new.number, new.node), _TELLING)
            sentence = said.sentence
        except (errors.HamnError, OSError) as problem:
            sentence = str(problem)
        # The connection stays: the resident process goes on with it.
        if sentence:
            self._call.log.warning(
                f"{parts.peer} was not yet told of epoch {new.number} ({sentence}): the first copy "
                "will"
            )

    # -- the resident process --------------------------------------------------------------

    def bring_up(self) -> str:
        """Make sure that the process runs, and nothing of an older one; return why not, or ""."""
        parts, call = self._parts, self._call
        try:
            supervision.end(parts.where, self._places.run, call.runner, call.deadline)
            supervision.start(parts.where, parts.options(), call.runner, call.deadline)
        except errors.HamnError as problem:
            return str(problem)
        return ""

    def put_down(self) -> None:
        """End the process.  Raises CommandFailed when anything of it goes on."""
        supervision.end(self._parts.where, self._places.run, self._call.runner, self._call.deadline)

    # -- demote ----------------------------------------------------------------------------

    def last_copy(self) -> dict[str, str]:
        """Make the last copy; return the sets that are not proven to be there, each with why."""
        parts, call = self._parts, self._call
        everything = dict.fromkeys(parts.notes.most())
        if parts.peer not in self._known():
            return dict.fromkeys(everything, f"{parts.peer} is not in the cluster")
        if not glance.alive(parts.where):
            why = self.bring_up()
            if why:
                return dict.fromkeys(everything, why)
        seconds = min(call.values.seconds("last_copy"), call.deadline.left() - _ENDING)
        seen = glance.look(parts.where)
        if seen.contact and "clock" not in seen.contact:
            seconds = min(seconds, _SILENT)
        try:
            answer = client.finish(parts.where, seconds=max(1.0, seconds))
        except errors.HamnError as problem:
            return dict.fromkeys(everything, str(problem))
        return {str(name): str(why) for name, why in answer["missing"].items()}
