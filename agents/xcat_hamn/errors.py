"""Every failure that a person may read: one sentence that says what, why and what to do.

The classes say *whose* fault it is; ``ocf.codes`` turns that into an exit code and the command
line into its own.  Nothing here knows of either.
"""

from __future__ import annotations


class HamnError(Exception):
    """Something did not work; the message is a sentence for an administrator."""


class ParameterError(HamnError):
    """A parameter can never be right, on any node (a number that is none, an unknown service)."""


class NodeError(HamnError):
    """The parameters cannot be right on this node (no such interface, no such directory)."""


class MissingTool(HamnError):
    """A program or library that is needed is not installed on this node."""


class PermissionProblem(HamnError):
    """This node's file modes or users do not allow what must be done."""


class CommandTimeout(HamnError):
    """A command was still running at its deadline and was killed with all its children."""


class DeadlineExceeded(HamnError):
    """The action as a whole reached its own deadline, short of Pacemaker's."""


class CommandFailed(HamnError):
    """A command ended with an exit code that its caller does not accept."""


class NotRunning(HamnError):
    """A resource that was running is cleanly absent now; the sentence says how that shows."""


class FailedPromoted(HamnError):
    """A promoted resource has its role, and does not do what it is for."""


class DegradedPromoted(HamnError):
    """A promoted resource does what it is for, and something about it needs attention."""


class Refused(HamnError):
    """What was asked for would lose data or make two active nodes, so it was not done."""
