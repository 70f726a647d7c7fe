"""The timeline of a move, from what Pacemaker and the prober have written."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies
from labkit import timeline
from labkit.timeline import Answer, Operation, Outage, Timeline
from labkit.timeline_checks import RESOURCES, complaints

T = 1795363265.0


def entry(after: float, host: str, text: str) -> str:
    """Return a line of `journalctl -o json`, as Debian 12's journal writes it."""
    stamp = str(int((T + after) * 1_000_000))
    return json.dumps(
        {
            "_SOURCE_REALTIME_TIMESTAMP": stamp,
            "__REALTIME_TIMESTAMP": str(int(stamp) + 20),
            "_HOSTNAME": host,
            "MESSAGE": f" notice: {text}",
        }
    )


def requested(after: float, node: str, action: str, resource: str) -> str:
    text = f"Requesting local execution of {action} operation for {resource} on {node}"
    return entry(after, node, text)


def done(after: float, node: str, action: str, resource: str, result: str = "ok") -> str:
    return entry(after, node, f"Result of {action} operation for {resource} on {node}: {result}")


def asked(at: float, ok: bool = True, probe: str = "dns", took: float = 0.001) -> Answer:
    """Return the outcome of a question that was sent at a time; a lost one is given up later."""
    took = took if ok else 0.5
    return Answer(probe, T + at, T + at + took, at + took, ok, "" if ok else "no answer")


def test_an_operation_lasts_from_its_request_to_its_result() -> None:
    journal = [requested(1, "mn1", "stop", "xcat-xcatd"), done(2.25, "mn1", "stop", "xcat-xcatd")]
    (found,) = timeline.operations(journal, T, T + 9)
    assert (found.node, found.resource, found.action, found.result) == (
        *("mn1", "xcat-xcatd", "stop", "ok"),
    )
    assert found.seconds == pytest.approx(1.25)
    assert found.began == pytest.approx(T + 1)


@pytest.mark.parametrize("word", ["ok", "OK"])
def test_both_spellings_of_success_are_success(word: str) -> None:
    (found,) = timeline.operations([done(1, "mn1", "stop", "a", word)], T, T + 9)
    assert found.ok


def test_a_failure_keeps_its_reason() -> None:
    (found,) = timeline.operations([done(1, "mn1", "start", "a", "error (dns: dead)")], T, T + 9)
    assert (found.ok, found.result) == (False, "error (dns: dead)")


def test_a_retry_is_an_operation_of_its_own() -> None:
    journal = [
        requested(1, "mn2", "start", "a"),
        done(2, "mn2", "start", "a", "error"),
        requested(3, "mn2", "start", "a"),
        done(5, "mn2", "start", "a"),
    ]
    found = timeline.operations(journal, T, T + 9)
    assert [(round(one.seconds), one.ok) for one in found] == [(1, False), (2, True)]


def test_monitors_other_times_and_other_lines_are_left_out() -> None:
    journal = [
        done(-1, "mn1", "stop", "before"),
        done(10, "mn1", "stop", "after"),
        done(1, "mn1", "monitor", "a"),
        done(1, "mn1", "probe", "a", "not running"),
        entry(1, "mn1", "High CPU load detected: 9.470000"),
        # The coordinator logs what it asks of the other node; only the one that runs it counts.
        entry(1, "mn2", "Result of stop operation for a on mn1: ok"),
        '{"MESSAGE": [1, 2], "_HOSTNAME": "mn1", "__REALTIME_TIMESTAMP": "1"}',
        "-- No entries --",
        "[]",
        "",
    ]
    assert timeline.operations(journal, T, T + 9) == []


STATUS = """<status><node_state uname="mn1"><lrm><lrm_resources>
  <lrm_resource id="xcat-db"><lrm_rsc_op operation="demote" interval="0" exec-time="760"
    last-rc-change="{changed}"/></lrm_resource>
</lrm_resources></lrm></node_state></status>"""


def test_the_agents_own_time_comes_from_the_cib() -> None:
    rough = [Operation("mn1", "xcat-db", "demote", T + 1, T + 2)]
    status = ElementTree.fromstring(STATUS.format(changed=int(T) + 1))
    (found,) = timeline.refine(rough, status)
    assert (found.seconds, found.ended) == (pytest.approx(0.76), T + 2)


def test_the_record_of_an_earlier_run_is_not_taken() -> None:
    rough = [Operation("mn1", "xcat-db", "demote", T + 101, T + 102)]
    assert timeline.refine(rough, ElementTree.fromstring(STATUS.format(changed=int(T)))) == rough


def test_no_outage_while_all_is_answered() -> None:
    assert timeline.outages([asked(n / 5) for n in range(50)], T, T + 9) == []


def test_an_outage_lies_between_two_good_answers() -> None:
    answers = [asked(1.0), asked(1.2, False), asked(1.4, False), asked(1.6), asked(1.8)]
    (found,) = timeline.outages(answers, T, T + 9)
    assert found.seconds == pytest.approx(0.6)
    assert (found.since, found.until) == pytest.approx((T + 1.001, T + 1.601))
    assert (found.service, found.why) == ("dns", "no answer")


def test_a_question_given_up_after_the_return_makes_no_second_outage() -> None:
    # Sent at 1.4, given up at 1.9, when the questions of 1.6 and 1.8 have been answered.
    answers = [asked(1.0), asked(1.6), asked(1.8), asked(1.4, False), asked(2.0)]
    (found,) = timeline.outages(answers, T, T + 9)
    assert found.seconds == pytest.approx(0.6)


def test_a_service_that_stays_away_has_an_outage_without_end() -> None:
    (found,) = timeline.outages([asked(1), asked(1.2, False)], T, T + 9)
    assert (found.until, found.seconds) == (None, None)


def test_outages_of_services_are_told_apart_and_other_times_left_out() -> None:
    answers = [
        *(asked(1), asked(1.2, False), asked(1.4)),
        *(asked(5, probe="dhcp"), asked(5.2, False, "dhcp"), asked(5.4, probe="dhcp")),
    ]
    found = timeline.outages(answers, T + 4, T + 9)
    assert [outage.service for outage in found] == ["dhcp"]


@given(strategies.lists(strategies.booleans(), min_size=1, max_size=60))
def test_an_outage_is_never_shorter_than_its_lost_questions(outcomes: list[bool]) -> None:
    found = timeline.outages([asked(n / 5, ok) for n, ok in enumerate(outcomes)], T, T + 99)
    runs = "".join("+" if ok else "-" for ok in outcomes).split("+")
    lost = [len(run) for run in runs if run]
    assert len(found) == len(lost)
    for outage, count in zip(found, lost):
        if outage.until is not None:
            assert (outage.seconds or 0) >= count * 0.2 - 1e-6


def move(**changes: object) -> Timeline:
    """Return a move in which all went well."""
    wanted = [("mn1", name, "stop") for name in reversed(RESOURCES[1:])]
    wanted += [("mn1", "xcat-db", "demote"), ("mn2", "xcat-db", "promote")]
    wanted += [("mn2", name, "start") for name in RESOURCES[1:]]
    operations = [
        Operation(*key, T + number, T + number + 0.5) for number, key in enumerate(wanted)
    ]
    outages = [Outage(name, T + 1, T + 4, "lost") for name in ("dns", "dhcp", "xcatd")]
    parts = {"operations": operations, "outages": outages, **changes}
    return Timeline("pcs resource move xcat-mn mn2", "mn1", "mn2", T, T + 11, **parts)  # type: ignore[arg-type]


def test_nothing_is_said_against_a_good_move() -> None:
    assert list(complaints(move())) == []


def test_a_missing_step_is_named() -> None:
    operations = [one for one in move().operations if one.action != "promote"]
    assert list(complaints(move(operations=operations))) == [
        "Pacemaker has logged no successful promote of xcat-db on mn2."
    ]


def test_a_step_out_of_turn_is_named() -> None:
    first, *rest = move().operations
    late = Operation(first.node, first.resource, first.action, T + 20, T + 21)
    said = list(complaints(move(operations=[*rest, late])))
    assert "The stop of xcat-netsvcs on mn1 came before its turn." in said


def test_a_failure_is_named_even_if_a_retry_succeeded() -> None:
    failed = Operation("mn2", "xcat-netsvcs", "start", T + 8, T + 8.2, "error (dns: dead)")
    said = list(complaints(move(operations=[*move().operations, failed])))
    assert said == ["The start of xcat-netsvcs failed on mn2: error (dns: dead)"]


def test_a_service_that_stays_away_is_named() -> None:
    outages = [*move().outages[1:], Outage("dns", T + 1, None)]
    assert list(complaints(move(outages=outages))) == [
        "Service dns did not answer again after the move to mn2."
    ]


def test_a_move_that_nobody_noticed_is_no_move() -> None:
    said = list(complaints(move(outages=move().outages[1:])))
    assert said == ["cn1 saw no outage of dns: either it was not asked, or nothing moved."]


def test_the_document_counts_from_the_command() -> None:
    (told,) = timeline.document([move()], {"xCAT": "a stand-in"})["moves"]
    assert told["operations"][5] == {
        "node": "mn2",
        "resource": "xcat-db",
        "action": "promote",
        "result": "ok",
        "began": 5.0,
        "ended": 5.5,
        "seconds": 0.5,
    }
    assert told["outages"][0]["seconds"] == 3.0
    assert told["returned_after"] == 11.0
