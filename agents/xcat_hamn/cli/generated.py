"""The files of the source tree that are written from declarations here.

``make docs`` writes them; a test fails while one of them is not current.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xcat_hamn.agents import db2hadr, filesync, mnidentity, netsvcs, pgsql
from xcat_hamn.cli import completion, manual, status
from xcat_hamn.cluster import sitedoc, vocabulary_page
from xcat_hamn.fencing import reference as fencing_reference
from xcat_hamn.ocf import reference
from xcat_hamn.overview import reference as overview_reference
from xcat_hamn.takeover import reference as takeover_reference


def _agents() -> str:
    agents = (pgsql.AGENT, db2hadr.AGENT, filesync.AGENT, mnidentity.AGENT, netsvcs.AGENT)
    return reference.agents_page(agents)


def _status() -> str:
    return overview_reference.page(status.CODES)


#: Path in the source tree -> what its content must be.
FILES: Mapping[str, Callable[[], str]] = {
    "docs/agents.md": _agents,
    "docs/attributes.md": vocabulary_page.attributes_page,
    "docs/fencing.md": fencing_reference.page,
    "docs/man/fence_xcat_operator.8": fencing_reference.manual,
    "docs/man/xcat-hamn.8": manual.page,
    "docs/status.md": _status,
    "docs/takeover.md": takeover_reference.page,
    "docs/site-file.md": sitedoc.reference,
    "packaging/hamn.conf.example": sitedoc.example,
    "packaging/xcat-hamn.bash-completion": completion.bash,
}
