"""``xcat-hamn setup``: what is done once, before the cluster is configured."""

from __future__ import annotations

import os

import typer

from xcat_hamn.cli import exits
from xcat_hamn.cli.setupview import View
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.site import load_site
from xcat_hamn.cluster.sitefile import DEFAULT_PATH
from xcat_hamn.database.db2.hadr import WAITING_MODES
from xcat_hamn.database.db2.setup import nodes, synchronization, verification
from xcat_hamn.database.db2.setup.pair import Pair
from xcat_hamn.database.db2.setup.procedure import AGAIN, Procedure
from xcat_hamn.database.db2.setup.values import Options
from xcat_hamn.errors import (
    CommandFailed,
    HamnError,
    ParameterError,
    PermissionProblem,
    Refused,
)
from xcat_hamn.system.files import read_text, remove, write_text
from xcat_hamn.system.foreground import interrupted_once

#: There while the test of requirement 5.1.9 is owed: the databases cannot tell that.
UNTESTED = "/var/lib/xcat-hamn/setup/database-untested"


def database(  # noqa: PLR0913 - its options
    file: str = typer.Option(
        DEFAULT_PATH, "--file", "-f", metavar="SITE", help="The site file to use."
    ),
    primary: str = typer.Option(
        "",
        "--primary",
        metavar="NODE",
        help="The node whose database is copied, where the databases do not tell: else this one.",
    ),
    backups: str = typer.Option(
        "",
        "--backups",
        metavar="FOLDER",
        help="The folder of the backups on both nodes: else backup in the owner's home.",
    ),
    peer_window: int = typer.Option(
        None,
        "--peer-window",
        metavar="SECONDS",
        min=0,
        help="HADR_PEER_WINDOW: else 120 or more.",
        show_default=False,
    ),
    timeout: int = typer.Option(
        None,
        "--hadr-timeout",
        metavar="SECONDS",
        min=60,
        help="HADR_TIMEOUT: else 120.",
        show_default=False,
    ),
    sync_mode: str = typer.Option(
        "",
        "--sync-mode",
        metavar="MODE",
        help="HADR_SYNCMODE, SYNC or NEARSYNC: else NEARSYNC.",
    ),
    restore: bool = typer.Option(
        False, "--restore", help="Restore the standby from a new backup, whatever it has."
    ),
    test: bool = typer.Option(
        None,
        "--test/--no-test",
        help="Test the synchronization by two takeovers: else after anything was changed.",
        show_default=False,
    ),
    yes: bool = typer.Option(
        False, "--yes", "-y", help="Do not ask before a database of the standby is replaced."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", "-n", help="Print every command for each node, change nothing."
    ),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Make a HADR pair of the Db2 database and an instance on the other management node.

    Stops the clients, backs the database up, restores it on the other node over ssh, sets the
    parameters of HADR on both, starts the standby and then the primary, and proves that the pair
    is in PEER and that what one node writes the other has.

    Run again, it goes on where it ended; on a pair that is right it changes nothing. The other
    node is reached as root over ssh, without a password, and must be known (requirement 4.0).
    """
    if os.geteuid() != 0:
        raise PermissionProblem("the set-up writes /etc/services and becomes other users: use root")
    mode = sync_mode.upper()
    if mode not in ("", *WAITING_MODES):
        raise ParameterError(
            f"--sync-mode {sync_mode} waits for no standby, so a takeover from a dead primary "
            f"would lose data: use {' or '.join(WAITING_MODES)}"
        )
    options = Options(backups, primary, restore, test, timeout, peer_window, mode)
    view = View(Terminal(quiet=json))
    with nodes.connected(load_site(file), options) as pair:
        work = _Work(pair, view, options)
        if dry_run:
            work.rehearse()
            code = exits.OK
        else:
            with interrupted_once():
                code = work.go(yes=yes, quiet=json)
    if json:
        view.json(changed=work.procedure.changed, code=code)
    return code


class _Work:
    """One call of the verb."""

    def __init__(self, pair: Pair, view: View, options: Options) -> None:
        self.procedure = Procedure(pair, view)
        self._pair = pair
        self._view = view
        self._options = options

    def rehearse(self) -> None:
        """Print all that would be done."""
        self.procedure.prepare(dry_run=True)
        for step, side, done in self.procedure.plan():
            text = step.text(self._pair, side)
            if done:
                self._view.already(step, side, text)
            else:
                self._view.planned(step, side, text, step.actions(self._pair, side))
        if self._must_test(owed=not self.procedure.finished):
            self._view.test(self._test().commands())
        self._view.differences()
        for side in self._pair.sides:
            if not side.facts.up:
                self._view.note(
                    f"the instance on {side.name} does not run, so its database was not asked: "
                    "what it has already is not left out here"
                )
        self._view.good("Dry run: nothing was changed.")

    def go(self, *, yes: bool, quiet: bool) -> int:
        """Do it.  Raises HamnError."""
        self.procedure.prepare()
        finished = self.procedure.finished
        if not finished:
            if nodes.cluster_runs_it():
                raise Refused(
                    "the cluster runs the database, and would act on every step: take it out of "
                    "the cluster's hands with `pcs resource unmanage xcat-db-clone` first, and "
                    "give it back with `pcs resource manage xcat-db-clone`"
                )
            if self.procedure.replaces and not yes and not self._confirmed(quiet=quiet):
                return exits.LOSS
            write_text(UNTESTED, f"{self._pair.primary.name}\n", 0o644, durable=True)
        self.procedure.run()
        self._prove()
        if self._must_test(owed=read_text(UNTESTED) is not None):
            self._run_test()
        self._end(changed=not finished)
        return exits.OK

    def _confirmed(self, *, quiet: bool) -> bool:
        name = self._pair.standby.name
        return self._view.confirmed(
            name,
            f"{name} has a database {self._pair.database} of its own; it is replaced by that of "
            f"{self._pair.primary.name}.",
            quiet=quiet,
        )

    def _prove(self) -> None:
        self._view.waits("wait until both databases are in PEER (requirement 5.1.8)")
        problems = self.procedure.verify()
        if problems:
            raise Unproven(problems)
        for side in self._pair.sides:
            self._view.proven(side)
        for warning in verification.warnings(self._pair):
            self._view.warning(warning)

    def _must_test(self, *, owed: bool) -> bool:
        return owed if self._options.test is None else self._options.test

    def _test(self) -> synchronization.Test:
        return synchronization.Test(self._pair, self._view.command, self._settled)

    def _settled(self) -> None:
        problems = self.procedure.verify()
        if problems:
            raise Unproven(problems)

    def _run_test(self) -> None:
        """Go through requirement 5.1.9, and leave the roles as they were."""
        if nodes.cluster_runs_it():
            self._view.note("the cluster runs the database: move the role to test it")
            return
        missing = [s.name for s in self._pair.sides if not synchronization.has_xcat(s)]
        if missing:
            self._view.note(
                f"xCAT is not installed on {' and '.join(missing)}, so the synchronization was not "
                "tested: install it, then run this with --test"
            )
            return
        self._view.waits("test the synchronization (requirement 5.1.9)")
        try:
            self._test().run()
        except HamnError as problem:
            raise CommandFailed(
                f"the test of the synchronization failed: {problem}; then {AGAIN}"
            ) from None
        remove(UNTESTED)

    def _end(self, *, changed: bool) -> None:
        pair = self._pair
        if changed:
            self._view.differences()
            self._view.note("xcatd was stopped; the cluster starts it: `xcat-hamn configure` next")
        self._view.good(
            f"{pair.database} is a HADR pair: {pair.primary.name} is the primary, "
            f"{pair.standby.name} its standby."
        )


class Unproven(CommandFailed):
    """The pair is not what it should be; ``problems`` has one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))
