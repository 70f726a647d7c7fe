"""xcat-netsvcs as Pacemaker sees it: codes and exit reasons."""

from __future__ import annotations

import signal
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn import errors
from xcat_hamn.agents import netsvcs
from xcat_hamn.ocf import context, dispatch
from xcat_hamn.services import NAMES
from xcat_hamn.services.service import State
from xcat_hamn.services.together import each
from xcat_hamn.system.deadline import Deadline


class Systemd:
    def __init__(self, _runner=None):
        pass

    adopted: list = []  # noqa: RUF012
    released: list = []  # noqa: RUF012

    def adopt(self, units):
        self.adopted.append(units)

    def release(self, units):
        self.released.append(units)


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run one action with stand-ins for the services, kept from one action to the next."""
    monkeypatch.setattr(context, "RUN_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(context, "DURABLE_DIRECTORY", str(tmp_path / "lib"))
    monkeypatch.setattr("xcat_hamn.services.systemd.Systemd", Systemd)
    monkeypatch.setattr(netsvcs, "xcatd_listens", lambda: True)
    Systemd.adopted, Systemd.released = [], []

    def one(services, action, **environ):
        if isinstance(services, dict):
            monkeypatch.setattr(netsvcs, "make", lambda name, _ports: services[name])
        environment = {
            "OCF_RESOURCE_INSTANCE": "xcat-netsvcs",
            "OCF_RESKEY_CRM_meta_timeout": "20000",
            "OCF_RESKEY_services": " ".join(services),
            **environ,
        }
        try:
            code = dispatch.run(netsvcs.AGENT, ["xcat-netsvcs", action], environment)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        return code, capfd.readouterr().err.removeprefix("ocf-exit-reason:").strip()

    return one


def test_a_life(run, fake):
    services = {name: fake(name) for name in ("dns", "dhcp")}
    assert run(services, "monitor")[0] == 7
    assert run(services, "start") == (0, "")
    for service in services.values():
        assert service.steps == ["regenerate", "start", "prove"]
    assert Systemd.adopted == [["dns-unit", "dhcp-unit"]]
    assert run(services, "monitor") == (0, "")
    assert run(services, "start") == (0, "")
    assert services["dns"].steps == ["regenerate", "start", "prove"]  # nothing was done again
    assert run(services, "stop") == (0, "")
    assert Systemd.released == [["dns-unit", "dhcp-unit"]]
    assert run(services, "monitor")[0] == 7
    assert run(services, "stop") == (0, "")


def test_a_start_bears_with_an_xcatd_that_its_own_monitor_is_about_to_restart(
    run, fake, monkeypatch
):
    answers = iter([False, False, True])
    monkeypatch.setattr(netsvcs, "xcatd_listens", lambda: next(answers))
    assert run({"dns": fake("dns")}, "start") == (0, "")
    assert not list(answers)
    # xcatd itself waits for nobody.
    monkeypatch.setattr(netsvcs, "xcatd_listens", lambda: pytest.fail("asked for itself"))
    assert run({"xcatd": fake("xcatd")}, "start") == (0, "")


def test_a_stop_without_a_start_stops_what_runs(run, fake):
    services = {"dns": fake("dns")}
    services["dns"].word = "healthy"
    assert run(services, "monitor")[0] == 0
    assert run(services, "stop")[0] == 0
    assert services["dns"].steps == ["stop"]


def test_a_start_over_a_daemon_that_nobody_here_started_regenerates(run, fake):
    services = {"dns": fake("dns")}
    services["dns"].word = "healthy"
    assert run(services, "start")[0] == 0
    assert services["dns"].steps[0] == "regenerate"


def test_services_start_and_stop_side_by_side(run, fake):
    together = threading.Barrier(3)
    services = {name: fake(name, meet=together) for name in ("dns", "dhcp", "console")}
    assert run(services, "start") == (0, "")
    assert run(services, "stop") == (0, "")


def test_every_failure_is_named_with_its_service(run, fake):
    failed = errors.CommandFailed("makedns -n ended with 1 (no luck): see the log")
    services = {
        "dns": fake("dns", fails_in="regenerate", error=failed),
        "dhcp": fake("dhcp"),
        "console": fake("console", fails_in="prove", error=errors.HamnError("no list: look")),
    }
    code, reason = run(services, "start")
    assert code == 1
    assert reason == ("dns: makedns -n ended with 1 (no luck): see the log; console: no list: look")
    assert services["dhcp"].word == "healthy"  # left for Pacemaker's stop
    code, reason = run(services, "monitor")
    assert (code, reason) == (1, "dns: it is stopped")
    assert run(services, "stop")[0] == 0
    assert services["dhcp"].word == "stopped"


@pytest.mark.parametrize(
    ("kind", "code"),
    [(errors.MissingTool, 5), (errors.NodeError, 2), (errors.CommandTimeout, 1)],
)
def test_a_failure_keeps_its_kind(run, fake, kind, code):
    services = {"dns": fake("dns", fails_in="start", error=kind("makedns is not there"))}
    assert run(services, "start") == (code, "dns: makedns is not there")


def test_failures_of_several_kinds_ban_no_node(run, fake):
    services = {
        "dns": fake("dns", fails_in="start", error=errors.MissingTool("one")),
        "dhcp": fake("dhcp", fails_in="start", error=errors.NodeError("two")),
    }
    assert run(services, "start") == (1, "dns: one; dhcp: two")


def test_a_fault_of_the_agent_itself_is_not_swallowed(run, fake):
    services = {"dns": fake("dns", fails_in="start", error=KeyError("oops"))}
    code, reason = run(services, "start")
    assert code == 1
    assert reason.startswith("dns: met a fault of the agent itself (KeyError: 'oops')")
    assert "Traceback" in services["dns"].ports.log.lines[-1]


RECURRING = {"OCF_RESKEY_CRM_meta_interval": "10000"}


def test_a_monitor_bears_with_a_restart_by_xcat_s_tools(run, fake):
    services = {"dns": fake("dns"), "dhcp": fake("dhcp")}
    assert run(services, "start")[0] == 0
    services["dns"].word, services["dns"].changing = "stopped", 3
    assert run(services, "monitor", **RECURRING) == (0, "")


def test_what_died_altogether_is_named(run, fake, monkeypatch):
    monkeypatch.setattr(netsvcs, "_RESTART_SECONDS", 0.3)
    services = {"dns": fake("dns")}
    assert run(services, "start")[0] == 0
    services["dns"].word = "stopped"
    assert run(services, "monitor", **RECURRING) == (7, "dns: it is stopped")
    assert run(services, "monitor", OCF_RESKEY_CRM_meta_interval="0") == (7, "")


def test_but_not_with_a_daemon_that_died_or_stays_away(run, fake, monkeypatch):
    services = {"dns": fake("dns"), "dhcp": fake("dhcp")}
    run(services, "start")
    services["dns"].word = "stopped"
    assert run(services, "monitor", **RECURRING)[0] == 1
    monkeypatch.setattr(netsvcs, "_RESTART_SECONDS", 0.3)
    services["dns"].changing = 10**6
    assert run(services, "monitor", **RECURRING) == (1, "dns: it is stopped")


def test_a_probe_bears_with_nothing(run, fake):
    services = {"dns": fake("dns"), "dhcp": fake("dhcp")}
    run(services, "start")
    services["dns"].word, services["dns"].changing = "stopped", 3
    assert run(services, "monitor")[0] == 1


def test_a_failed_stop_keeps_systemd_away(run, fake):
    error = errors.DeadlineExceeded("a process is left")
    services = {"dns": fake("dns", fails_in="stop", error=error)}
    services["dns"].word = "healthy"
    assert run(services, "stop") == (1, "dns: a process is left")
    assert Systemd.released == []


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"OCF_RESKEY_services": ""}, "parameter services is not set"),
        ({"OCF_RESKEY_services": "dns nfs"}, '"nfs", which is none of xcatd, dns'),
        ({"OCF_RESKEY_address": "10.11.0.10/24"}, "which is no IP address"),
        ({"OCF_RESKEY_address": "mn"}, "which is no IP address"),
        ({"OCF_RESKEY_dns_budget": "soon"}, "which is not a time"),
    ],
)
def test_bad_input_changes_nothing(run, fake, environ, words):
    services = {"dns": fake("dns")}
    code, reason = run(services, "start", **environ)
    assert code == 6 and words in reason
    assert run(services, "validate-all", **environ)[0] == 6
    assert run(services, "monitor", **environ)[0] == 7
    assert run(services, "stop", **environ)[0] == 0
    assert services["dns"].steps == [] and Systemd.adopted == []


def test_a_budget_ends_before_the_operation_does(run, fake, monkeypatch):
    seen = {}

    def make(name, ports):
        seen[name] = ports.deadline.total
        return fake(name)

    monkeypatch.setattr(netsvcs, "make", make)
    budgets = {"OCF_RESKEY_dns_budget": "5s", "OCF_RESKEY_dhcp_budget": "10min"}
    run(["dns", "dhcp"], "monitor", **budgets)
    assert seen["dns"] == 5
    assert 17 < seen["dhcp"] <= 18  # 20 s less the reserve


def test_a_service_that_does_not_come_back_is_not_waited_for(fake):
    release = threading.Event()
    stuck, quick = fake("dns"), fake("dhcp")

    def act(service):
        if service is stuck:
            release.wait(10)

    failures = each([stuck, quick], act, Deadline(0.1))
    release.set()
    assert list(failures) == ["dns"]
    assert "not done within" in str(failures["dns"])


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.sampled_from(["stopped", "healthy", "broken"]), min_size=1
    )
)
def test_the_table_of_states(words):
    found = netsvcs.summary({name: State(word, f"is {word}") for name, word in words.items()})
    if set(words.values()) == {"healthy"}:
        assert (found.word, found.reason) == ("healthy", "")
    elif set(words.values()) == {"stopped"}:
        assert found.word == "stopped"
    else:
        assert found.word == "broken"
    for name, word in words.items():
        assert (f"{name}: is {word}" in found.reason) is (word != "healthy")
