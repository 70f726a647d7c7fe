"""Parameter values: from the environment, checked against the declaration.

Pacemaker does not fill in the defaults of the metadata (tried on 2.1.5), so they are applied here.
"""

from __future__ import annotations

from xcat_hamn.ocf.declaration import BOOLEAN, INTEGER, SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from xcat_hamn.ocf.declaration import Agent, Parameter

PREFIX = "OCF_RESKEY_"
_TRUE = frozenset({"1", "true", "yes", "on", "y"})
_FALSE = frozenset({"0", "false", "no", "off", "n"})
_UNITS = (("ms", 0.001), ("min", 60.0), ("s", 1.0), ("m", 60.0), ("h", 3600.0))


def to_seconds(text: str) -> float:
    """Return the seconds that ``text`` (``30``, ``30s``, ``500ms``, ``2m``) stands for.

    Raises ValueError when it stands for none.
    """
    number, factor = text.strip().lower(), 1.0
    for unit, size in _UNITS:
        if number.endswith(unit):
            number, factor = number[: -len(unit)], size
            break
    value = float(number) * factor
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


def _is_whole_number(text: str) -> bool:
    digits = text[1:] if text.startswith("-") else text
    return digits.isascii() and digits.isdecimal()


def problem_with(parameter: Parameter, text: str) -> str | None:
    """Return the sentence that says why ``text`` can never be right, or None."""
    name = parameter.name
    if not text:
        if parameter.required:
            return f"parameter {name} is not set, and there is no safe default: set {name}"
        return None
    if parameter.kind == BOOLEAN and text.lower() not in _TRUE | _FALSE:
        return f'parameter {name} is "{text}", which is neither true nor false: use one of them'
    if parameter.kind == INTEGER and not _is_whole_number(text):
        return f'parameter {name} is "{text}", which is not a whole number: use digits only'
    if parameter.kind == SECONDS:
        try:
            to_seconds(text)
        except ValueError:
            return f'parameter {name} is "{text}", which is not a time: use for example 30s or 2m'
    if parameter.choices:
        wrong = [word for word in text.split() if word not in parameter.choices]
        if wrong:
            allowed = ", ".join(parameter.choices)
            return f'parameter {name} has "{wrong[0]}", which is none of {allowed}: correct it'
    return parameter.check(text) if parameter.check else None


class Values:
    """The effective parameters of one call; reading an undeclared name raises KeyError.

    ``problems`` holds one sentence for every value that can never be right.
    """

    __slots__ = ("_texts", "problems")

    def __init__(self, agent: Agent, environ: Mapping[str, str]) -> None:
        self._texts = {
            p.name: environ.get(PREFIX + p.name, "").strip() or p.default for p in agent.parameters
        }
        found = (problem_with(p, self._texts[p.name]) for p in agent.parameters)
        self.problems = [sentence for sentence in found if sentence]

    def text(self, name: str) -> str:
        """Return parameter ``name`` as text, empty when unset."""
        return self._texts[name]

    def words(self, name: str) -> list[str]:
        """Return the space-separated words of parameter ``name``."""
        return self._texts[name].split()

    def flag(self, name: str) -> bool:
        """Return boolean parameter ``name``."""
        return self._texts[name].lower() in _TRUE

    def number(self, name: str) -> int:
        """Return integer parameter ``name``."""
        return int(self._texts[name])

    def seconds(self, name: str) -> float:
        """Return time parameter ``name`` in seconds."""
        return to_seconds(self._texts[name])

    def as_environment(self) -> dict[str, str]:
        """Return the values as the environment that would give them again."""
        return {PREFIX + name: text for name, text in self._texts.items()}
