"""The files of the resident process of one resource instance.

Cheap to import: a monitor needs it (no dataclasses).
"""

from __future__ import annotations


class Whereabouts:
    """``instance``: OCF_RESOURCE_INSTANCE; ``under`` is put before every path (tests).

    ``lock`` is held while the process lives and names its id; ``report`` is the state of all sets
    (``report.whole``), ``brief`` the same for a monitor (``glance``); ``socket`` is for ``client``;
    ``log`` has the decisions of the process, and nothing else.
    """

    __slots__ = ("brief", "directory", "instance", "lock", "log", "report", "socket", "under")

    def __init__(self, instance: str, under: str = "") -> None:
        self.instance = instance
        self.under = under
        #: Lost at a reboot, as the process is.
        self.directory = f"{under}/run/xcat-hamn/{instance}"
        self.lock = f"{self.directory}/files.lock"
        self.report = f"{self.directory}/files.json"
        self.brief = f"{self.directory}/files.brief"
        self.socket = f"{self.directory}/files.sock"
        self.log = f"{under}/var/log/xcat-hamn/{instance}.log"
