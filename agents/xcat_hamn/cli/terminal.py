"""The terminal: rich text where there is one, plain text in a pipe, nothing when JSON is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text


class Terminal:
    """Prints; every text is taken literally, never as markup."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(quiet=quiet, highlight=False, markup=False, emoji=False)
        self._errors = Console(stderr=True, quiet=quiet, highlight=False, markup=False, emoji=False)

    @property
    def console(self) -> Console:
        """Return the console, for what draws by itself."""
        return self._console

    @property
    def interactive(self) -> bool:
        """Tell whether a person sees it as it comes."""
        return self._console.is_terminal and not self._console.quiet

    def heading(self, text: str) -> None:
        """Print the first line of a part."""
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def line(self, text: str, indent: int = 2) -> None:
        """Print an indented line."""
        self._console.print(Text(" " * indent + text), soft_wrap=True)

    def columns(self, words: Sequence[str], widths: Sequence[int], style: str = "") -> None:
        """Print words in columns; the last may be as long as it likes."""
        padded = [f"{word:{width}}" for word, width in zip(words, widths)]
        text = " ".join([*padded, *words[len(widths) :]]).rstrip()
        self._console.print(Text("  " + text, style=style), soft_wrap=True)

    def good(self, text: str) -> None:
        """Print that something is as it should be."""
        self._console.print()
        self._console.print(Text(text, style="green"), soft_wrap=True)

    def bad(self, text: str) -> None:
        """Print that something is not as it should be."""
        self._console.print()
        self._console.print(Text(text, style="bold red"), soft_wrap=True)

    def note(self, text: str) -> None:
        """Print something worth knowing, where errors go."""
        self._errors.print(Text(text), soft_wrap=True)

    def warning(self, text: str) -> None:
        """Print something that the administrator should change, where errors go."""
        self._errors.print(Text.assemble(("warning: ", "yellow bold"), text), soft_wrap=True)

    def ask(self, text: str) -> str:
        """Ask a question and return the answer, empty at the end of the input."""
        try:
            return self._console.input(Text(text, style="bold")).strip()
        except EOFError:
            return ""

    def json(self, value: Any) -> None:
        """Print a value as JSON, whether quiet or not."""
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
