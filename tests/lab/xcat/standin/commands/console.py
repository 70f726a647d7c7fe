"""makeconservercf: real conserver's configuration (facts: xCAT_plugin/conserver.pm)."""

from __future__ import annotations

from .. import system
from ..context import Context, is_local
from ..database import Row
from ..wire import Reply

CONFIGURATION = "/etc/conserver.cf"
INIT_SCRIPT = "/etc/init.d/conserver"
CONSOLES = "/opt/xcat/share/xcat/cons"


def configuration(master: str, own: list[str], consoles: dict[str, str]) -> str:
    """Return conserver.cf: trusted are the master and the addresses held right now.

    *consoles*: node -> console method (a program below share/xcat/cons).
    """
    others = [address for address in own if address not in ("127.0.0.1", master)]
    lines = [
        system.header("makeconservercf").strip(),
        "config * {",
        "  sslrequired yes;",
        "  sslcacertificatefile /etc/xcat/cert/ca.pem;",
        "  sslcredentials /etc/xcat/cert/server-cred.pem;",
        "}",
        "access * {",
        "  trusted 127.0.0.1;",
        f"  trusted {master};",
        *([f"  trusted {','.join(others)};"] if others else []),
        "}",
        "default * {",
        "  logfile /var/log/consoles/&;",
        "  timestamp 1lab;",
        "  rw *;",
        "  master localhost;",
        "}",
    ]
    for node, method in sorted(consoles.items()):
        lines += [
            f"#xCAT BEGIN {node} CONS",
            f"console {node} {{",
            "  type exec;",
            f"  exec {CONSOLES}/{method} {node};",
            "}",
            f"#xCAT END {node} CONS",
        ]
    return "\n".join(lines) + "\n"


def consoles_of(rows: list[Row]) -> dict[str, str]:
    """Return node -> console method of nodehm: cons, or mgt where a serial port is set."""
    return {
        row["node"]: row.get("cons") or row.get("mgt", "")
        for row in rows
        if row.get("cons") or (row.get("serialport") and row.get("mgt"))
    }


def makeconservercf(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """Write /etc/conserver.cf and restart conserver; the restart's outcome is not looked at."""
    master = context.site("master", context.host)
    if not is_local(master):
        # The real one sends the request to that host's xcatd; here that is always an error.
        reply.error(
            f"Unable to dispatch hierarchical sub-command to {master}:3001."
            "  Error: the address is not on this management node (xCAT stand-in). "
        )
        return
    consoles = consoles_of(context.database.rows("nodehm"))
    own = [address for address, _ in system.addresses()]
    system.write(CONFIGURATION, configuration(system.resolve(master), own, consoles))
    for action in ("stop", "start"):
        try:
            system.run([INIT_SCRIPT, action])
        except system.CommandError as error:
            system.log(f"makeconservercf: {error}; as the real one, nobody is told")
