"""The client commands: all go to xcatd on port 3001, unless XCATBYPASS is set.

Exit codes as measured on a real xCAT: 111 daemon down, 104 server without a certificate, 255 the
CA does not match, else what the server's responses say.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import sys
from typing import Any, Callable

from . import system, wire
from .wire import Message

# the first word that is no option names nodes (xcatclient); the others take words as they are
NODERANGE_COMMANDS = ("nodels", "makedns", "makedhcp", "makeconservercf", "nodeset")
CREDENTIALS = "/root/.xcat/client-cred.pem"
AUTHORITY = "/root/.xcat/ca.pem"


def request(command: str, arguments: list[str]) -> Message:
    """Return the request for a command line."""
    message: Message = {"command": [command], "cwd": [os.getcwd()], "clienttype": ["cli"]}
    arguments = list(arguments)
    if command in NODERANGE_COMMANDS:
        for position, word in enumerate(arguments):
            if not word.startswith("-"):
                message["noderange"] = [arguments.pop(position)]
                break
    if arguments:
        message["arg"] = arguments
    return message


class Terminal:
    """Shows responses as xCAT's client does, and collects the exit code."""

    def __init__(self) -> None:
        self.code = 0
        self.done = False

    def show(self, response: Message) -> None:
        """Show one response."""
        source = "".join(response.get("xcatdsource", [])[:1])
        self._add_codes(response)
        for kind, stream in (("error", sys.stderr), ("warning", sys.stderr), ("info", sys.stdout)):
            for text in response.get(kind, []):
                where = f"[{source}]: " if source and kind != "info" else ""
                label = f"{kind.capitalize()}: " if kind != "info" else ""
                print(f"{label}{where}{text}", file=stream)
        for node in response.get("node", []):
            self._show_node(node, source)
        for entry in response.get("data", []):
            text = entry if isinstance(entry, str) else _described(entry)
            if text:
                print(text)
        self.done = self.done or "serverdone" in response

    def _add_codes(self, part: Message) -> None:
        for code in part.get("errorcode", []):
            self.code |= int(code)

    def _show_node(self, node: Any, source: str) -> None:
        if isinstance(node, str):
            print(node)
            return
        self._add_codes(node)
        name = "".join(node.get("name", [])[:1])
        if node.get("error"):
            print(f"{name}: [{source}]: Error: {node['error'][0]}", file=sys.stderr)
            return
        parts = [name]
        for entry in node.get("data", [])[:1]:
            parts.append(entry if isinstance(entry, str) else _described(entry))
        print(": ".join(parts))


def _described(entry: Message) -> str:
    words = [entry.get(name, [""])[0] for name in ("desc", "contents")]
    return ": ".join(word for word in words if word)


def main(command: str, arguments: list[str]) -> int:
    """Run a client command; return its exit code."""
    terminal = Terminal()
    message = request(command, arguments)
    if os.environ.get("XCATBYPASS"):
        from .server import bypass

        bypass(message, terminal.show)
        return terminal.code
    host, _, port = os.environ.get("XCATHOST", "localhost:3001").rpartition(":")
    try:
        with _connect(host, int(port)) as connection:
            connection.sendall(wire.encode(message, "xcatrequest"))
            _receive(connection, terminal.show)
    except _Refused as refused:
        print(f"Unable to open socket connection to xcatd daemon on {host}:{port}.")
        print("Verify that the xcatd daemon is running and that your SSL setup is correct.")
        print(f"Connection failure: {refused}", file=sys.stderr)
        return refused.code
    except OSError as error:
        system.log(f"client: {error}")
    except KeyboardInterrupt:
        return 130
    if not terminal.done:
        print(
            "ERROR/WARNING: communication with the xCAT server seems to have been ended"
            " prematurely",
            file=sys.stderr,
        )
        return 1
    return terminal.code


class _Refused(Exception):
    """No TLS connection; the exit code is what perl's ``die`` makes of errno."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # xCAT's clients check the chain, not the server's name
    credentials, authority = system.path(CREDENTIALS), system.path(AUTHORITY)
    try:
        context.load_verify_locations(authority)
        context.load_cert_chain(credentials)
    except OSError:
        print(
            f"warning: the client certificates under {os.path.dirname(credentials)}/ are not"
            " setup correctly; the SSL connection is setup without certificate verification."
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _connect(host: str, port: int) -> ssl.SSLSocket:
    try:
        plain = socket.create_connection((host, port), timeout=15)
    except ConnectionResetError as error:
        # The server gave up faster than connect(2) returned; to perl both are one step.
        raise _Refused(f"SSL connect attempt failed: {error}", errno.ECONNRESET) from error
    except OSError as error:
        raise _Refused(str(error), error.errno or errno.ECONNREFUSED) from error
    plain.settimeout(None)  # as the real client: a hung listener hangs it
    try:
        return _context().wrap_socket(plain)
    except ssl.SSLCertVerificationError as error:
        raise _Refused(f"SSL connect attempt failed: {error}", 255) from error
    except OSError as error:
        raise _Refused(f"SSL connect attempt failed: {error}", errno.ECONNRESET) from error


def _receive(connection: ssl.SSLSocket, show: Callable[[Message], None]) -> None:
    data = b""
    while True:
        received = connection.recv(65536)
        if not received:
            return
        responses, data = wire.split_responses(data + received)
        for response in responses:
            show(response)
            if "serverdone" in response:
                return
