"""Announcements: the first at once, the repeats from a small process that outlives the start.

Switches and hosts lose a frame now and then, most of all while a link settles after a failure;
the repeats must not hold up what is started next.
"""

from __future__ import annotations

import os
import time

from xcat_hamn.errors import HamnError
from xcat_hamn.system.files import read_text, remove, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.identity.addresses import ServiceAddress
    from xcat_hamn.identity.network import Network

#: Seconds between two announcements (RFC 5227 says 2; a lost first one hurts for that long).
INTERVAL = 1.0


def announce(network: Network, addresses: Sequence[ServiceAddress], times: int, token: str) -> None:
    """Announce ``addresses`` now, and ``times`` - 1 times more in the background.

    The background process stops as soon as the file ``token`` is gone (``silence``) or belongs
    to a later announcement.  Raises HamnError when the first announcement does not work.
    """
    if times < 1:
        return
    if times == 1:
        network.announce(addresses)
        return
    mark = f"{os.getpid()} {time.monotonic_ns()}"
    write_text(token, mark)
    if os.fork() == 0:
        try:
            _detach()
            _repeat(network, addresses, times - 1, token, mark)
        finally:
            os._exit(0)
    # After the fork: the repeats come also when this one fails.
    network.announce(addresses)


def silence(token: str) -> None:
    """Make the background process of ``announce`` end before its next announcement."""
    remove(token)


def _detach() -> None:
    """Leave the process group that Pacemaker kills, and the pipes that it reads to their end."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)


def _repeat(
    network: Network, addresses: Sequence[ServiceAddress], times: int, token: str, mark: str
) -> None:
    for _ in range(times):
        time.sleep(INTERVAL)
        if read_text(token) != mark:
            return
        try:
            network.announce(addresses)
        except HamnError:
            continue
    if read_text(token) == mark:
        remove(token)
