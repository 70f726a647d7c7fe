"""xcatd: TLS with client certificates on site.xcatdport, plain TCP on site.xcatiport."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from typing import Callable

from . import server, system, wire
from .database import Database, DatabaseDownError

CERTIFICATE = "/etc/xcat/cert/server-cred.pem"
AUTHORITY = "/etc/xcat/cert/ca.pem"
# Measured: 200 tries, each with connects 1, 2 and 4 s apart.
SITE_TRIES = 200
PAUSES = (1, 2, 4)


def wait_for_site(database: Database) -> dict[str, str]:
    """Return the site table, trying for some 25 minutes; the unit is "activating" meanwhile."""
    for _ in range(SITE_TRIES):
        for pause in PAUSES:
            try:
                return database.site()
            except DatabaseDownError as error:
                system.log(f"Could not open the site table, trying again: {error}")
                time.sleep(pause)
    raise DatabaseDownError("the site table could not be read")


class Daemon:
    """The listeners. The host name is cached here: a changed one needs a restart."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.host = system.hostname().split(".")[0]

    def serve(self, connection: socket.socket) -> None:
        """Serve one client; the certificates are read for every connection (measured)."""
        connection.settimeout(10)
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_verify_locations(system.path(AUTHORITY))
            context.load_cert_chain(system.path(CERTIFICATE))
            context.verify_mode = ssl.CERT_OPTIONAL
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.settimeout(15)
                self._converse(secure)
        except (OSError, ValueError) as error:
            system.log(f"connection ended: {error}")
            # Clients of a server without a certificate see a reset (exit code 104, measured).
            _reset(connection)

    def _converse(self, secure: ssl.SSLSocket) -> None:
        data = b""
        while wire.REQUEST_END not in data:
            received = secure.recv(65536)
            if not received or (len(data) > 15 and b"<xcatrequest>" not in data):
                return
            data += received
        request = wire.decode(data.strip())
        secure.settimeout(None)

        def send(message: wire.Message) -> None:
            secure.sendall(wire.encode(message, "xcatresponse"))

        try:
            reply = wire.Reply(send, self.host)
            server.handle(request, _common_name(secure), self.database, self.host, reply)
        finally:
            send({"serverdone": None})

    def install_monitor(self, connection: socket.socket) -> None:
        """Answer on port 3002 as to a node that installs: "ready", then "done" to its line."""
        connection.settimeout(15)
        try:
            with connection:
                connection.sendall(b"ready\n")
                connection.recv(4096)
                connection.sendall(b"done\n")
        except OSError as error:
            system.log(f"install monitor: {error}")


def _reset(connection: socket.socket) -> None:
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    except OSError as error:
        system.log(f"closing a connection: {error}")


def _common_name(secure: ssl.SSLSocket) -> str:
    certificate = secure.getpeercert() or {}
    for part in certificate.get("subject", ()):
        for key, value in part:  # type: ignore[misc]
            if key == "commonName":
                return str(value)
    return ""


def listen(port: int) -> socket.socket:
    """Listen on all addresses of both families; on 127.0.0.1 only below a temporary root."""
    if os.environ.get(system.ROOT_VARIABLE):
        return socket.create_server(("127.0.0.1", port))
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128
        )
    return socket.create_server(("", port), backlog=128)


def accept(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    """Give every connection a thread."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def start(database: Database) -> list[threading.Thread]:
    """Open both ports and serve them in threads; raise OSError where a port is taken."""
    site = database.site()
    daemon = Daemon(database)
    listeners = [
        (listen(int(site.get("xcatdport") or 3001)), daemon.serve),
        (listen(int(site.get("xcatiport") or 3002)), daemon.install_monitor),
    ]
    threads = [
        threading.Thread(target=accept, args=pair, daemon=True, name="listener")
        for pair in listeners
    ]
    for thread in threads:
        thread.start()
    return threads


def main(arguments: list[str]) -> int:
    """``xcatd [-f] [-p PIDFILE]``: to the background once it serves; -f stays."""
    os.umask(0o077)
    pid_file = arguments[arguments.index("-p") + 1] if "-p" in arguments else ""
    system.log("xcatd (stand-in) is starting")
    database = Database()
    try:
        if server.fault("xcatd", wire.Reply(lambda _: None, "")):
            return 1
        wait_for_site(database)
        if os.path.exists(system.path("/etc/xCATMN")):
            database.create_tables()
    except (DatabaseDownError, ValueError) as error:
        print(f"xcatd (stand-in): {error}", file=sys.stderr)
        return 1
    if "-f" in arguments:
        return _run(database, pid_file, lambda _: None)
    database.close()  # a connection must not be shared across the fork
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        with os.fdopen(reader) as stream:
            answer = stream.read()
        if answer != "SUCCESS":
            print(f"xcatd (stand-in) failed to start: {answer}", file=sys.stderr)
            return 1
        return 0
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)

    def report(text: str) -> None:
        os.write(writer, text.encode())
        os.close(writer)

    return _run(database, pid_file, report)


def _run(database: Database, pid_file: str, report: Callable[[str], None]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        threads = start(database)
    except (OSError, DatabaseDownError) as error:
        system.log(f"xcatd failed to start: {error}")
        report(str(error))
        return 1
    if pid_file:
        with open(system.path(pid_file), "w", encoding="ascii") as stream:
            stream.write(f"{os.getpid()}\n")
    system.log(f"xcatd (stand-in) serves as {system.hostname()}")
    report("SUCCESS")
    for thread in threads:
        thread.join()
    return 0
