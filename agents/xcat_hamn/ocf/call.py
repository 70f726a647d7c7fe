"""Everything one call of an agent needs, handed to its handlers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.cluster.attributes import Attributes
    from xcat_hamn.ocf.context import Context
    from xcat_hamn.ocf.log import Log
    from xcat_hamn.ocf.parameters import Values
    from xcat_hamn.system.deadline import Deadline
    from xcat_hamn.system.runner import Runner


class Call:
    """One call: what was asked, with which parameters, and the ports to act through."""

    __slots__ = ("attributes", "context", "deadline", "log", "runner", "values")

    def __init__(
        self,
        context: Context,
        values: Values,
        deadline: Deadline,
        runner: Runner,
        log: Log,
        attributes: Attributes,
    ) -> None:
        self.context = context
        self.values = values
        self.deadline = deadline
        self.runner = runner
        self.log = log
        self.attributes = attributes


class Handlers:
    """Base of every agent's handlers: one method per declared action.

    A handler returns an OCF code, or None for success, or raises a HamnError.  ``problems`` is
    what validate-all asks at OCF_CHECK_LEVEL 10: one error per thing that this node lacks.
    """

    def __init__(self, call: Call) -> None:
        self.call = call

    def problems(self) -> list[Exception]:
        """Return what is wrong with this node for these parameters; changes nothing."""
        return []
