"""Text in a manual page."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return ``text`` with what troff would take for a command made plain."""
    shown = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{shown}" if shown.startswith((".", "'")) else shown
