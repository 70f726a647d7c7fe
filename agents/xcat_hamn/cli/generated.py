"""The files of the source tree that are written from declarations here.

``make docs`` writes them; a test fails while one of them is not current.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xcat_hamn.cli import completion
from xcat_hamn.cluster import sitedoc

#: Path in the source tree -> what its content must be.
FILES: Mapping[str, Callable[[], str]] = {
    "docs/site-file.md": sitedoc.reference,
    "packaging/hamn.conf.example": sitedoc.example,
    "packaging/xcat-hamn.bash-completion": completion.bash,
}
