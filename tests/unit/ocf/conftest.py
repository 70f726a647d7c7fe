"""A small agent declared in the tests, and stand-ins for what an action touches."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from xcat_hamn.ocf import context, dispatch
from xcat_hamn.ocf.call import Handlers
from xcat_hamn.ocf.declaration import (
    BOOLEAN,
    INTEGER,
    SECONDS,
    STRING,
    Action,
    Agent,
    Parameter,
)

# A loaded machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


class Recorder(Handlers):
    """Handlers that do what the test put into ``behave``, and remember what they were asked."""

    behave: ClassVar[dict] = {}
    asked: ClassVar[list] = []

    def _act(self, action):
        self.asked.append((action, self.call.values.text("path"), self.call.values.number("count")))
        outcome = self.behave.get(action)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome() if callable(outcome) else outcome

    def start(self):
        return self._act("start")

    def stop(self):
        return self._act("stop")

    def monitor(self):
        return self._act("monitor")

    def promote(self):
        return self._act("promote")

    def reload_agent(self):
        return self._act("reload-agent")

    def problems(self):
        return self.behave.get("problems", [])


def _no_spaces(text):
    return "parameter path has a space: take it out" if " " in text else None


@pytest.fixture
def agent():
    Recorder.behave, Recorder.asked = {}, []
    return Agent(
        name="test-agent",
        version="1.2",
        shortdesc='short <&> "quoted"',
        longdesc="long <&> description",
        parameters=(
            Parameter(
                "path", STRING, "s", 'a <long> "one"', required=True, check=_no_spaces, default=""
            ),
            Parameter("count", INTEGER, "s", "l", default="3", reloadable=True),
            Parameter("switch", BOOLEAN, "s", "l", default="true", unique_group="g"),
            Parameter("patience", SECONDS, "s", "l", default="1m"),
            Parameter("colors", STRING, "s", "l", default="red", choices=("red", "green")),
        ),
        actions=(
            Action("start", 30),
            Action("stop", 40),
            Action("monitor", 20, interval=10, role="Promoted"),
            Action("monitor", 15, interval=11, role="Unpromoted", depth=10),
            Action("promote", 60),
            Action("reload-agent", 5),
        ),
        handlers=Recorder,
    )


class Ran:
    """How one action ended."""

    def __init__(self, code, captured):
        self.code = code
        self.stdout = captured.out
        self.stderr = captured.err
        prefix = "ocf-exit-reason:"
        lines = [line for line in captured.err.splitlines() if line.startswith(prefix)]
        self.reasons = [line[len(prefix) :] for line in lines]


@pytest.fixture
def run(agent, tmp_path: Path, monkeypatch, capfd):
    """Run one action of the agent in this process, its state below a temporary directory."""
    import signal

    monkeypatch.setattr(context, "RUN_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(context, "DURABLE_DIRECTORY", str(tmp_path / "lib"))

    def run_one(action, parameters=None, **environ):
        given = {"path": "/x"} if parameters is None else parameters
        environment = {
            "OCF_RESOURCE_INSTANCE": "r",
            "OCF_EXIT_REASON_PREFIX": "ocf-exit-reason:",
            **{f"OCF_RESKEY_{name}": value for name, value in given.items()},
            **environ,
        }
        try:
            code = dispatch.run(agent, ["agent", action, "ignored"], environment)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        return Ran(code, capfd.readouterr())

    return run_one


@pytest.fixture
def behave():
    return Recorder.behave


@pytest.fixture
def asked():
    return Recorder.asked
