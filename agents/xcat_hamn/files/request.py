"""What a sender may ask of the receiver: one line of words, written and read only here.

sshd hands it to the forced command in SSH_ORIGINAL_COMMAND, whatever the other side typed.  It is
matched as a whole against these few forms; nothing in it ever reaches a shell, and of rsync's own
part nothing but ``--server --daemon .`` is let through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

PROGRAM = "xcat-filesync"
#: Raised when a form changes its meaning; both nodes must speak the same.
VERSION = "1"
#: What rsync's client puts behind ``--rsync-path`` for a daemon over a remote shell (since 2.6).
DAEMON = "--server --daemon ."
#: The name of the one module that is offered.
MODULE = "files"

_NAME = "[a-z][a-z0-9-]{0,31}"
_NODE = "[A-Za-z0-9][A-Za-z0-9._-]{0,253}"
_TIME = r"[0-9]{1,12}\.[0-9]{3}|-"
_LABEL = r"[/~{][A-Za-z0-9/._@+~{}-]{0,1023}"
_COPY = "[0-9a-f]{16}|-"
_SENDER = f"(?P<epoch>[0-9]{{1,12}}) (?P<node>{_NODE})"
_FORMS = {
    "hello": _SENDER,
    "push": f"{_SENDER} (?P<set>{_NAME}) (?P<label>{_LABEL}) (?P<token>{_COPY})"
    f" (?P<until>{_TIME}) (?P<daemon>{re.escape(DAEMON)})",
    "apply": f"{_SENDER} (?P<set>{_NAME}) (?P<token>{_COPY}) (?P<until>{_TIME})"
    f"(?P<labels>(?: {_LABEL}){{0,64}})",
    "check": f"{_SENDER} (?P<set>{_NAME})",
    "mark": f"{_SENDER}(?P<marks>(?: {_NAME}=[0-9]{{1,12}}\\.[0-9]{{3}}){{0,64}})",
}
_COMPILED = {
    verb: re.compile(f"{PROGRAM} {VERSION} {verb} {form}", re.ASCII)
    for verb, form in _FORMS.items()
}
#: Longer than the longest of them.
LIMIT = 65536


@dataclass(frozen=True)
class Request:
    """One request.  ``until`` is None where the sender does not vouch for completeness."""

    verb: str
    epoch: int
    node: str
    set: str = ""
    label: str = ""
    token: str = ""
    until: float | None = None
    labels: tuple[str, ...] = ()
    marks: Mapping[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """Return what to give to ssh; for a push, what to give to rsync as its path there."""
        words = [PROGRAM, VERSION, self.verb, str(self.epoch), self.node]
        if self.verb == "push":
            words += [self.set, self.label, self.token or "-", _stamp(self.until)]
        elif self.verb == "apply":
            words += [self.set, self.token or "-", _stamp(self.until), *self.labels]
        elif self.verb == "check":
            words.append(self.set)
        elif self.verb == "mark":
            words += [f"{name}={_stamp(until)}" for name, until in self.marks.items()]
        return " ".join(words)


def _stamp(until: float | None) -> str:
    return "-" if until is None else f"{until:.3f}"


def parse(text: str) -> Request | None:
    """Return the request that ``text`` is, or None when it is none of the forms."""
    if len(text) > LIMIT or "\n" in text:
        return None
    for verb, form in _COMPILED.items():
        found = form.fullmatch(text)
        if found:
            part = found.groupdict()
            until = part.get("until") or "-"
            return Request(
                verb,
                int(part["epoch"]),
                part["node"],
                set=part.get("set") or "",
                label=part.get("label") or "",
                token=(part.get("token") or "").replace("-", ""),
                until=None if until == "-" else float(until),
                labels=tuple((part.get("labels") or "").split()),
                marks={
                    name: float(value)
                    for name, _, value in (
                        word.partition("=") for word in (part.get("marks") or "").split()
                    )
                },
            )
    return None
