"""Which daemons run on this node, without forking anything.

A unit's state is no proof: Debian's generated unit of dhcpd stays "active (exited)" when dhcpd has
died, and after ``restartxcatd`` the daemon lives outside its unit.  So the processes themselves are
looked at: first the unit's control group (a few reads), and where that holds none, all of /proc.
"""

from __future__ import annotations

import os

from xcat_hamn.system.files import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STOPPED_STATES = ("T", "t")
_DEAD_STATES = ("Z", "X", "x")


class Process:
    """A live process: its id, its name (15 characters at most) and the kernel's state letter."""

    __slots__ = ("name", "pid", "state")

    def __init__(self, pid: int, name: str, state: str) -> None:
        self.pid = pid
        self.name = name
        self.state = state

    @property
    def suspended(self) -> bool:
        """Tell whether it was stopped by a signal: its ports accept, but nobody answers."""
        return self.state in _STOPPED_STATES


def is_named(comm: str, names: Sequence[str]) -> bool:
    """Tell whether a process called ``comm`` is one of ``names``.

    xcatd's processes call themselves "xcatd: SSL listener", "xcatd SSL: tabdump", ...
    """
    return any(comm == name or comm.startswith((f"{name}:", f"{name} ")) for name in names)


def parse_stat(text: str) -> tuple[str, str]:
    """Return (name, state) from the text of /proc/PID/stat; the name may hold any character."""
    name = text[text.index("(") + 1 : text.rindex(")")]
    return name, text[text.rindex(")") + 2 : text.rindex(")") + 3]


def control_group(init: str) -> str:
    """Return where systemd keeps its units' groups, from the text of /proc/1/cgroup.

    systemd's own process sits in ``init.scope`` below the root that it manages, on cgroup v2, v1
    and in containers alike.  Empty when that cannot be told.
    """
    roots = {}
    for line in init.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not path.endswith("/init.scope"):
            continue
        root = path[: -len("/init.scope")]
        if controllers == "name=systemd":
            roots["systemd"] = f"/sys/fs/cgroup/systemd{root}"
        elif number == "0":
            roots["unified"] = f"/sys/fs/cgroup{root}"
    return roots.get("systemd") or roots.get("unified") or ""


class Processes:
    """The processes of this node; those of containers (other pid namespaces) are not its own."""

    __slots__ = ("_groups", "_proc")

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._groups: str | None = None

    def _one(self, pid: str, names: Sequence[str]) -> Process | None:
        try:
            text = read_text(f"{self._proc}/{pid}/stat")
        except OSError:
            return None
        if not text:
            return None
        name, state = parse_stat(text)
        if state in _DEAD_STATES or not is_named(name, names):
            return None
        return Process(int(pid), name, state)

    def _pick(self, pids: Iterable[str], names: Sequence[str]) -> list[Process]:
        found = (self._one(pid, names) for pid in pids)
        return [process for process in found if process]

    def _group_of(self, unit: str) -> list[str]:
        if self._groups is None:
            self._groups = control_group(read_text(f"{self._proc}/1/cgroup") or "")
        text = read_text(f"{self._groups}/system.slice/{unit}.service/cgroup.procs")
        return (text or "").split()

    def of(self, units: Sequence[str], names: Sequence[str]) -> list[Process]:
        """Return the processes called one of ``names`` in ``units``, else anywhere."""
        for unit in units:
            found = self._pick(self._group_of(unit), names)
            if found:
                return found
        return self.anywhere(names)

    def anywhere(self, names: Sequence[str]) -> list[Process]:
        """Return every process of this node called one of ``names``."""
        found = self._pick(filter(str.isdecimal, os.listdir(self._proc)), names)
        return [process for process in found if self._is_local(process.pid)]

    def _is_local(self, pid: int) -> bool:
        try:
            namespace = os.readlink(f"{self._proc}/{pid}/ns/pid")
            return namespace == os.readlink(f"{self._proc}/self/ns/pid")
        except OSError:
            return False

    def signal(self, processes: Iterable[Process], number: int) -> None:
        """Send signal ``number``; a process that is gone meanwhile is fine."""
        for process in processes:
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue
