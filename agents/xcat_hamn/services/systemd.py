"""systemd as this agent uses it: start and stop units, and keep it from acting on its own.

While an instance is started its units carry a runtime drop-in with ``Restart=no``: a daemon that
systemd restarts behind Pacemaker's back is one that Pacemaker can neither count nor place (tried:
xcatd after SIGKILL comes back 5 s later).  The drop-in lies under /run: a reboot drops it too.
"""

from __future__ import annotations

import os

from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.system.runner import Runner

RUNTIME = "/run/systemd/system"
DROP_IN = "50-xcat-hamn.conf"
#: Pacemaker counts the failures and decides when to try again, so systemd's own limit of starts
#: per interval (which xCAT's tools run into with their restarts) is off as well.
TEXT = """# Written by the OCF agent xcat-netsvcs, which removes it when its resource stops.
[Unit]
StartLimitIntervalSec=0

[Service]
Restart=no
"""
_RELOAD_TIMEOUT = 30.0


class Systemd:
    """The service manager of this node."""

    __slots__ = ("_directory", "_runner")

    def __init__(self, runner: Runner, directory: str = RUNTIME) -> None:
        self._runner = runner
        self._directory = directory

    def _drop_in(self, unit: str) -> str:
        return f"{self._directory}/{unit}.service.d/{DROP_IN}"

    def adopt(self, units: Sequence[str]) -> None:
        """Keep systemd from restarting ``units``; one daemon-reload, and none if all have it."""
        new = [unit for unit in units if read_text(self._drop_in(unit)) != TEXT]
        for unit in new:
            write_text(self._drop_in(unit), TEXT, 0o644)
        if new:
            self._reload()

    def release(self, units: Sequence[str]) -> None:
        """Take back what ``adopt`` did to ``units``."""
        old = [unit for unit in units if os.path.exists(self._drop_in(unit))]
        for unit in old:
            remove(self._drop_in(unit))
            try:
                os.rmdir(os.path.dirname(self._drop_in(unit)))
            except OSError:
                continue  # another drop-in is there
        if old:
            self._reload()

    def _reload(self) -> None:
        result = self._runner.run(["systemctl", "daemon-reload"], timeout=_RELOAD_TIMEOUT)
        result.require("systemd did not reload its units")

    def restart(self, unit: str, timeout: float) -> None:
        """Start ``unit``, also when systemd takes a daemon that has died for an active one.

        Raises CommandFailed with the daemon's own last words, CommandTimeout.
        """
        result = self._runner.run(["systemctl", "restart", unit], timeout=timeout)
        if not result.ok:
            raise CommandFailed(
                f"systemctl restart {unit} ended with {result.returncode} "
                f"({self._last_words(unit) or result.last_line()}): look at journalctl -u {unit}"
            )

    def stop(self, units: Sequence[str], timeout: float) -> None:
        """Ask systemd to stop ``units`` and wait; its exit code is no proof, so none is asked."""
        if units:
            self._runner.run(["systemctl", "stop", *units], timeout=timeout)

    def kill(self, units: Sequence[str], timeout: float) -> None:
        """Send SIGKILL to every process of ``units``."""
        if units:
            self._runner.run(["systemctl", "kill", "--signal=SIGKILL", *units], timeout=timeout)

    def is_changing(self, unit: str) -> bool:
        """Tell whether ``unit`` is being started or stopped, or was stopped on purpose.

        False when its daemon has died: its unit is then "failed", or still "active".
        """
        show = ["systemctl", "show", "--property=ActiveState,Result", unit]
        lines = self._runner.run(show, timeout=10).stdout.splitlines()
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        if found.get("ActiveState") == "inactive":
            return found.get("Result") == "success"
        return found.get("ActiveState") in ("activating", "deactivating", "reloading")

    def starts_at_boot(self, unit: str) -> bool:
        """Tell whether systemd starts ``unit`` at boot, before Pacemaker is asked."""
        show = ["systemctl", "show", "--value", "--property=UnitFileState", unit]
        state = self._runner.run(show, timeout=10).stdout.strip()
        if state == "generated":
            # From an init script: only is-enabled looks at its links.  (It is no use for the
            # others: an alias is an "alias" to it, enabled or not.)
            state = self._runner.run(["systemctl", "is-enabled", unit], timeout=10).stdout.strip()
        return state in ("enabled", "enabled-runtime")

    def _last_words(self, unit: str) -> str:
        """Return the last line that the daemon itself logged, not systemd's about it."""
        argv = ["journalctl", "-u", unit, "-n", "20", "-o", "short", "--no-pager"]
        try:
            return last_words(self._runner.run(argv, timeout=5).stdout)
        except HamnError:
            return ""


def last_words(journal: str) -> str:
    """Return the last message in ``journal`` (its short format) that is not systemd's own."""
    for line in reversed(journal.splitlines()):
        head, _, message = line.partition("]: ")
        if message and " systemd[" not in head:
            return message.strip()
    return ""
