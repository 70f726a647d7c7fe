"""A request to xcatd over TLS with root's client certificate.

The protocol (source: xCAT 2.19's Client.pm and xcatd): the client sends one ``<xcatrequest>`` and
reads ``<xcatresponse>`` elements until one holds ``<serverdone>``.  xCAT's clients check the chain
of the server's certificate, not its name, and so does this one: the certificate carries the name
that the management node had when xCAT was installed.
"""

from __future__ import annotations

import socket
import ssl
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from xcat_hamn.errors import DeadlineExceeded, HamnError, NodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.system.deadline import Deadline

PORT = 3001
#: Where xCAT puts the certificates of an administrator (mode 0600, CN=root).
CREDENTIALS = "/root/.xcat/client-cred.pem"
AUTHORITY = "/root/.xcat/ca.pem"
_LIMIT = 64 << 20


def encode(command: str, arguments: Sequence[str]) -> bytes:
    """Return the XML of a request."""
    root = Element("xcatrequest")
    SubElement(root, "command").text = command
    for argument in arguments:
        SubElement(root, "arg").text = argument
    SubElement(root, "clienttype").text = "cli"
    return tostring(root) + b"\n"


def is_complete(data: bytes) -> bool:
    """Tell whether ``data`` ends with the response that is the last one."""
    return b"<serverdone" in data and data.rstrip().endswith(b"</xcatresponse>")


def decode(data: bytes) -> list[str]:
    """Return the data lines of all responses in ``data``.

    Raises HamnError with the first error among them, or when it is no whole answer.
    """
    try:
        # xcatd sends escape characters raw, which no XML may hold; its own client masks them too.
        root = fromstring(b"<all>" + data.replace(b"\x1b", b"?") + b"</all>")  # noqa: S314
    except ParseError as problem:
        raise HamnError(
            f"xcatd's answer is not XML ({problem}): see /var/log/xcat/cluster.log"
        ) from None
    for error in root.iter("error"):
        text = (error.text or "").strip()
        advice = (
            "it cannot read its policy table, so check the database"
            if text.startswith("Permission denied")
            else "see /var/log/xcat/cluster.log"
        )
        raise HamnError(f'xcatd answers with an error ("{text}"): {advice}')
    return [data.text or "" for data in root.iter("data") if not len(data)]


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    try:
        context.load_verify_locations(AUTHORITY)
        context.load_cert_chain(CREDENTIALS)
    except (OSError, ssl.SSLError) as problem:
        raise NodeError(
            f"root's xCAT certificates {CREDENTIALS} and {AUTHORITY} cannot be used ({problem}): "
            "copy ~root/.xcat from the other management node"
        ) from None
    return context


def _explain(problem: OSError) -> str:
    """Return a sentence for what kept the conversation from working."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return (
            f"xcatd's certificate is not signed by {AUTHORITY} ({problem.verify_message}): copy "
            "/etc/xcat/ca, /etc/xcat/cert and ~/.xcat from the other management node"
        )
    if isinstance(problem, ConnectionRefusedError):
        return f"port {PORT} does not accept: see /var/log/xcat/cluster.log"
    if isinstance(problem, (ConnectionResetError, ssl.SSLError)):
        return (
            f"xcatd broke the TLS connection off ({problem}): check that "
            "/etc/xcat/cert/server-cred.pem is there and readable"
        )
    return f"port {PORT} cannot be asked ({problem}): check the address"


def request(
    address: str, command: str, arguments: Sequence[str], deadline: Deadline, port: int = PORT
) -> list[str]:
    """Send ``command`` with ``arguments`` to xcatd at ``address``; return its data lines.

    Raises NodeError without certificates, DeadlineExceeded when xcatd hangs, HamnError else.
    """
    context = _context()
    data = b""
    try:
        with socket.create_connection((address, port), max(0.001, deadline.left())) as plain:
            plain.settimeout(max(0.001, deadline.left()))
            with context.wrap_socket(plain) as secure:
                secure.sendall(encode(command, arguments))
                while not is_complete(data) and len(data) < _LIMIT:
                    secure.settimeout(max(0.001, deadline.left()))
                    piece = secure.recv(65536)
                    if not piece:
                        break
                    data += piece
    except socket.timeout:
        raise DeadlineExceeded(
            f"xcatd at {address} did not answer {command} within {deadline.total:.0f} s: it hangs, "
            "so look at /var/log/xcat/cluster.log and at the database's connections"
        ) from None
    except OSError as problem:
        raise HamnError(_explain(problem)) from None
    if not is_complete(data):
        raise HamnError(
            f"xcatd broke off in the middle of its answer to {command}: "
            "see /var/log/xcat/cluster.log"
        )
    return decode(data)
