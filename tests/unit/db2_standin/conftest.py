"""Gives each test two instances of the Db2 stand-in, which talk over loopback."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

LAB = os.path.join(os.path.dirname(__file__), "..", "..", "lab")
sys.path.insert(0, os.path.abspath(LAB))

from db2 import install  # noqa: E402
from db2.standin import clp, db2pd  # noqa: E402
from db2.standin.home import Home, read_text  # noqa: E402
from db2.standin.tools import daemon_pid  # noqa: E402

TIMEOUT, WINDOW = 60, 120
#: Every duration of Db2 is shortened by this: HADR_TIMEOUT is 0.6 s, the peer window 1.2 s.
SCALE = 0.01


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not in {seconds} s: {what}"
        time.sleep(0.01)


class Done:
    """What a command of Db2 has printed, and its exit code."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.raw = done.returncode, done.stdout
        self.text = " ".join(done.stdout.split())
        assert not done.stderr, done.stderr

    def message(self) -> str:
        """Return the code of the message, with the reason code: `SQL1770N 9`."""
        found = re.search(r"\b((?:SQL|DB2)\d+[NWCI])\b", self.text)
        reason = re.search(r'Reason\s+code\s*=?\s*"(\w+)"', self.text, re.IGNORECASE)
        return f"{found.group(1) if found else ''} {reason.group(1) if reason else ''}".strip()


class Machine:
    """One host with an instance."""

    def __init__(self, home: str, library: str, **settings: object) -> None:
        self.path = home
        os.makedirs(home)
        install.create_instance(
            home, "xcatdb", host="localhost", library=library, scale=SCALE, **settings
        )
        self.home = Home(home)
        self.backups = f"{home}/backup"
        os.makedirs(self.backups)

    def run(self, program: str, *words: str, stdin: str = "", timeout: float = 20) -> Done:
        return Done(self._run([f"{self.path}/sqllib/bin/{program}", *words], stdin, timeout))

    @staticmethod
    def _run(argv: list[str], stdin: str, timeout: float) -> subprocess.CompletedProcess[str]:
        # PYTHONDONTWRITEBYTECODE has no meaning under -I; the stand-in is imported from a copy
        return subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C"},
        )

    def db2(self, *words: str, stdin: str = "", timeout: float = 20) -> Done:
        if stdin:
            return self.run("db2", *words, stdin=stdin, timeout=timeout)
        return self._here(clp.main, words, timeout)

    def _here(
        self, function: Callable[[Home, list[str]], int], words: Sequence[str], timeout: float
    ) -> Done:
        """Run an executable's function in this process: a tenth of a process's time."""

        def too_long(*_: object) -> None:
            raise TimeoutError(f"{words} is not done in {timeout} s")

        output = io.StringIO()
        before = signal.signal(signal.SIGALRM, too_long)
        signal.setitimer(signal.ITIMER_REAL, timeout)
        try:
            with contextlib.redirect_stdout(output):
                code = function(self.home, list(words))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return Done(subprocess.CompletedProcess(words, code, output.getvalue(), ""))

    def ok(self, text: str) -> Done:
        done = self.db2(text)
        assert done.code == 0, done.text
        return done

    def fault(self, command: str, text: str) -> None:
        path = f"{self.home.own}/faults/{command}"
        if not text:
            os.unlink(path)
            return
        with open(f"{path}.new", "w", encoding="utf-8") as stream:
            stream.write(text)
        os.rename(f"{path}.new", path)

    def set(self, passwords: dict[str, str] | None = None, **settings: object) -> None:
        """Change settings of the stand-in."""
        with open(f"{self.home.own}/passwords.json", "w", encoding="utf-8") as stream:
            json.dump(passwords or {}, stream)
        with open(f"{self.home.own}/settings.json", "w", encoding="utf-8") as stream:
            json.dump({"instance": "xcatdb", "scale": SCALE, **settings}, stream)

    def hadr(self) -> dict[str, str]:
        """Return the keys of db2pd -hadr; nothing while the database is inactive."""
        text = self._here(db2pd.main, ["-hadr", "-db", "xcatdb"], 20).raw
        return dict(
            [part.strip() for part in line.split(" = ", 1)]
            for line in text.splitlines()
            if " = " in line
        )

    def state(self) -> str:
        found = self.hadr()
        parts = ("HADR_ROLE", "HADR_STATE", "HADR_CONNECT_STATUS")
        return "/".join(found[part] for part in parts) if found else "inactive"

    def role(self) -> str:
        found = re.search(r"HADR database role += (\w+)", self.ok("get db cfg for xcatdb").raw)
        assert found
        return found.group(1)

    def wait_state(self, state: str, seconds: float = 10) -> None:
        try:
            wait_for(lambda: self.state() == state, state, seconds)
        except AssertionError:
            found = f"{state} expected, {self.state()} found\n{self.diagnostics()}{self.errors()}"
            raise AssertionError(found) from None

    def sql(self, *statements: str) -> Done:
        """Run statements over one connection."""
        script = "\n".join(["connect to xcatdb;", *(f"{s};" for s in statements), "terminate;"])
        return self.db2("-tx", stdin=script)

    def rows(self) -> list[str]:
        done = self.sql("select name from nodes order by name")
        return [line.strip() for line in done.raw.splitlines() if line.strip().startswith("cn")]

    def pid(self) -> int:
        return daemon_pid(self.home)

    def signal(self, number: int) -> None:
        os.kill(self.pid(), number)

    def crash(self) -> None:
        """Kill the daemon; its connections are reset."""
        self.run("db2_kill")

    def end(self) -> None:
        """End the daemon if there is one, and remove everything."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)

    def errors(self) -> str:
        return read_text(f"{self.home.diagnostics}/standin-daemon.err")

    def diagnostics(self) -> str:
        return read_text(f"{self.home.diagnostics}/db2diag.log")


def free_ports(count: int) -> list[int]:
    """Return ports outside the ephemeral range: a client that retries could take one of those."""
    found: list[int] = []
    port = 20000 + os.getpid() % 10000
    while len(found) < count:
        port += 1
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Install the modules once."""
    root = str(tmp_path_factory.mktemp("db2"))
    for file in install.modules():
        target = root + file.path.removeprefix(f"{install.PREFIX}/lib")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as stream:
            stream.write(file.text)
    return root


Factory = Callable[..., Machine]


@pytest.fixture
def machines(
    tmp_path_factory: pytest.TempPathFactory, library: str
) -> Iterator[Callable[..., Machine]]:
    """Make hosts with instances; their daemons are ended."""
    made: list[Machine] = []

    def make(**settings: object) -> Machine:
        home = str(tmp_path_factory.mktemp("host")) + "/home"
        made.append(Machine(home, library, **settings))
        return made[-1]

    yield make
    errors = [machine.errors() for machine in made]
    for machine in made:
        machine.end()
    assert not any(errors), errors


def configure(one: Machine, other: Machine, ports: list[int], **parameters: object) -> None:
    """Set the HADR parameters of R 5.1.6 on both."""
    for machine, local, remote in ((one, *ports), (other, *reversed(ports))):
        values = {
            "HADR_LOCAL_HOST": "127.0.0.1",
            "HADR_LOCAL_SVC": local,
            "HADR_REMOTE_HOST": "127.0.0.1",
            "HADR_REMOTE_SVC": remote,
            "HADR_REMOTE_INST": "xcatdb",
            "HADR_SYNCMODE": "NEARSYNC",
            "HADR_TIMEOUT": TIMEOUT,
            "HADR_PEER_WINDOW": WINDOW,
            **parameters,
        }
        words = " ".join(f"{key} {value}" for key, value in values.items())
        machine.ok(f"update db cfg for xcatdb using {words}")


def seed(one: Machine, other: Machine) -> None:
    """Do R 5.1.2 to 5.1.4: a database with a row, its backup, its copy."""
    one.ok("create db xcatdb")
    assert one.sql("create table nodes (name varchar(20) primary key)").code == 0
    assert one.sql("insert into nodes values ('cn1')").code == 0
    one.ok("update db cfg for xcatdb using LOGARCHMETH1 LOGRETAIN TRACKMOD ON LOGINDEXBUILD ON")
    one.ok(f"backup db xcatdb to {one.backups}/")
    for name in os.listdir(one.backups):
        shutil.copy(f"{one.backups}/{name}", other.backups)
    other.ok(f"restore database xcatdb from {other.backups} replace history file")


@pytest.fixture(scope="session")
def template(
    tmp_path_factory: pytest.TempPathFactory, library: str
) -> Iterator[tuple[Machine, Machine]]:
    """Set a pair up as R 5.1 does, once, and stop it: the tests begin with copies."""
    one, other = (Machine(str(tmp_path_factory.mktemp("first")) + "/home", library) for _ in "12")
    try:
        for machine in (one, other):
            assert machine.run("db2start").code == 0
        seed(one, other)
        configure(one, other, free_ports(2))
        other.ok("start hadr on db xcatdb as standby")
        one.ok("start hadr on db xcatdb as primary")
        other.wait_state("STANDBY/PEER/CONNECTED")
        for machine in (one, other):
            assert machine.run("db2stop", "force").code == 0
        yield one, other
    finally:
        for machine in (one, other):
            machine.end()


MakePair = Callable[..., tuple[Machine, Machine]]


@pytest.fixture
def make_pair(machines: Factory, template: tuple[Machine, Machine]) -> MakePair:
    """Copy the pair, set parameters on both, and bring it to PEER."""

    def make(
        settings: dict[str, object] | None = None, **parameters: object
    ) -> tuple[Machine, Machine]:
        state = "REMOTE_CATCHUP" if parameters.get("HADR_SYNCMODE") == "SUPERASYNC" else "PEER"
        words = " ".join(f"{key} {value}" for key, value in parameters.items())
        copies = []
        for original, role in reversed(list(zip(template, ("PRIMARY", "STANDBY")))):
            machine = machines()
            shutil.copytree(original.path, machine.path, dirs_exist_ok=True)
            machine.set(**settings or {})
            assert machine.run("db2start").code == 0
            if words:
                machine.ok(f"update db cfg for xcatdb using {words}")
            machine.ok("activate db xcatdb")
            copies.append((machine, f"{role}/{state}/CONNECTED"))
        for machine, expected in copies:
            machine.wait_state(expected)
        return copies[1][0], copies[0][0]

    return make


@pytest.fixture
def pair(make_pair: MakePair) -> tuple[Machine, Machine]:
    """Primary and standby in PEER."""
    return make_pair()
