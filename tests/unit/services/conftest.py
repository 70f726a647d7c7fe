"""Stand-ins for the ports of a service: what xCAT, systemd and the kernel would do."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from xcat_hamn.errors import CommandTimeout
from xcat_hamn.services import patience
from xcat_hamn.services.processes import Process
from xcat_hamn.services.service import Service
from xcat_hamn.system.deadline import Deadline

# A loaded machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch):
    monkeypatch.setattr(patience, "SECONDS", 0.3)


class Log:
    """Keeps what would go to the system log."""

    def __init__(self):
        self.lines = []

    def info(self, message):
        self.lines.append(message)

    warning = error = trace = info


class Machine:
    """A node with one kind of daemon; systemd, processes and signals act on ``running``."""

    def __init__(self, name="named"):
        self.name = name
        self.running = {}
        self.done = []
        self.hangs = self.ignores_term = self.immortal = self.lies = False

    def spawn(self, pid=7, state="S"):
        self.running[pid] = Process(pid, self.name, state)

    # -- systemd
    def restart(self, unit, timeout):
        self.done.append(f"restart {unit}")
        if not self.lies:
            self.spawn()

    def stop(self, units, timeout):
        self.done.append(f"stop {' '.join(units)}")
        if self.hangs:
            raise CommandTimeout("systemctl stop hangs")
        self.running.pop(7, None)

    def kill(self, units, timeout):
        self.done.append(f"kill {' '.join(units)}")
        self.running.pop(7, None)

    def starts_at_boot(self, unit):
        return True

    def is_changing(self, unit):
        return False

    # -- processes
    def of(self, units, names):
        return self.anywhere(names)

    def anywhere(self, names):
        return [one for one in self.running.values() if one.name in names]

    def signal(self, processes, number):
        if processes:
            self.done.append(f"signal {number}")
        if (number == 15 and not self.ignores_term) or (number == 9 and not self.immortal):
            for process in processes:
                self.running.pop(process.pid, None)


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def ports(machine, tmp_path):
    from xcat_hamn.services.ports import Ports

    made = Ports.__new__(Ports)
    made.address, made.cfgloc = "10.11.0.10", str(tmp_path / "cfgloc")
    made.directory, made.deadline = str(tmp_path / "run"), Deadline(20)
    made.log = Log()
    made.systemd = made.processes = machine
    made.xcat = SimpleNamespace()
    made.runner = SimpleNamespace()
    return made


class Fake(Service):
    """A service whose every step is what the test says."""

    def __init__(self, name, ports, *, fails_in=None, error=None, states=None, meet=None):
        self.name = name
        super().__init__(ports)
        self.fails_in, self.error = fails_in, error
        self.meet: threading.Barrier | None = meet
        self.steps = []
        self.word = "stopped"
        self.changing = 0

    @property
    def units(self):
        return [f"{self.name}-unit"]

    def _step(self, step):
        self.steps.append(step)
        if self.meet:
            self.meet.wait(10)
        if step == self.fails_in:
            raise self.error

    def regenerate(self):
        self._step("regenerate")

    def start(self):
        self._step("start")
        self.word = "healthy"

    def prove(self):
        self._step("prove")

    def stop(self):
        self._step("stop")
        self.word = "stopped"

    def is_changing(self):
        """Somebody restarts it; it is up again when that has been asked often enough."""
        self.changing = max(0, self.changing - 1)
        if self.changing == 1:
            self.word = "healthy"
        return self.changing > 0

    def state(self, *, deep):
        from xcat_hamn.services.service import State

        return State(self.word, "" if self.word == "healthy" else f"it is {self.word}")


@pytest.fixture
def fake(ports):
    def make(name, **more):
        return Fake(name, ports, **more)

    return make
