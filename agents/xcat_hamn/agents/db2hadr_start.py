"""How xcat-db2hadr starts: the instance, then the database in the role that is right for it."""

from __future__ import annotations

from xcat_hamn import errors
from xcat_hamn.database.db2 import configuration, hadr
from xcat_hamn.database.db2.environment import introduce
from xcat_hamn.database.db2.instance import INSTANCE_DOWN
from xcat_hamn.database.db2.introduction import INTRODUCTION, mismatches, parse
from xcat_hamn.database.db2.marks import DIVERGED, IDLE
from xcat_hamn.database.db2.reintegration import Reintegration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.agents.db2hadr_parts import Parts


class Start:
    """One start, through what the agent acts through."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._instance = parts.instance

    def start(self) -> None:
        """Start it.  Raises CommandFailed, NodeError when no try can help."""
        call = self._parts.call
        condition, found = self._instance.look()
        if condition == INSTANCE_DOWN:
            self._start_instance()
            condition, found = self._instance.look()
        if found is not None and found.role == hadr.PRIMARY:
            call.log.info("Db2 runs as a primary that nobody promoted: deactivating it")
            self._instance.deactivate(call.deadline)
            found = None
        elif condition == hadr.NOT_HADR:
            raise errors.NodeError(
                f"database {self._instance.database} is active, and is no HADR database: make it "
                "one with `xcat-hamn setup database`"
            )
        if found is None:
            self._parts.survey.forget()
            self._start_database()
        self._introduce()
        condition, found = self._instance.look()
        view = self._parts.publication.look(found, promoted=False)
        if view is not None:
            self._parts.publication.show(found, view)

    def _introduce(self) -> None:
        """Tell the other nodes how HADR is set here, and tell the log what does not match."""
        parts = self._parts
        try:
            here = introduce(self._instance)
            parts.attributes.share(INTRODUCTION, str(here))
            told = parts.attributes.shared_by_all(INTRODUCTION)
        except errors.HamnError as problem:
            parts.call.log.warning(f"the databases were not compared: {problem}")
            return
        for name in parts.peers:
            if name in told:
                for sentence in mismatches(here, parse(told[name]), (parts.node, name)):
                    parts.call.log.error(sentence)

    def _start_instance(self) -> None:
        if not self._parts.call.values.flag("manage_instance"):
            raise errors.CommandFailed(
                f"the Db2 instance {self._instance.name} does not run, and parameter "
                "manage_instance is false: start it with db2start"
            )
        self._instance.start_instance()

    def _start_database(self) -> None:
        parts, call = self._parts, self._parts.call
        here = self._instance.configuration()
        restored = here.role == hadr.STANDARD and here.is_set(configuration.ROLLFORWARD_PENDING)
        if here.role not in (hadr.PRIMARY, hadr.STANDBY) and not restored:
            raise errors.NodeError(
                f"the database on {parts.node} is no HADR database (role "
                f"{here.role or 'unknown'}): make it one with `xcat-hamn setup database`"
            )
        following = Reintegration(self._instance, parts.survey, call.deadline, call.log, parts.node)
        try:
            if here.role == hadr.STANDBY:
                following.activate()
            elif restored or following.must_give_way():
                following.start_as_standby()
            else:
                parts.marks.put(IDLE)
                return
        except errors.NodeError as problem:
            parts.marks.put(DIVERGED, str(problem))
            raise
        parts.marks.drop(IDLE)
