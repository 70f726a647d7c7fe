"""What the ``db2`` command line, db2start and db2stop say: codes, reasons, exit codes.

Only codes are told apart: texts change with the release and the locale, lines are wrapped at 80
columns wherever a blank stands (inside ``Reason code = "6"`` too), and a date or a driver's name
may come first.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Exit codes of `db2`; several statements in one call add theirs up, bit by bit.
NO_ROWS, WARNING, ERROR, BROKEN = 1, 2, 4, 8

_PREFIXES = ("SQL", "DB2", "ADM", "DBI", "CLI", "ASN")
_KINDS = "NWCIE"
#: Messages with an error's letter that tell of a success.
_SUCCESSES = ("SQL1063N", "SQL1064N")


class Message:
    """One message: ``code`` (SQL1776N), ``reason`` and ``sqlstate`` (empty without), ``text``.

    ``text`` is one line, without the code, and without the SQLSTATE.
    """

    __slots__ = ("code", "reason", "sqlstate", "text")

    def __init__(self, code: str, text: str, reason: str, sqlstate: str) -> None:
        self.code = code
        self.text = text
        self.reason = reason
        self.sqlstate = sqlstate

    @property
    def is_error(self) -> bool:
        """Tell whether it tells of a failure."""
        return self.code[-1] in "NC" and self.code not in _SUCCESSES

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


def parse_messages(text: str) -> list[Message]:
    """Return the messages of ``text`` in their order; anything else in it is passed over."""
    found: list[Message] = []
    words: list[str] = []
    for line in text.splitlines():
        start = _start(line)
        if start or not line.strip():
            _add(found, words)
            words = start
        elif words:
            words += line.split()
    _add(found, words)
    return found


def _start(line: str) -> list[str]:
    """Return the words of a line from its code on; none when it does not begin with one.

    A date, a time, a member and a port may come first (db2start), or ``[IBM][CLI Driver]``.
    """
    words = line.split()
    for index, word in enumerate(words[:5]):
        if is_code(word):
            return words[index:]
        if not (word[0] == "[" or word[-1] == "]" or word[0].isdigit()):
            break
    return []


def is_code(word: str) -> bool:
    """Tell whether ``word`` is a message's code: SQL1776N, DB20000I, ADM12500E."""
    digits = word[3:-1]
    return (
        word[:3] in _PREFIXES
        and 4 <= len(digits) <= 5
        and digits.isascii()
        and digits.isdigit()
        and word[-1] in _KINDS
    )


def _add(found: list[Message], words: Sequence[str]) -> None:
    if not words:
        return
    rest = " ".join(words[1:])
    text, state, after = rest.partition("SQLSTATE=")
    sqlstate = after[:5] if state else ""
    found.append(Message(words[0], text.strip(), _reason(rest), sqlstate))


def _reason(text: str) -> str:
    """Return the n of ``Reason code = "n"``, ``Reason code: "n"`` or ``Reason code "n"``."""
    start = text.lower().find("reason code")
    if start < 0:
        return ""
    _, opened, rest = text[start:].partition('"')
    reason, closed, _ = rest.partition('"')
    return reason if opened and closed and reason.isalnum() else ""


def find(messages: Sequence[Message], code: str, reason: str = "") -> Message | None:
    """Return the first message with ``code``, and with ``reason`` if one is given."""
    for message in messages:
        if message.code == code and reason in ("", message.reason):
            return message
    return None


def failure(messages: Sequence[Message]) -> Message | None:
    """Return the first message that tells of a failure, None when none does."""
    return next((message for message in messages if message.is_error), None)


def failed(exit_code: int) -> bool:
    """Tell whether `db2` ended with an error; no rows (1) and a warning (2) are none."""
    return exit_code < 0 or exit_code >= ERROR


def backup_timestamp(text: str) -> str:
    """Return the timestamp that BACKUP gave its image, empty when it was not successful."""
    said = " ".join(text.split())
    _, found, rest = said.partition("The timestamp for this backup image is : ")
    stamp = rest.partition(" ")[0]
    return stamp if found and len(stamp) == 14 and stamp.isascii() and stamp.isdigit() else ""


def instance_state(text: str) -> str:
    """Return what `db2gcf -s` says: Available (runs), Operable (does not), another word, or ""."""
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and " ".join(key.split()) == "DB2 State":
            return value.strip()
    return ""
