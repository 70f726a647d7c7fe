"""What this node durably knows of its past as a primary (see ``decision``: CLAIM_*).

It is no role, which is always read from the database; it says whether anyone else can have newer
data than this node.  It is on disk before it is relied upon.
"""

from __future__ import annotations

from xcat_hamn.database.postgresql.decision import CLAIM_FRESH
from xcat_hamn.system.files import read_text, write_text


class Claim:
    """The claim file of one resource instance."""

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/claim"

    def read(self) -> str:
        """Return the claim, CLAIM_FRESH when there is none."""
        return (read_text(self._path) or CLAIM_FRESH).strip()

    def write(self, claim: str) -> None:
        """Store ``claim`` so that it survives a power loss; unchanged, it costs one read."""
        if self.read() != claim:
            write_text(self._path, claim + "\n", mode=0o644, durable=True)
