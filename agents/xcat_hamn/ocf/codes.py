"""OCF exit codes and the one table that turns an error into one of them.

Source: OCF resource agent API 1.1; Pacemaker's treatment of each code was tried on 2.1.5:
code 6 from a standby's recurring monitor stopped the resource on *every* node, which is why
``exit_code`` never lets it out of anything but start and validate-all.
"""

from __future__ import annotations

from xcat_hamn import errors

SUCCESS = 0
ERR_GENERIC = 1
ERR_ARGS = 2
ERR_UNIMPLEMENTED = 3
ERR_PERM = 4
ERR_INSTALLED = 5
ERR_CONFIGURED = 6
NOT_RUNNING = 7
RUNNING_PROMOTED = 8
FAILED_PROMOTED = 9
DEGRADED = 190
DEGRADED_PROMOTED = 191

#: Actions that may say "hard error": the resource is then kept away from this node (2, 4, 5) or
#: from every node (6).  Everything else reports a soft error, which Pacemaker recovers.
_MAY_BAN = frozenset({"start", "validate-all"})

_HARD = (
    (errors.ParameterError, ERR_CONFIGURED),
    (errors.NodeError, ERR_ARGS),
    (errors.MissingTool, ERR_INSTALLED),
    (errors.PermissionProblem, ERR_PERM),
)


def exit_code(action: str, error: BaseException) -> int:
    """Return the exit code with which ``action`` reports ``error``."""
    if action == "monitor" and isinstance(error, errors.NotRunning):
        return NOT_RUNNING
    if action == "monitor" and isinstance(error, errors.FailedPromoted):
        return FAILED_PROMOTED
    if action == "monitor" and isinstance(error, errors.DegradedPromoted):
        return DEGRADED_PROMOTED
    if action in _MAY_BAN:
        for kind, code in _HARD:
            if isinstance(error, kind):
                return code
    return ERR_GENERIC
