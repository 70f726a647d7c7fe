"""The exit codes of xcat-hamn: those of Pacemaker's own tools, which began with sysexits.h's."""

from __future__ import annotations

from xcat_hamn import errors
from xcat_hamn.cluster.pacemaker import ClusterUnreachable, InvalidConfiguration
from xcat_hamn.cluster.sitefile import SiteError

OK = 0
FAILED = 1
USAGE = 2
DOWN = 7
UNAVAILABLE = 69
DENIED = 77
CONFIGURATION = 78
LOSS = 107
DEGRADED = 190
INTERRUPTED = 130

#: code -> meaning, for the manual page; the first row that fits an error wins in ``code_of``.
MEANINGS = {
    OK: "done, or nothing to do",
    FAILED: "something did not work; the sentence on stderr says what",
    USAGE: "an unknown verb, option or file set, or a value that cannot be",
    DOWN: "status, explain: no node is the management node",
    UNAVAILABLE: "the cluster does not answer, or a program is not installed",
    DENIED: "not permitted: run it as root",
    CONFIGURATION: "the site file, or the configuration made from it, cannot be used",
    LOSS: "it would lose data and nobody accepted that, so nothing was changed",
    INTERRUPTED: "interrupted from the keyboard",
    DEGRADED: "status, explain, verify, report: it works, but something needs attention",
}

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (SiteError, CONFIGURATION),
    (InvalidConfiguration, CONFIGURATION),
    (ClusterUnreachable, UNAVAILABLE),
    (errors.MissingTool, UNAVAILABLE),
    (errors.CommandTimeout, UNAVAILABLE),
    (errors.PermissionProblem, DENIED),
    (errors.ParameterError, USAGE),
)


def code_of(error: Exception) -> int:
    """Return the exit code for an error that a person may read."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)
