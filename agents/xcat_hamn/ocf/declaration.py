"""What an agent is: its parameters and actions, declared once.

Metadata, defaults, type checks, the agents' reference and the completion of the site file all
derive from these objects.  They are plain classes: ``dataclasses`` would cost a monitor 17 ms
(measured with Python 3.11 started with ``-I -S``).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STRING = "string"
BOOLEAN = "boolean"
INTEGER = "integer"
#: A time span: a number with an optional unit (``30``, ``30s``, ``500ms``, ``2m``, ``1h``).
SECONDS = "seconds"

#: Metadata content types that OCF 1.1's schema knows; a time span travels as a string.
CONTENT_TYPE = {STRING: "string", BOOLEAN: "boolean", INTEGER: "integer", SECONDS: "string"}


class Parameter:
    """One parameter of an agent.

    ``check`` takes the text and returns a sentence when it can never be right (level 0: it must
    not look at the machine).  ``choices`` lists the only words allowed in a space-separated list.
    ``reloadable`` parameters may change without a restart of the resource.
    """

    __slots__ = (
        "check",
        "choices",
        "default",
        "kind",
        "longdesc",
        "name",
        "reloadable",
        "required",
        "shortdesc",
        "unique_group",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        shortdesc: str,
        longdesc: str,
        *,
        default: str = "",
        required: bool = False,
        reloadable: bool = False,
        unique_group: str = "",
        choices: Sequence[str] = (),
        check: Callable[[str], str | None] | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.shortdesc = shortdesc
        self.longdesc = longdesc
        self.default = default
        self.required = required
        self.reloadable = reloadable
        self.unique_group = unique_group
        self.choices = tuple(choices)
        self.check = check


class Action:
    """One action that the agent advertises; times in seconds."""

    __slots__ = ("depth", "interval", "name", "role", "timeout")

    def __init__(
        self, name: str, timeout: int, *, interval: int = 0, role: str = "", depth: int = 0
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.interval = interval
        self.role = role
        self.depth = depth


class Agent:
    """A resource agent: name, descriptions, parameters, actions and the class that acts.

    ``handlers`` has one method per action (``reload_agent`` for ``reload-agent``); it is made
    with a ``Call`` and may raise any ``HamnError``.
    """

    __slots__ = ("actions", "handlers", "longdesc", "name", "parameters", "shortdesc", "version")

    def __init__(
        self,
        *,
        name: str,
        version: str,
        shortdesc: str,
        longdesc: str,
        parameters: Sequence[Parameter],
        actions: Sequence[Action],
        handlers: type,
    ) -> None:
        self.name = name
        self.version = version
        self.shortdesc = shortdesc
        self.longdesc = longdesc
        self.parameters = tuple(parameters)
        self.actions = (
            *actions,
            Action("meta-data", 5),
            Action("validate-all", 20),
        )
        self.handlers = handlers

    def timeout_of(self, action: str) -> int:
        """Return the shortest declared timeout of ``action`` in seconds, 20 when undeclared."""
        return min((a.timeout for a in self.actions if a.name == action), default=20)
