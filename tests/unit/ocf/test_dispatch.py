"""From a call to an exit code, as Pacemaker sees it."""

from __future__ import annotations

import time

import pytest
from xcat_hamn import errors


def test_success_is_zero_and_silent(run, asked):
    done = run("start")
    assert (done.code, done.stderr, done.stdout) == (0, "", "")
    assert asked == [("start", "/x", 3)]


def test_a_handler_may_return_any_code(run, behave):
    behave["monitor"] = 8
    assert run("monitor").code == 8


def test_an_unknown_action_is_unimplemented(run, asked):
    for action in ("notify", "no-such-action", ""):
        done = run(action)
        assert done.code == 3
        assert "usage: test-agent" in done.stderr
    assert asked == []


def test_reload_agent_reaches_its_handler(run, asked):
    assert run("reload-agent").code == 0
    assert asked[0][0] == "reload-agent"


@pytest.mark.parametrize(
    ("error", "start", "others"),
    [
        (errors.ParameterError, 6, 1),
        (errors.NodeError, 2, 1),
        (errors.MissingTool, 5, 1),
        (errors.PermissionProblem, 4, 1),
        (errors.HamnError, 1, 1),
        (errors.CommandFailed, 1, 1),
        (errors.CommandTimeout, 1, 1),
        (errors.DeadlineExceeded, 1, 1),
    ],
)
def test_hard_codes_come_from_start_only(run, behave, error, start, others):
    for action in ("start", "stop", "monitor", "promote", "reload-agent"):
        behave[action] = error("what: why")
        done = run(action)
        assert done.code == (start if action == "start" else others), action
        assert done.reasons == ["what: why"]


def test_validate_all_may_say_that_the_node_lacks_something(run, behave):
    behave["problems"] = [errors.HamnError("one"), errors.MissingTool("two")]
    assert run("validate-all").code == 0
    done = run("validate-all", OCF_CHECK_LEVEL="10")
    assert done.code == 5
    assert done.reasons == ["two"]
    assert "one\n" in done.stderr


def test_validate_all_tells_every_wrong_parameter_and_looks_at_nothing_else(run, asked):
    done = run("validate-all", {"count": "many", "colors": "red blue"}, OCF_CHECK_LEVEL="10")
    assert done.code == 6
    assert all(name in done.stderr for name in ("path", "count", "colors"))
    assert len(done.reasons) == 1
    assert asked == []


@pytest.mark.parametrize(("action", "code"), [("start", 6), ("promote", 1), ("reload-agent", 1)])
def test_a_wrong_parameter_changes_nothing(run, asked, tmp_path, action, code):
    done = run(action, {"path": "/a b"})
    assert done.code == code
    assert done.reasons == ["parameter path has a space: take it out"]
    assert asked == []
    assert not (tmp_path / "run/r").exists()


@pytest.mark.parametrize("parameters", [{}, {"path": "/a b"}, {"path": "/x", "count": "3.5"}])
def test_with_wrong_parameters_nothing_runs_and_stop_succeeds(run, asked, parameters):
    assert run("monitor", parameters).code == 7
    assert run("stop", parameters).code == 0
    assert asked == []


def test_what_was_started_is_stopped_with_the_parameters_of_its_start(run, asked):
    assert run("start", {"path": "/x", "count": "7"}).code == 0
    assert run("monitor", {"path": "/a b"}).code == 0
    assert run("stop", {"count": "wrong"}).code == 0
    assert asked == [("start", "/x", 7), ("monitor", "/x", 7), ("stop", "/x", 7)]
    # The stop succeeded: nothing is started any more.
    assert run("monitor", {"path": "/a b"}).code == 7


def test_a_failed_stop_keeps_the_memory_for_the_next_one(run, asked, behave):
    run("start")
    behave["stop"] = errors.HamnError("still there")
    assert run("stop").code == 1
    assert run("monitor", {}).code == 0
    assert asked[-1] == ("monitor", "/x", 3)


def test_two_instances_do_not_share_their_memory(run, asked):
    run("start", {"path": "/one"}, OCF_RESOURCE_INSTANCE="one")
    run("start", {"path": "/two"}, OCF_RESOURCE_INSTANCE="two:0")
    run("stop", {}, OCF_RESOURCE_INSTANCE="one")
    assert run("monitor", {}, OCF_RESOURCE_INSTANCE="one").code == 7
    assert run("monitor", {}, OCF_RESOURCE_INSTANCE="two:0").code == 0
    assert asked[-1][1] == "/two"


def test_a_fault_of_the_agent_is_one_line_and_a_soft_error(run, behave):
    behave["start"] = ZeroDivisionError("1/0\nin two lines")
    done = run("start")
    assert done.code == 1
    assert len(done.reasons) == 1
    assert "ZeroDivisionError: 1/0 in two lines" in done.reasons[0]


def test_the_own_deadline_comes_before_pacemakers(run, behave):
    behave["start"] = lambda: time.sleep(5)
    begun = time.monotonic()
    done = run("start", OCF_RESKEY_CRM_meta_timeout="1000")
    assert done.code == 1
    assert "just short of Pacemaker's timeout" in done.reasons[0]
    assert 0.8 < time.monotonic() - begun < 1.0


def test_a_probe_is_told_from_a_recurring_monitor(agent, run, behave):
    seen = []
    original = agent.handlers.monitor

    def monitor(self):
        seen.append(self.call.context.is_probe)
        return original(self)

    agent.handlers = type("Watching", (agent.handlers,), {"monitor": monitor})
    run("monitor")
    run("monitor", OCF_RESKEY_CRM_meta_interval="0")
    run("monitor", OCF_RESKEY_CRM_meta_interval="10000")
    assert seen == [True, True, False]


def test_messages_reach_a_person_who_debugs_and_a_trace_file(run, behave, tmp_path):
    behave["start"] = errors.HamnError("what: why")
    trace = tmp_path / "traces/one"
    done = run("start", HA_debug="1", OCF_RESKEY_trace_ra="1", OCF_RESKEY_trace_file=str(trace))
    assert "test-agent(r) ERROR: start: what: why" in done.stderr
    assert "start: what: why" in trace.read_text()
    assert trace.stat().st_mode & 0o777 == 0o600
