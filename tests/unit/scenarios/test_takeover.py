"""How long a takeover took is read from journals and answers."""

from __future__ import annotations

import json

from labkit.timeline import Answer, Operation
from scenariokit import takeover


def journal(text, when):
    return json.dumps({"MESSAGE": text, "__REALTIME_TIMESTAMP": str(int(when * 1e6))})


FENCED = "Operation 'off' [1] targeting mn1 using bmc-mn1 returned 0 (OK)"
DONE = "Operation 'off' targeting mn1 by mn2 for pacemaker-controld.60@mn2: OK (complete)"


def test_the_steps_and_the_first_answers_count_from_the_command():
    operations = [
        Operation("mn2", "xcat-db", "promote", 104.0, 105.0),
        Operation("mn2", "xcat-mnidentity", "start", 105.0, 106.0),
        Operation("mn1", "xcat-xcatd", "start", 105.0, 106.0),
        Operation("mn2", "xcat-xcatd", "start", 106.0, 107.0, "error"),
        Operation("mn2", "xcat-xcatd", "start", 107.0, 108.0),
    ]
    answers = [
        Answer("dns", 100.5, 100.6, 0.0, True),  # the old node's
        Answer("dns", 108.0, 108.5, 0.0, True),
        Answer("xcatd", 107.0, 107.1, 0.0, False, "refused"),
    ]
    lines = [journal(DONE, 99.0), "no entry", journal(FENCED, 102.0), journal(DONE, 102.5)]
    found = takeover.describe(100.0, "mn2", "mn1", lines, operations, answers)
    assert found.fenced == 2.5
    assert found.steps == {
        "promote the database": (4.0, 5.0),
        "take the identity": (5.0, 6.0),
        "start xcatd": (7.0, 8.0),
    }
    assert found.answers == {"dns": 8.5, "dhcp": None, "xcatd": None}
    text = "\n".join(found.lines())
    assert "never" in text and "8.50" in text
    assert found.document()["first_answer"]["dns"] == 8.5


def test_another_node_s_or_a_failed_fencing_is_none():
    failed = DONE.replace("OK (complete)", "Error occurred (complete)")
    assert takeover.fenced([journal(DONE, 102.0)], "mn2", 100.0) is None
    assert takeover.fenced([journal(DONE, 99.0)], "mn1", 100.0) is None
    assert takeover.fenced([journal(failed, 102.0)], "mn1", 100.0) is None
