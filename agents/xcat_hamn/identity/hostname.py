"""The node's host name: taken for as long as the role is here, put back afterwards.

Only the kernel's name changes, never /etc/hostname, so a reboot brings the node's own name back.
Corosync's nodelist names the cluster nodes, so the name may change under a running cluster.
"""

from __future__ import annotations

import os

from xcat_hamn.errors import HamnError, PermissionProblem
from xcat_hamn.system.files import read_text

#: HOST_NAME_MAX of Linux.
_LENGTH = 64
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def problem_with_hostname(text: str) -> str | None:
    """Return why ``text`` can be no host name (RFC 1123, and Linux' length), or None."""
    what = f'parameter hostname is "{text}", which '
    cure = "use letters, digits and hyphens, and dots between labels"
    if len(text) > _LENGTH:
        return f"{what}is longer than the {_LENGTH} characters that Linux allows: use a shorter one"
    for label in text.split("."):
        if not 1 <= len(label) <= 63 or label[0] == "-" or label[-1] == "-":
            return f"{what}has a label that RFC 1123 does not allow: {cure}"
        if not _LETTERS.issuperset(label.lower()):
            return f"{what}has a character that RFC 1123 does not allow: {cure}"
    if text.rpartition(".")[2].isdecimal():
        return f"{what}looks like an address because its last label is a number: use a name"
    return None


class DatabaseHooks:
    """What a database that knows its host by name wants done around a change of the name.

    This base is for those that do not care (PostgreSQL).
    """

    def release(self) -> None:
        """Let go of the present name; called before the change."""

    def rebind(self) -> None:
        """Take the new name; called after the change, also when the change failed."""

    def interrupted(self) -> bool:
        """Tell whether an earlier process let go, and nobody took the name since."""
        return False


class HostName:
    """The port to the node's name on Linux."""

    def current(self) -> str:
        """Return the name that the kernel has now."""
        return os.uname().nodename

    def own(self) -> str:
        """Return the name that a reboot would give: /etc/hostname, else the present one."""
        for line in (read_text("/etc/hostname") or "").splitlines():
            if line.strip() and not line.startswith("#"):
                return line.strip()
        return self.current()

    def set(self, name: str) -> None:
        """Give the kernel ``name`` and read it back.  Raises HamnError."""
        import _socket

        try:
            _socket.sethostname(name)
        except OSError as problem:
            raise PermissionProblem(
                f'the host name cannot be set to "{name}" ({problem.strerror}): '
                "look at the capabilities that Pacemaker runs with"
            ) from None
        if self.current() != name:
            raise HamnError(
                f'the host name is "{self.current()}" right after it was set to "{name}": '
                "find out what else sets it"
            )


def hosts_problem(name: str, addresses: list[bytes], hosts: str) -> str | None:
    """Return what is wrong with ``name`` in ``hosts``, the text of /etc/hosts, or None."""
    from xcat_hamn.identity.addresses import packed, shown

    found = []
    for line in hosts.splitlines():
        words = line.partition("#")[0].split()
        if name.lower() in (word.lower() for word in words[1:]):
            try:
                found.append(packed(words[0])[1])
            except ValueError:
                continue
    if not found:
        return (
            f"/etc/hosts has no line for {name}, which xCAT needs before any name server runs: "
            f"add one that gives it {shown(addresses[0])}"
        )
    if any(address in addresses for address in found):
        return None
    return (
        f"/etc/hosts gives {name} the address {shown(found[0])}, which is no service address: "
        f"give it {shown(addresses[0])}"
    )
