"""xcatd itself."""

from __future__ import annotations

import os
import time

from xcat_hamn.errors import HamnError, NodeError
from xcat_hamn.services.service import BROKEN, STOPPED, Service, State
from xcat_hamn.system.deadline import Deadline

PORTS = (3001, 3002)
_SERVER_FILES = ("/etc/xcat/cert/server-cred.pem", "/etc/xcat/cert/ca.pem")
_CLIENT_FILES = ("/root/.xcat/client-cred.pem", "/root/.xcat/ca.pem")
#: Seconds that a monitor waits for a port or for the database; both answer in milliseconds.
_PATIENCE = 5.0
#: Seconds in which the monitor of a primary sees that it has died (one every 5).
DATABASE = 8.0


def accepts(port: int, address: str = "127.0.0.1", timeout: float = _PATIENCE) -> bool:
    """Tell whether something accepts connections at ``port``.

    Both ports are asked because an orphan of ``restartxcatd`` keeps 3002, and the next xcatd then
    comes up without it (tried on xCAT 2.19.0).
    """
    import _socket

    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    endpoint = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        endpoint.settimeout(timeout)
        endpoint.connect((address, port))
    except OSError:
        return False
    finally:
        endpoint.close()
    return True


class Xcatd(Service):
    """The xCAT daemon: starts only on a database that is proven to take writes."""

    name = "xcatd"

    def _require_writable(self, timeout: float) -> None:
        """Raise HamnError unless the database takes writes.

        One that has died, and whose own monitor has not seen it yet, is borne with: failing at once
        is tried again at once, three times in a second, and then not for ten minutes (seen).
        """
        from xcat_hamn.services import cfgloc, writable

        location, patience = cfgloc.read(self.ports.cfgloc), Deadline(min(timeout / 2, DATABASE))
        while True:
            try:
                found = writable.proof(location, timeout, self.ports.log)
                break
            except HamnError:
                if patience.left() <= 0:
                    raise
                time.sleep(0.5)
        if found.word != writable.WRITABLE:
            raise HamnError(found.reason)

    def start(self) -> None:
        """Start it afresh: a running one has the host name of its own start in its memory."""
        self._require_writable(min(30.0, self.ports.deadline.left()))
        if self.running():
            self.ports.log.info("xcatd: already runs, started afresh for the host name of now")
            self.stop()
        self.launch()

    def prove(self) -> None:
        """Read a table over TLS: lsxcatd alone is allowed to anyone, and so proves less."""
        self._require_ports()
        if not self.ports.xcat.site():
            raise HamnError("xcatd answers, but its site table is empty: run xcatconfig -d")

    def _require_ports(self) -> None:
        closed = [str(port) for port in PORTS if not accepts(port)]
        if closed:
            raise HamnError(
                f"port {' and '.join(closed)} does not accept: see /var/log/xcat/cluster.log"
            )

    def check(self) -> None:
        """Connect to both ports, and ask the database whether it still takes writes."""
        from xcat_hamn.services import cfgloc, writable

        self._require_ports()
        location = cfgloc.read(self.ports.cfgloc)
        found = writable.proof(location, _PATIENCE, self.ports.log, by_sight=True)
        if found.word == writable.READ_ONLY:
            raise HamnError(found.reason)

    def state(self, *, deep: bool) -> State:
        """Return the state; a port that is open without a process of xcatd is not "stopped"."""
        found = super().state(deep=deep)
        if found.word == STOPPED:
            held = [str(port) for port in PORTS if accepts(port)]
            if held:
                return State(
                    BROKEN,
                    f"it does not run, but port {' and '.join(held)} is held by another process: "
                    f"find it with `ss -ltnp` and end it",
                )
        return found

    def stop(self) -> None:
        """Stop it with all its processes, and wait for its ports to close."""
        super().stop()
        self.ports.deadline.wait_for(
            lambda: not any(accepts(port) for port in PORTS),
            f"the closing of ports {' and '.join(map(str, PORTS))}",
        )

    def problems(self) -> list[Exception]:
        """Add the certificates, whose absence xCAT's tools report only as 104 or 255."""
        from xcat_hamn.services import cfgloc

        found = super().problems()
        for path in (*_SERVER_FILES, *_CLIENT_FILES):
            if not os.access(path, os.R_OK):
                found.append(
                    NodeError(
                        f"certificate {path} is missing: copy /etc/xcat/ca, /etc/xcat/cert and "
                        "~root/.xcat from the other management node"
                    )
                )
        try:
            cfgloc.read(self.ports.cfgloc)
        except HamnError as problem:
            found.append(problem)
        return found
