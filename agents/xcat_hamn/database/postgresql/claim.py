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

    def read(self, timeline: int) -> str:
        """Return the claim for data of ``timeline``.

        CLAIM_FRESH when there is none.  CLAIM_FOLLOWING when it is damaged, or was made as the
        primary of another timeline: then the data has come from somebody else's since.
        """
        text = read_text(self._path)
        if text is None:
            return CLAIM_FRESH
        word, _, made_on = text.strip().partition(" ")
        if word == CLAIM_FRESH or (word in CLAIMS and made_on == str(timeline)):
            return word
        return CLAIM_FOLLOWING

    def write(self, claim: str, timeline: int = 0) -> None:
        """Store ``claim`` so that it survives a power loss; unchanged, it costs one read.

        ``timeline``: of the data that a claim to have been the primary is about.
        """
        text = f"{claim} {timeline}\n"
        if read_text(self._path) != text:
            write_text(self._path, text, mode=0o644, durable=True)
            # The directory itself may be as new as the file.
            sync_directory(f"{self._directory}/..")

    def settle(self, was_standby: Callable[[], bool]) -> None:
        """Store a first claim where there is none, from what the data directory was used for.

        A copy that somebody made by hand, or whose claim was lost, must not pass for the original.
        """
        if read_text(self._path) is None:
            self.write(CLAIM_FOLLOWING if was_standby() else CLAIM_FRESH)
