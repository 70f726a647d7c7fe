"""What every service does alike: states, and a stop after which nothing is left."""

from __future__ import annotations

import pytest
from xcat_hamn.errors import DeadlineExceeded, HamnError
from xcat_hamn.services import service as module
from xcat_hamn.services.service import BROKEN, HEALTHY, STOPPED, Service


class Daemon(Service):
    name = "dns"
    wrong = None
    asked = ()

    @property
    def units(self):
        return ["named"]

    def check(self):
        self.asked = (*self.asked, "check")
        if self.wrong:
            raise HamnError(self.wrong)

    def prove(self):
        self.asked = (*self.asked, "prove")


@pytest.fixture
def daemon(ports, monkeypatch):
    monkeypatch.setattr(module, "_LINGER", 0.05)
    monkeypatch.setattr(module, "_LEFTOVER_GRACE", 0.05)
    return Daemon(ports)


def test_no_process_is_stopped_and_asks_nothing(daemon):
    assert daemon.state(deep=True).word == STOPPED
    assert daemon.asked == ()


@pytest.mark.parametrize(("deep", "asked"), [(False, ("check",)), (True, ("check", "prove"))])
def test_a_healthy_one_was_asked(daemon, machine, deep, asked):
    machine.spawn()
    assert daemon.state(deep=deep).word == HEALTHY
    assert daemon.asked == asked


def test_a_wrong_answer_is_broken_with_its_reason(daemon, machine):
    machine.spawn()
    daemon.wrong = "it answers REFUSED"
    found = daemon.state(deep=False)
    assert (found.word, found.reason) == (BROKEN, "it answers REFUSED")


def test_a_suspended_one_is_broken_without_being_asked(daemon, machine):
    machine.spawn(state="T")
    found = daemon.state(deep=True)
    assert found.word == BROKEN and "suspended" in found.reason
    assert daemon.asked == ()


def test_a_running_daemon_is_not_started_twice(daemon, machine):
    daemon.start()
    daemon.start()
    assert machine.done == ["restart named"]


def test_a_unit_that_only_says_that_it_is_up_is_not_believed(daemon, machine, monkeypatch):
    monkeypatch.setattr(module, "_APPEARS", 0.05)
    machine.lies = True
    with pytest.raises(HamnError, match="ended with 0, but no process"):
        daemon.start()


def test_stop_of_a_running_one_and_of_nothing(daemon, machine):
    machine.spawn()
    daemon.stop()
    daemon.stop()
    assert machine.running == {}
    assert machine.done == ["stop named", "stop named"]


def test_a_hanging_stop_ends_in_a_kill(daemon, machine):
    machine.spawn()
    machine.hangs = True
    daemon.stop()
    assert machine.done == ["stop named", "kill named"]
    assert machine.running == {}


def test_what_lives_outside_the_unit_is_ended_politely_first(daemon, machine):
    machine.spawn(pid=8)
    daemon.stop()
    assert machine.done == ["stop named", "signal 15"]


def test_a_suspended_one_is_woken_before_its_stop(daemon, machine):
    machine.spawn(state="T")
    daemon.stop()
    assert machine.done == ["signal 18", "stop named"]


def test_then_by_force(daemon, machine):
    machine.spawn(pid=8)
    machine.ignores_term = True
    daemon.stop()
    assert machine.done == ["stop named", "signal 15", "signal 9"]


def test_a_stop_is_not_reported_while_a_process_is_left(daemon, machine, ports):
    from xcat_hamn.system.deadline import Deadline

    ports.deadline = Deadline(0.5)
    machine.spawn(pid=8)
    machine.ignores_term = machine.immortal = True
    with pytest.raises(DeadlineExceeded, match=r"named \(8\).*reboot"):
        daemon.stop()


def test_stop_forgets_what_the_start_learned(daemon, ports):
    ports.remember("dns", {"domain": "cluster.test"})
    daemon.stop()
    assert ports.facts("dns") == {}


def test_a_unit_that_starts_at_boot_is_worth_a_warning(daemon):
    assert "systemctl disable named" in daemon.warnings()[0]
