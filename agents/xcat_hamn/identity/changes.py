"""Take the identity and give it back: the steps, in their order, each undoable.

Kept apart from the monitor's path, which never imports it.
"""

from __future__ import annotations

from xcat_hamn.errors import HamnError
from xcat_hamn.identity.announcer import announce, silence
from xcat_hamn.identity.hostname import DatabaseHooks
from xcat_hamn.identity.judgment import refusal
from xcat_hamn.identity.record import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xcat_hamn.identity.addresses import ServiceAddress
    from xcat_hamn.identity.hostname import HostName
    from xcat_hamn.identity.network import Network, Snapshot
    from xcat_hamn.identity.record import Record
    from xcat_hamn.ocf.log import Log

#: Seconds in which every living neighbor answers one of the probes (see ``system.neighbors``).
PROBE_SECONDS = 0.6


def conflict(address: ServiceAddress, holder: str) -> str:
    """Return the sentence for an ``address`` that ``holder`` (a hardware address) has."""
    return (
        f"{address.text} is held by another host on {address.interface} ({holder}): if that is "
        "the old management node, switch it off or stop the resource there; nothing was changed"
    )


class Identity:
    """The identity of the management node on this node, as something to take and give back."""

    def __init__(
        self,
        network: Network,
        host: HostName,
        record: Record,
        log: Log,
        hooks: DatabaseHooks | None = None,
    ) -> None:
        self._network = network
        self._host = host
        self._record = record
        self._log = log
        self._hooks = hooks or DatabaseHooks()

    def ask(self, addresses: Sequence[ServiceAddress], snapshot: Snapshot) -> list[str]:
        """Return one sentence for each of ``addresses`` that another host holds."""
        for address in addresses:
            link = snapshot.links.get(address.interface)
            if link and not link.askable:
                self._log.warning(
                    f"whether another host holds {address.text} cannot be asked, nor the address "
                    f"announced, on {address.interface}, which is no Ethernet: make sure of both "
                    "otherwise"
                )
        found = self._network.holders(addresses, PROBE_SECONDS)
        return [conflict(address, holder) for address, holder in found.items()]

    def take(
        self,
        wanted: Sequence[ServiceAddress],
        name: str,
        *,
        probe: bool,
        announcements: int,
    ) -> None:
        """Add those of the ``wanted`` addresses that are missing, announce all, take ``name``.

        Raises HamnError, with everything that this call added taken away again.
        """
        before = self._network.snapshot()
        missing = [address for address in wanted if not before.find(address)]
        refused = refusal(missing, before)
        if refused:
            raise refused
        if probe and missing:
            conflicts = self.ask(missing, before)
            if conflicts:
                raise HamnError(conflicts[0])
        old = self._record.read()
        self._warn_of_strangers(wanted, missing, old)
        own = self._own_name(name, old)
        self._record.write(Entry(wanted, name, own))
        try:
            self._add(missing)
            self._announce(wanted, announcements)
            self._rename(name)
        except BaseException:
            self._withdraw(missing)
            raise
        self._log.info(
            f"took {', '.join(str(address) for address in wanted)}"
            + (f' and the host name "{name}" (own: "{own}")' if name else "")
        )

    def give_back(self, wanted: Sequence[ServiceAddress]) -> None:
        """Remove the ``wanted`` addresses and all that ``take`` recorded; restore the own name.

        Raises HamnError when something is still in place afterwards.
        """
        silence(self._record.announcing)
        entry = self._record.read() or Entry([], "", "")
        addresses = list(dict.fromkeys([*wanted, *entry.addresses]))
        try:
            # All are tried: one that cannot be removed must not keep the others here.
            problems = [
                problem for address in addresses if (problem := self._try_to_remove(address))
            ]
        finally:
            self._restore_name(entry)
        if problems:
            raise problems[0]
        after = self._network.snapshot()
        for address in addresses:
            if after.find(address):
                raise HamnError(
                    f"{address.text} is on {address.interface} again right after its removal: "
                    "find out which network service puts it there and take it out of its "
                    "configuration"
                )
        self._record.drop()
        self._log.info(f"gave back {', '.join(str(address) for address in addresses)}")

    def _try_to_remove(self, address: ServiceAddress) -> HamnError | None:
        try:
            self._network.remove(address)
        except HamnError as problem:
            return problem
        return None

    def _warn_of_strangers(
        self,
        wanted: Sequence[ServiceAddress],
        missing: Sequence[ServiceAddress],
        old: Entry | None,
    ) -> None:
        for address in wanted:
            if old is None and address not in missing:
                self._log.warning(
                    f"{address} was here before the cluster put it here: if the network "
                    "configuration of this node names it, take it out, or a reboot of this node "
                    "takes the address from the active management node"
                )

    def _add(self, missing: Sequence[ServiceAddress]) -> None:
        for address in missing:
            self._network.add(address)
        after = self._network.snapshot() if missing else None
        for address in missing:
            if after and not after.find(address):
                raise HamnError(
                    f"{address.text} is not on {address.interface} right after it was added: "
                    "find out which network service removes it (NetworkManager, networkd) and "
                    "tell it to leave foreign addresses alone"
                )

    def _announce(self, wanted: Sequence[ServiceAddress], times: int) -> None:
        """Announce; a full transmit queue must not fail a start that is otherwise done."""
        try:
            announce(self._network, wanted, times, self._record.announcing)
        except HamnError as problem:
            self._log.warning(str(problem))

    def _withdraw(self, added: Sequence[ServiceAddress]) -> None:
        """Undo as much as can be undone after a failure; Pacemaker's stop does the rest."""
        silence(self._record.announcing)
        for address in added:
            problem = self._try_to_remove(address)
            if problem:
                self._log.warning(str(problem))

    def _own_name(self, name: str, old: Entry | None) -> str:
        """Return the name to put back: what is recorded, else what the node has now."""
        if not name:
            return ""
        if old and old.own_name:
            return old.own_name
        current = self._host.current()
        return current if current != name else self._host.own()

    def _rename(self, name: str) -> None:
        if not name:
            return
        if self._host.current() == name:
            if self._hooks.interrupted():
                self._hooks.rebind()
            return
        try:
            self._hooks.release()
            self._host.set(name)
        finally:
            self._hooks.rebind()

    def _restore_name(self, entry: Entry) -> None:
        """Give the own name back, whatever the database does about it.

        Another node is to bear the name, and a stop that fails has this node switched off; what is
        left to do for the database, its own resource does.
        """
        if not entry.name or not entry.own_name:
            return
        current = self._host.current()
        if current == entry.name:
            self._try(self._hooks.release)
            try:
                self._host.set(entry.own_name)
            finally:
                self._try(self._hooks.rebind)
        elif current == entry.own_name:
            if self._hooks.interrupted():
                self._try(self._hooks.rebind)
        else:
            self._log.warning(
                f'the host name is "{current}", which this resource did not set: it is left alone'
            )

    def _try(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        except HamnError as problem:
            self._log.warning(f"the database did not follow the host's name: {problem}")
