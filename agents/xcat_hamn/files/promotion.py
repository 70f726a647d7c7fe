"""Becoming the source of the files: the epoch is raised, and what still arrives is ended."""

from __future__ import annotations

import fcntl
import glob
import os

from xcat_hamn.errors import NodeError
from xcat_hamn.files import epoch
from xcat_hamn.files.epoch import Epoch
from xcat_hamn.files.locks import held, open_lock, take_over, wait_lock
from xcat_hamn.files.places import Places
from xcat_hamn.system.files import remove


def become_source(places: Places, node: str, *known: Epoch, patience: float = 30.0) -> Epoch:
    """Make ``node`` (this one) the source, in an epoch after all ``known`` and the own; return it.

    From the moment that the epoch is written nothing is received any more; what is being received
    is ended before this returns.  ``known``: what the cluster and the other node know, where they
    could be asked.  Raises NodeError when a receiver does not end within ``patience`` seconds.
    """
    with held(places.lock("epoch-write")):
        new = epoch.next_epoch(node, epoch.read(places.epoch), *known)
        epoch.write(places.epoch, new)
        # Its files are the newest now; what it was to keep before has been replaced by nobody.
        remove(f"{places.state}/aside-required")
    for path in glob.glob(f"{glob.escape(places.run)}/set-*.lock"):
        os.close(take_over(path, patience))
    presence = open_lock(places.lock("epoch"))
    try:
        if not wait_lock(presence, fcntl.LOCK_EX, patience):
            raise NodeError(
                f"a copy that came from another node has not ended within {patience:.0f} s: look "
                "for xcat-filesync-receive among the processes, and end it"
            )
    finally:
        os.close(presence)
    return new
