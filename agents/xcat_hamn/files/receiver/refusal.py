"""How the receiver says no, so that the sender understands it."""

from __future__ import annotations

import re

#: The exit code beside the sentence.
CODE = 77
_FORM = re.compile(r"^xcat-filesync refuses \(([a-z-]{1,20})\): (.{1,2000})$", re.MULTILINE)


class Refusal(Exception):
    """The request is not carried out; ``kind`` is one of ``ports.KINDS``."""

    def __init__(self, kind: str, sentence: str) -> None:
        self.kind = kind
        super().__init__(sentence)

    def line(self) -> str:
        """Return the one line of stderr that carries it."""
        return f"xcat-filesync refuses ({self.kind}): {' '.join(str(self).split())[:2000]}\n"


def found_in(text: str) -> tuple[str, str] | None:
    """Return kind and sentence of a refusal in ``text`` (stderr of ssh or rsync), or None."""
    found = _FORM.search(text)
    return (found[1], found[2].strip()) if found else None
