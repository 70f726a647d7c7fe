"""The protocol of port 3001: XML over TLS (facts: perl-xCAT/xCAT/Client.pm, sbin/xcatd).

The client sends one ``<xcatrequest>``; the server streams ``<xcatresponse>`` elements, the last
of which holds ``<serverdone>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

Message = dict[str, Any]
REQUEST_END = b"</xcatrequest>"
RESPONSE_END = b"</xcatresponse>"


def encode(message: Message, root: str) -> bytes:
    """Write a message as xCAT does: no attributes, a repeated element per value of a list."""
    lines = [f"<{root}>", *_elements(message, "  "), f"</{root}>", ""]
    return "\n".join(lines).encode("ascii", "replace")


def _elements(message: Message, indent: str) -> Iterator[str]:
    for name, value in message.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield f"{indent}<{name}>"
                yield from _elements(item, indent + "  ")
                yield f"{indent}</{name}>"
            else:
                text = "" if item is None else escape(_printable(str(item)))
                yield f"{indent}<{name}>{text}</{name}>"


def _printable(text: str) -> str:
    return "".join(c if c in "\t\n\r" or c >= " " else "?" for c in text)


def decode(data: bytes) -> Message:
    """Read one element into name: list of values. Raises ValueError."""
    try:
        element = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ValueError(f"not XML: {error}") from error
    return _message(element)


def _message(element: ElementTree.Element) -> Message:
    found: Message = {}
    for child in element:
        value: Any = _message(child) if len(child) else (child.text or "")
        found.setdefault(child.tag, []).append(value)
    return found


def split_responses(data: bytes) -> tuple[list[Message], bytes]:
    """Return the complete responses in *data* and the rest."""
    found = []
    while RESPONSE_END in data:
        end = data.index(RESPONSE_END) + len(RESPONSE_END)
        found.append(decode(data[:end].strip()))
        data = data[end:]
    return found, data


class Reply:
    """What a command answers; every method sends one response at once."""

    def __init__(self, send: Any, source: str) -> None:
        self._send = send
        self._source = source
        self.failed = False

    def send(self, message: Message) -> None:
        """Send a response with the (cached) host name of the server."""
        self._send({**message, "xcatdsource": self._source})

    def data(self, lines: Iterable[str]) -> None:
        """Answer lines of output."""
        lines = list(lines)
        if lines:
            self.send({"data": lines})

    def info(self, *lines: str) -> None:
        """Answer informational lines; they go to the client's standard output too."""
        self.send({"info": list(lines)})

    def warning(self, text: str) -> None:
        """Answer a warning; the exit code stays."""
        self.send({"warning": [text]})

    def error(self, text: str, code: int = 1) -> None:
        """Answer an error; the client's exit code gets *code* or-ed in."""
        self.failed = True
        self.send({"errorcode": [code], "error": [text]})

    def node(self, name: str, text: str = "", label: str = "") -> None:
        """Answer a line about one node: ``name: label: text``."""
        entry: Message = {"name": [name]}
        if label:
            entry["data"] = [{"desc": [label], "contents": [text]}]
        elif text:
            entry["data"] = [text]
        self.send({"node": [entry]})

    def node_error(self, name: str, text: str) -> None:
        """Answer an error about one node."""
        self.failed = True
        self.send({"node": [{"name": [name], "errorcode": [1], "error": [text]}]})
