"""Where the copy of files keeps what it needs; all below one directory in tests."""

from __future__ import annotations

from dataclasses import dataclass

#: The definitions of file sets: those of the package, then those of the site.
SHIPPED = "/usr/share/xcat-hamn/file-sets"
SITE = "/etc/xcat/hamn.d"
#: Where what only this node has is kept before it is replaced.
ASIDE = "/var/lib/xcat-hamn/aside"
#: What sshd runs for the key of the other node, whatever that asks for.
RECEIVER = "/usr/libexec/xcat-hamn/xcat-filesync-receive"


@dataclass(frozen=True)
class Places:
    """The directories of the copy.  ``under`` is put before each of them."""

    under: str = ""

    @property
    def definitions(self) -> tuple[str, ...]:
        """Directories of ``*.conf``; the later one overrides the earlier."""
        return (self.under + SHIPPED, self.under + SITE)

    @property
    def state(self) -> str:
        """Durable: the epoch, the marks, what has arrived of a set that changes as one."""
        return f"{self.under}/var/lib/xcat-hamn/files"

    @property
    def run(self) -> str:
        """Lost at a reboot: locks, generated configuration."""
        return f"{self.under}/run/xcat-hamn/files"

    @property
    def aside(self) -> str:
        """Files that a former source changed and never delivered, before they are replaced."""
        return self.under + ASIDE

    @property
    def keys(self) -> str:
        """The key pair of this node and the host keys of the others."""
        return f"{self.under}/var/lib/xcat-hamn/ssh"

    @property
    def epoch(self) -> str:
        """The newest epoch that this node has seen, and whose it is."""
        return f"{self.state}/epoch"

    def marks(self, name: str) -> str:
        """Return the file that says up to when this node has, or has delivered, a set."""
        return f"{self.state}/sets/{name}"

    def stage(self, name: str) -> str:
        """Return where a set that changes as one arrives."""
        return f"{self.state}/stage/{name}"

    def lock(self, name: str) -> str:
        """Return the lock file ``name``."""
        return f"{self.run}/{name}.lock"
