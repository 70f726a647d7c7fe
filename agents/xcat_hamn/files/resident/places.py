"""The files of the resident process of one resource instance."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Whereabouts:
    """``instance``: OCF_RESOURCE_INSTANCE; ``under`` is put before every path (tests)."""

    instance: str
    under: str = ""

    @property
    def directory(self) -> str:
        """Lost at a reboot, as the process is."""
        return f"{self.under}/run/xcat-hamn/{self.instance}"

    @property
    def lock(self) -> str:
        """Held while the process lives; the file names its process id."""
        return f"{self.directory}/files.lock"

    @property
    def report(self) -> str:
        """The state of all sets (``report``)."""
        return f"{self.directory}/files.json"

    @property
    def socket(self) -> str:
        """The control socket (``control``)."""
        return f"{self.directory}/files.sock"

    @property
    def log(self) -> str:
        """The log of the process, and of nothing else."""
        return f"{self.under}/var/log/xcat-hamn/{self.instance}.log"
