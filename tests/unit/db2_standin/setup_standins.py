"""Two nodes with the Db2 stand-in for the tests of the set-up, without a network between them.

What is no command of Db2 (services, users, xCAT) is a stand-in here; rsync and files are real.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess

from db2.standin.main import main as program
from xcat_hamn.database.db2.setup.machine import Here, Machine
from xcat_hamn.database.db2.setup.pair import Pair, Side
from xcat_hamn.database.db2.setup.procedure import Patience, Procedure
from xcat_hamn.database.db2.setup.values import Options
from xcat_hamn.errors import CommandFailed
from xcat_hamn.system.runner import Result

QUICK = Patience(peer=5.0, every=0.02)
SERVICES = "DB2_xcatdb 60000/tcp\nDB2_xcatdb_END 60003/tcp\ndb2c_xcatdb 50001/tcp # clients\n"
#: Commands that change something begin with one of these words.
CHANGES = ("UPDATE", "BACKUP", "RESTORE", "START", "STOP", "ACTIVATE", "TAKEOVER", "FORCE")
PROGRAMS = ("db2start", "db2iauto", "rsync", "tee", "systemctl")


class Interrupted(Exception):
    """The administrator's terminal has gone."""


class Commands:
    """A stand-in for the Runner of one node."""

    def __init__(self, standin, *, xcat=True):
        self.standin = standin
        self.services = SERVICES
        self.xcatd = False
        self.xcat = xcat
        self.ahead = 0
        self.changes = []
        #: Called with each change before and after it.
        self.before = self.after = lambda command: None

    def run(self, argv, *, timeout=60, input="", observe=None, **_):  # noqa: A002
        assert timeout > 0
        if argv[0] == "timeout":
            argv = argv[2:]
        name = os.path.basename(argv[0])
        command = " ".join([name, *argv[1:]])
        changing = name in PROGRAMS or (name == "db2" and argv[1] in CHANGES)
        if changing:
            self.before(command)
            self.changes.append(command)
        code, text = self._answer(argv, name, input)
        if observe:
            observe(text.encode())
        if changing:
            self.after(command)
        return Result(argv, code, text, "", 0.0)

    def _answer(self, argv, name, text):
        found = getattr(self, f"_{name}", None)
        if found is not None:
            return found(argv, text)
        if name.startswith("db2") and name != "db2start":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = program(argv[0], list(argv[1:]))
            return code, output.getvalue()
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout + done.stderr

    def _getent(self, argv, _):
        return 0, f"{argv[2]}:x:1:1::{self.standin.path}:/bin/sh\n"

    def _cat(self, argv, _):
        assert argv[1] == "/etc/services"
        return 0, self.services

    def _tee(self, argv, text):
        assert argv == ["tee", "-a", "/etc/services"]
        self.services += text
        return 0, ""

    def _pgrep(self, *_):
        return (0 if self.xcatd else 1), ""

    def _systemctl(self, argv, _):
        self.xcatd = False
        return 0, ""

    def _date(self, *_):
        done = subprocess.run(["date", "+%s"], capture_output=True, text=True, check=True)
        return 0, f"{int(done.stdout) + self.ahead}\n"

    def _test(self, *_):
        return (0 if self.xcat else 1), ""

    def _env(self, argv, _):
        """Do what xCAT's commands do, by SQL."""
        words = list(argv)
        name = os.path.basename(next(word for word in words if word.startswith("/opt/xcat/bin")))
        node = words[words.index("-o") + 1]
        if name == "mkdef":
            self.standin.sql(
                f"delete from nodes where name = '{node}'", f"insert into nodes values ('{node}')"
            )
            return 0, ""
        if name == "rmdef":
            self.standin.sql(f"delete from nodes where name = '{node}'")
            return 0, ""
        shown = self.standin.sql(f"select name from nodes where name = '{node}'").raw
        group = "    groups=xcat-hamn-test\n" if node in shown else ""
        return 0 if group else 1, group


class Reports:
    """A reporter that remembers."""

    def __init__(self):
        self.begun, self.fractions, self.notes = [], [], []

    def already(self, step, side, text):
        """Take it."""

    def begin(self, step, side, text, actions):
        self.begun.append(f"{step.key} {side.name}")

    def progress(self, fraction):
        self.fractions.append(fraction)

    def end(self):
        """Take it."""

    def note(self, text):
        self.notes.append(text)


class Two:
    """Both nodes; each ``procedure`` is a new run of the verb, from what the nodes tell."""

    def __init__(self, one, other, ports):
        self.standins = (one, other)
        self.commands = tuple(Commands(standin) for standin in self.standins)
        self.ports = ports
        self.reports = Reports()

    def pair(self, options=None):
        sides = [
            Side(
                Machine(name, "127.0.0.1", commands, Here(), ("xcatdb", "xcatdb")),
                (str(port), port),
            )
            for name, commands, port in zip(("mn1", "mn2"), self.commands, self.ports)
        ]
        return Pair(sides, options or Options())

    def procedure(self, options=None):
        self.reports = Reports()
        work = Procedure(self.pair(options), self.reports)
        work.patience = QUICK
        return work

    def set_up(self, options=None):
        """Run the whole procedure and return it; fails when the pair is not right."""
        work = self.procedure(options)
        work.prepare()
        work.run()
        assert work.verify() == []
        return work

    def changes(self):
        return [change for commands in self.commands for change in commands.changes]

    def forget(self):
        for commands in self.commands:
            commands.changes.clear()

    def refuse(self, command):
        raise CommandFailed(f"`{command}` was broken by the test")

    def interrupt(self, command):
        raise Interrupted(command)
