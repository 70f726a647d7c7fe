"""When a node was fenced, from the history of stonith_admin."""

from __future__ import annotations

import calendar

import pytest
from xcat_hamn import errors
from xcat_hamn.cluster.fencing_times import completed, fenced_between
from xcat_hamn.system.runner import Result

AT = calendar.timegm((2026, 11, 22, 17, 35, 16))


def history(*events):
    body = "".join(
        f'<fence_event action="{action}" target="{target}" client="c" origin="mn2" '
        f'status="{status}" completed="{when}"/>'
        for action, target, status, when in events
    )
    return f"<pacemaker-result><fence_history>{body}</fence_history></pacemaker-result>"


@pytest.mark.parametrize(
    "when",
    [
        "2026-11-22 17:35:16Z",
        "2026-11-22 17:35:16.361957Z",
        "2026-11-22 18:35:16 +01:00",
        "2026-11-22 18:35:16.361957 +01:00",
        "2026-11-22 12:35:16 -0500",
    ],
)
def test_every_form_of_a_time_is_rounded_up(when):
    assert completed(history(("off", "mn1", "success", when)), "mn1") == [AT + 1]


@pytest.mark.parametrize(
    "event",
    [
        ("off", "mn2", "success", "2026-11-22 17:35:16Z"),
        ("off", "mn1", "failed", "2026-11-22 17:35:16Z"),
        ("off", "mn1", "pending", ""),
        ("on", "mn1", "success", "2026-11-22 17:35:16Z"),
        ("off", "mn1", "success", "yesterday"),
    ],
)
def test_nothing_else_counts(event):
    assert completed(history(event), "mn1") == []


def test_what_is_no_history_proves_nothing():
    assert completed("Could not connect", "mn1") == []


class Answers:
    def __init__(self, answer):
        self.answer = answer

    def run(self, argv, timeout):
        if isinstance(self.answer, Exception):
            raise self.answer
        return Result(argv, 0, self.answer, "", 0.0)


def test_only_the_span_that_is_asked_for():
    both = history(
        ("off", "mn1", "success", "2026-11-22 17:00:00Z"),
        ("reboot", "mn1", "success", "2026-11-22 17:35:16Z"),
    )
    assert fenced_between(Answers(both), "mn1", AT - 60, AT + 60) == AT + 1
    assert fenced_between(Answers(both), "mn1", AT + 30, AT + 60) is None
    silent = errors.CommandTimeout("it hangs: look")
    assert fenced_between(Answers(silent), "mn1", 0, AT * 2) is None
