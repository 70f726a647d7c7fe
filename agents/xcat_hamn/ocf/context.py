"""What Pacemaker says about the call: instance, action, probe or not, time allowed, node.

Source: environments recorded under Pacemaker 2.1.5 and 3.0.0.  A probe carries no
``CRM_meta_interval`` at all; ``OCF_CHECK_LEVEL`` comes without the RESKEY prefix; times are in
milliseconds.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_META = "OCF_RESKEY_CRM_meta_"
RUN_DIRECTORY = "/run/xcat-hamn"
DURABLE_DIRECTORY = "/var/lib/xcat-hamn"
#: Part of Pacemaker's timeout that is kept for killing children and saying why (at the timeout
#: itself Pacemaker sends SIGKILL to the whole group and the exit reason is lost).
RESERVE = 0.1


def _milliseconds(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(_META + name, "")
    return int(text) if text.isdecimal() else 0


class Context:
    """One call of an agent, as Pacemaker describes it.

    ``seconds`` is the time this call may use, ten percent short of Pacemaker's timeout;
    ``interval`` that of a recurring monitor, in milliseconds.
    ``run_directory`` is lost at a reboot, ``durable_directory`` is not; both belong to this
    resource instance alone.
    """

    __slots__ = (
        "action",
        "check_level",
        "clone_max",
        "durable_directory",
        "instance",
        "interval",
        "is_probe",
        "node",
        "run_directory",
        "seconds",
    )

    def __init__(self, action: str, environ: Mapping[str, str], default_timeout: int) -> None:
        self.action = action
        self.instance = environ.get("OCF_RESOURCE_INSTANCE") or "default"
        level = environ.get("OCF_CHECK_LEVEL", "0")
        self.check_level = int(level) if level.isdecimal() else 0
        self.interval = _milliseconds(environ, "interval")
        self.is_probe = action == "monitor" and self.interval == 0
        self.node = environ.get(_META + "on_node", "")
        self.clone_max = _milliseconds(environ, "clone_max")
        allowed = _milliseconds(environ, "timeout") / 1000 or float(default_timeout)
        self.seconds = allowed * (1 - RESERVE)
        name = self.instance.replace("/", "_").replace(":", "_")
        self.run_directory = f"{RUN_DIRECTORY}/{name}"
        self.durable_directory = f"{DURABLE_DIRECTORY}/{name}"
