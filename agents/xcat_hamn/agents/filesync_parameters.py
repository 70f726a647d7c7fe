"""The parameters of ocf:heartbeat:xcat-filesync."""

from __future__ import annotations

from xcat_hamn.agents.checks import nodes_problem
from xcat_hamn.ocf.declaration import BOOLEAN, INTEGER, SECONDS, STRING, Parameter


def _two_nodes(text: str) -> str | None:
    problem = nodes_problem(text)
    names = {word.partition("=")[0] for word in text.split()}
    if problem or len(names) == 2:
        return problem
    return (
        f'parameter nodes names {len(names)} nodes ("{text}"): name the two management nodes, for '
        'example "mn1=10.11.0.11 mn2=10.11.0.12"'
    )


PARAMETERS = (
    Parameter(
        "nodes",
        STRING,
        "address of both nodes for copying",
        "Cluster node names with the addresses over which files are copied, as NODE=ADDRESS "
        "separated by spaces. These are the nodes' own addresses, never a service address.",
        required=True,
        check=_two_nodes,
    ),
    Parameter(
        "port",
        INTEGER,
        "port of sshd",
        "The port of sshd on both nodes.",
        default="22",
    ),
    Parameter(
        "sets",
        STRING,
        "file sets to copy",
        "Names of the file sets to copy. Not set: all that /usr/share/xcat-hamn/file-sets and "
        "/etc/xcat/hamn.d define.",
    ),
    Parameter(
        "last_copy",
        SECONDS,
        "time of the last copy before a move",
        "How long a planned move waits at most until every set is proven to be on the other node. "
        "Sets that are not are named in the log and in node attribute xcat-files-limit. The "
        "timeout of demote must be longer by half a minute.",
        default="60s",
        reloadable=True,
    ),
    Parameter(
        "require_complete",
        BOOLEAN,
        "promote only with usable credentials and an install directory",
        "Whether a node that takes over from another one must have credentials that fit together "
        "and a filled install directory before the services start.",
        default="true",
        reloadable=True,
    ),
    Parameter(
        "report_degraded",
        BOOLEAN,
        "report what needs attention as degraded",
        "Whether the monitor of the source returns 191 (promoted, degraded) while a set is behind "
        "for longer than its maximum age, or a copy fails until somebody does something. crm_mon "
        "shows it with the reason, and forgets it after failure-timeout; nothing is restarted.",
        default="true",
        reloadable=True,
    ),
)
