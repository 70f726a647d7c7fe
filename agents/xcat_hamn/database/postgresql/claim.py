"""What this node durably knows of its past as a primary (see ``decision``: CLAIM_*).

It is no role, which is always read from the database; it says whether anyone else can have newer
data than this node.  It is on disk before it is relied upon.
"""

from __future__ import annotations

from xcat_hamn.database.postgresql.decision import CLAIM_FOLLOWING, CLAIM_FRESH, CLAIMS
from xcat_hamn.system.files import read_text, sync_directory, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Claim:
    """The claim file of one resource instance."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._path = f"{directory}/claim"

    def read(self) -> str:
        """Return the claim; CLAIM_FRESH when there is none, CLAIM_FOLLOWING when it is damaged."""
        text = read_text(self._path)
        if text is None:
            return CLAIM_FRESH
        return text.strip() if text.strip() in CLAIMS else CLAIM_FOLLOWING

    def write(self, claim: str) -> None:
        """Store ``claim`` so that it survives a power loss; unchanged, it costs one read."""
        if (read_text(self._path) or "").strip() != claim:
            write_text(self._path, claim + "\n", mode=0o644, durable=True)
            # The directory itself may be as new as the file.
            sync_directory(f"{self._directory}/..")

    def settle(self, was_standby: Callable[[], bool]) -> None:
        """Store a first claim where there is none, from what the data directory was used for.

        A copy that somebody made by hand, or whose claim was lost, must not pass for the original.
        """
        if read_text(self._path) is None:
            self.write(CLAIM_FOLLOWING if was_standby() else CLAIM_FRESH)
