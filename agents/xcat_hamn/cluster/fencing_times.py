"""When a node was fenced, by the fencing history of the cluster."""

from __future__ import annotations

from xcat_hamn.errors import HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.system.runner import Runner

_TIMEOUT = 10.0


def fenced_between(runner: Runner, node: str, after: float, before: float) -> int | None:
    """Return the first moment in (``after``, ``before``] at which ``node`` was switched off.

    Seconds since the epoch, rounded up; None when there is none, or the cluster does not say.
    What was before ``after`` is another death, of which the node came back.
    """
    argv = ["stonith_admin", f"--history={node}", "--output-as=xml"]
    try:
        said = runner.run(argv, timeout=_TIMEOUT)
    except HamnError:
        return None
    times = [t for t in completed(said.stdout, node) if after < t <= before]
    return min(times, default=None)


def completed(history: str, node: str) -> list[int]:
    """Return when fencing of ``node`` succeeded, from stonith_admin's XML; empty for anything else.

    The times are printed as "2026-11-22 17:35:16.361957Z" (Pacemaker 2.1.5 and 3.0.0).
    """
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(history)  # noqa: S314 - Pacemaker's own answer
    except ElementTree.ParseError:
        return []
    moments = (
        _moment(event.get("completed", ""))
        for event in root.iter("fence_event")
        if event.get("target") == node
        and event.get("status") == "success"
        and event.get("action") in ("off", "reboot")
    )
    return sorted(moment for moment in moments if moment is not None)


def _moment(text: str) -> int | None:
    """Return the epoch of a printed time, rounded up to a whole second."""
    from datetime import datetime

    whole, _, rest = text.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    for form in ("%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z"):
        try:
            return int(datetime.strptime(whole + zone, form).timestamp()) + 1
        except ValueError:
            continue
    return None
