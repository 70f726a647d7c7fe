"""``xcat-hamn takeover``: give the role to a node, and accept a loss of data only in so many words.

Where nothing would be lost it does what `pcs resource move` does.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from typing import Any

import typer

from xcat_hamn.cli import exits
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.errors import CommandFailed, HamnError
from xcat_hamn.system.foreground import Foreground, interrupted_once
from xcat_hamn.system.runner import Runner
from xcat_hamn.takeover.decision import Act, Verdict, judge, safer
from xcat_hamn.takeover.loss import lines
from xcat_hamn.takeover.moving import Mover, Patience, look_now, orders
from xcat_hamn.takeover.view import View, look

_ORDERS = (Act.ORDER, Act.CONSENT)
_NOT_ASKED = "nobody was asked, so nothing was changed: --yes accepts the loss without asking"
_CODES = {Act.NOTHING: exits.OK, Act.REFUSE: exits.FAILED, Act.ASK: exits.LOSS}


def command(
    node: str = typer.Argument(..., metavar="NODE", help="The node that is to have the role."),
    accept_data_loss: bool = typer.Option(
        False, "--accept-data-loss", help="Go on though commits of the other node would be lost."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask for the node's name."),
    dry_run: bool = typer.Option(False, "--dry-run", "-n", help="Show everything, change nothing."),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> int:
    """Give the role of the management node to NODE.

    Where nothing would be lost this is `pcs resource move`, and works where the role runs nowhere,
    too.  Where commits of the other node would be lost it says what, and how to avoid it; only
    with --accept-data-loss it goes on.
    """
    terminal = Terminal(quiet=json)
    takeover = _Takeover(terminal, Pacemaker(Runner()), quiet=json)
    view = takeover.look(node, accepted=accept_data_loss)
    verdict = judge(view)
    takeover.explain(view, verdict)
    code = _CODES.get(verdict.act, exits.OK)
    acts = verdict.act not in _CODES
    done = False
    if acts and dry_run:
        takeover.rehearse(view, verdict)
    elif acts and verdict.act is Act.CONSENT and not yes and not takeover.confirmed(node):
        code, acts = exits.LOSS, False
    elif acts:
        takeover.go(view, verdict)
        done = True
    if json:
        terminal.json(_as_json(view, verdict, done=done, code=code))
    return code


class _Takeover:
    """One call of the verb, with its terminal and its cluster."""

    def __init__(self, terminal: Terminal, cluster: Pacemaker, *, quiet: bool) -> None:
        self.cluster = cluster
        self._terminal = terminal
        self._quiet = quiet

    def look(self, node: str, *, accepted: bool) -> View:
        """Look at the cluster; a standby whose primary has just gone gets time to notice."""
        patience = Patience()
        end = time.monotonic() + patience.notice
        while True:
            view = look(self.cluster, node, accepted=accepted)
            if not view.unnoticed or time.monotonic() > end:
                return view
            look_now(self.cluster, node)
            time.sleep(patience.every)

    def explain(self, view: View, verdict: Verdict) -> None:
        """Say what the case is and, when something would be lost, what."""
        say = self._terminal
        if verdict.act is Act.REFUSE:
            say.note(f"xcat-hamn: {verdict.sentence}")
        elif verdict.act in (Act.NOTHING, Act.MOVE, Act.ORDER, Act.WAIT):
            say.good(f"{verdict.sentence}.")
        else:
            say.warning(f"{verdict.sentence}.")
            self._what_is_lost(view)
        if view.gate and verdict.act is not Act.NOTHING:
            say.heading("A fencing waits:")
            say.line(view.gate)
        if verdict.act is Act.ASK:
            say.heading("The safer way:")
            say.line(safer(view))
            say.heading("The command that accepts the loss:")
            say.line(accepting(view.node))

    def _what_is_lost(self, view: View) -> None:
        if view.end is None:
            return
        self._terminal.heading(f"With the data that {view.node} has:")
        for label, text in lines(
            view.end, view.engine.place(view.end), view.node, view.other.name, time.time()
        ):
            self._terminal.columns((label, text), (17,))

    def confirmed(self, node: str) -> bool:
        """Ask for the node's name; without a terminal, and for a program, the answer is no."""
        if self._quiet or not sys.stdin.isatty():
            self._terminal.note(f"xcat-hamn: {_NOT_ASKED}")
            return False
        answer = self._terminal.ask(f"Type {node} to accept this loss: ")
        if answer != node:
            self._terminal.note(f'xcat-hamn: "{answer}" is not {node}: nothing was changed')
        return answer == node

    def rehearse(self, view: View, verdict: Verdict) -> None:
        """Say what would be done."""
        self._terminal.heading("This would be done:")
        if verdict.act in _ORDERS and view.end:
            self._terminal.line(f"order a takeover with the data as it is: {view.end.consent}")
            self._terminal.line(f"wait until the database on {view.node} can be promoted")
        for argv in orders(view.status, view.node):
            self._terminal.line(" ".join(argv))
        self._terminal.line(f"wait until all of the role runs on {view.node}; leave no constraint")
        self._terminal.good("Dry run: nothing was changed.")

    def go(self, view: View, verdict: Verdict) -> None:
        """Do it.  Raises HamnError; whatever the end, no constraint and no consent is left."""
        mover = Mover(self.cluster, self._start, self._tell, Patience())
        begun = time.monotonic()
        self._terminal.heading(f"The role goes to {view.node}:")
        with interrupted_once(), contextlib.ExitStack() as undo:
            undo.callback(self._clear, mover, view.node)
            if verdict.act in _ORDERS:
                self._still_the_same(view)
                undo.enter_context(mover.consented(view))
                mover.wait_accepted(view.node)
            self._move(mover, view.node)
        took = time.monotonic() - begun
        self._terminal.good(f"{view.node} is the management node now, after {took:.0f} s.")

    def _move(self, mover: Mover, node: str) -> None:
        try:
            mover.move(node)
        except CommandFailed as problem:
            # What the database's agent has found out meanwhile says more than pcs does.
            verdict = judge(look(self.cluster, node))
            raise CommandFailed(f"{problem}; now: {verdict.sentence}") from None

    def _still_the_same(self, shown: View) -> None:
        now = look(self.cluster, shown.node, accepted=shown.accepted)
        if now.end != shown.end or judge(now) != judge(shown):
            raise HamnError(
                "the cluster has changed since this was shown, and nothing was done: run it again "
                "to see what is to be accepted now"
            )

    def _clear(self, mover: Mover, node: str) -> None:
        try:
            mover.clear(node)
        except HamnError as problem:
            self._tell(str(problem))

    def _tell(self, text: str) -> None:
        # A terminal that has gone (`| head`, a lost connection) is no reason to stop half way.
        with contextlib.suppress(OSError, SystemExit):
            self._terminal.line(text)

    def _start(self, argv: Sequence[str]) -> Foreground:
        self._tell(f"$ {' '.join(argv)}")
        return Foreground(argv, quiet=self._quiet)


def accepting(node: str) -> str:
    """Return the command that accepts a loss."""
    return f"xcat-hamn takeover {node} --accept-data-loss"


def _as_json(view: View, verdict: Verdict, *, done: bool, code: int) -> dict[str, Any]:
    """Return the result for a program."""
    result: dict[str, Any] = {
        "node": view.node,
        "case": verdict.row,
        "act": verdict.act.name.lower(),
        "sentence": verdict.sentence,
        "done": done,
        "gate": view.gate,
    }
    if verdict.act in (Act.ASK, Act.CONSENT) and view.end is not None:
        result["loss"] = {
            "timeline": view.end.timeline,
            "position": view.engine.position(view.end),
            "last_contact": view.end.contact or None,
            "last_commit": view.end.commit or None,
            "safer": safer(view),
            "accept": accepting(view.node),
        }
    if code != exits.OK:
        result["errors"] = [_NOT_ASKED if verdict.act is Act.CONSENT else verdict.sentence]
    return result
