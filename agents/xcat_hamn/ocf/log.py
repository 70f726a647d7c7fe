"""One log line per decision, to syslog; a transcript of everything when tracing is asked for.

``logging`` would cost a monitor 18 ms.  Under Pacemaker an agent's stderr is only for the exit
reason; when a person runs the agent by hand (a terminal, or ``HA_debug=1``) messages go there too.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from xcat_hamn.ocf.context import Context

TRACE_DIRECTORY = "/var/lib/heartbeat/trace_ra"
_WORDS = {"debug": 7, "info": 6, "warning": 4, "error": 3}


def _trace_path(agent: str, context: Context, environ: Mapping[str, str]) -> str:
    if environ.get("OCF_RESKEY_trace_ra", "0").lower() not in ("1", "true", "yes", "on"):
        return ""
    stamp = time.strftime("%Y-%m-%d.%H:%M:%S")
    return environ.get("OCF_RESKEY_trace_file") or (
        f"{TRACE_DIRECTORY}/{agent}/{context.instance}.{context.action}.{stamp}"
    )


class Log:
    """Messages of one call.  ``trace`` lines are written only while tracing (``trace_ra=1``)."""

    __slots__ = ("_facility", "_ident", "_loud", "_started", "_trace")

    def __init__(self, agent: str, context: Context, environ: Mapping[str, str]) -> None:
        self._ident = f"{agent}({context.instance})"
        self._facility = environ.get("HA_LOGFACILITY", "")
        self._loud = environ.get("HA_debug") == "1" or os.isatty(2)
        self._started = time.monotonic()
        self._trace = _trace_path(agent, context, environ)

    def _send(self, word: str, message: str) -> None:
        line = " ".join(message.split())
        self.trace(f"{word}: {line}")
        if self._loud:
            sys.stderr.write(f"{self._ident} {word.upper()}: {line}\n")
        if self._facility and self._facility != "none":
            import syslog

            facility = getattr(syslog, f"LOG_{self._facility.upper()}", syslog.LOG_DAEMON)
            syslog.openlog(self._ident, syslog.LOG_PID, facility)
            syslog.syslog(_WORDS[word], f"{word.upper()}: {line}")

    def info(self, message: str) -> None:
        """Log what was decided or done, one line."""
        self._send("info", message)

    def warning(self, message: str) -> None:
        """Log what an administrator should look at though nothing failed."""
        self._send("warning", message)

    def error(self, message: str) -> None:
        """Log why an action failed."""
        self._send("error", message)

    def trace(self, message: str) -> None:
        """Add ``message`` to the trace file, with the seconds since the call began."""
        if not self._trace:
            return
        os.makedirs(os.path.dirname(self._trace), mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self._trace, flags, 0o600)
        try:
            elapsed = time.monotonic() - self._started
            os.write(descriptor, f"{elapsed:8.3f} {message}\n".encode("utf-8", "replace"))
        finally:
            os.close(descriptor)


class Silence(Log):
    """A log that keeps nothing: for those who tell a person themselves."""

    __slots__ = ()

    def __init__(self) -> None:
        """Need nothing."""

    def _send(self, _word: str, _message: str) -> None:
        """Say nothing."""

    def trace(self, _message: str) -> None:
        """Write nothing."""
