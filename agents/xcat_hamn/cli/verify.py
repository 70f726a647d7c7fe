"""``xcat-hamn verify``: prove that the database of this node can be read and written."""

from __future__ import annotations

import os
from collections.abc import Iterator

import typer

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.site import load_site
from xcat_hamn.cluster.sitefile import DEFAULT_PATH, Site
from xcat_hamn.errors import PermissionProblem
from xcat_hamn.ocf.log import Silence
from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.runner import Runner
from xcat_hamn.verify.checks import Check, Outcome, Step, run, worst
from xcat_hamn.verify.db2 import Db2
from xcat_hamn.verify.postgresql import PostgreSQL

CODES = {Outcome.OK: exits.OK, Outcome.WARNING: exits.DEGRADED, Outcome.FAILED: exits.FAILED}
#: Seconds for everything, and for xCAT's own way to the database.
_SECONDS, _XCAT_SECONDS = 120.0, 15.0


def command(
    file: str = typer.Option(
        DEFAULT_PATH, "--file", "-f", metavar="SITE", help="The site file to use."
    ),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Prove that the database of this node answers, reads and takes writes.

    On the primary it commits something of its own that is gone afterwards, and asks the database
    as xCAT does; on a standby it says what is not asked there. Nobody's data is touched. Needs no
    password: the database's own user is asked on this node.
    """
    if os.geteuid() != 0:
        raise PermissionProblem("the database is asked as the user that owns it: run this as root")
    site = load_site(file)
    terminal = Terminal(quiet=json)
    found = []
    for check in checks(site):
        found.append(check)
        _print(terminal, check)
    outcome = worst(found)
    if json:
        terminal.json(
            {
                "node": os.uname().nodename,
                "engine": site.text("database", "engine"),
                "outcome": outcome.value,
                "checks": [check.as_json() for check in found],
            }
        )
    return CODES[outcome]


def checks(site: Site) -> Iterator[Check]:
    """Do all checks of the engine that ``site`` names."""
    engine = site.text("database", "engine")
    deadline = Deadline(_SECONDS)
    if engine == "none":
        yield from run([("xcat", lambda: _xcat(site))])
        return
    asked: Db2 | PostgreSQL
    asked = _db2(site, deadline) if engine == "db2" else _postgresql(site, deadline)
    xcat: Step = ("xcat", lambda: _xcat(site) if asked.writable else _NOT_HERE)
    yield from run([*asked.steps(), xcat])


_NOT_HERE = (Outcome.SKIPPED, "xCAT works on the primary's node")


def _db2(site: Site, deadline: Deadline) -> Db2:
    from xcat_hamn.database.db2.instance import Instance
    from xcat_hamn.database.db2.sql import Sql

    log = Silence()
    name, database = site.text("database", "instance"), site.text("database", "database")
    instance = Instance(Runner(deadline), deadline, log, name, database)
    return Db2(instance, Sql(instance, deadline, log))


def _postgresql(site: Site, deadline: Deadline) -> PostgreSQL:
    from xcat_hamn.database.postgresql.client import Client

    port = int(site.text("database", "port"))
    client = Client(
        user=site.text("database", "user"),
        port=port,
        socket_directory=site.text("database", "socket_directory"),
        deadline=deadline,
    )
    return PostgreSQL(client, port)


def _xcat(site: Site) -> tuple[Outcome, str]:
    """Ask the database that xCAT's cfgloc names, as xCAT reaches it."""
    from xcat_hamn.services import cfgloc, writable

    path = site.text("services", "cfgloc")
    found = writable.proof(cfgloc.read(path), _XCAT_SECONDS, Silence())
    if found.word == writable.WRITABLE:
        return Outcome.OK, f"the database that {path} names takes writes"
    return Outcome.FAILED, found.reason


_MARKS = {
    Outcome.OK: "green",
    Outcome.SKIPPED: "dim",
    Outcome.WARNING: "yellow",
    Outcome.FAILED: "bold red",
}


def _print(terminal: Terminal, check: Check) -> None:
    words = (check.name, check.outcome.value, check.sentence)
    terminal.columns(words, (6, 8), _MARKS[check.outcome])
