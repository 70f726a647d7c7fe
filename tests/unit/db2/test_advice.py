"""Every refusal that is known is answered with what to do."""

from __future__ import annotations

import pytest
from db2_samples import names, read, replies
from xcat_hamn.database.db2 import advice as a
from xcat_hamn.database.db2.messages import Message, failure, parse_messages


@pytest.mark.parametrize("key", a.ADVICE, ids="-".join)
def test_it_says_what_and_what_to_do(key):
    what, _, todo = a.ADVICE[key].partition(": ")
    assert what and todo
    assert not todo.endswith(".")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clp-sql1117n-rollforward-pending-wrapped", "START HADR AS STANDBY"),
        ("clp-sql1770n-9-wrapped", "`xcat-hamn takeover` (SQL1770N reason 9)"),
        ("clp-sql1776n-6-wrapped", "took over by force"),
        ("clp-sql6031n-db2nodes-wrapped", "/etc/services has no DB2_INSTANCE port"),
        ("clp-sql1224n-after-db21034e", "db2diag.log"),
        ("cli-sql1776n-rc1-driver-connect-to-standby", "connect to the primary"),
        ("clp-sql0104n-wrapped-trailing-space", "look it up with `db2 '? SQL0104N'`"),
    ],
)
def test_a_recorded_refusal_is_answered(name, said):
    found = failure(parse_messages(read(name)))
    answer = a.advice(found)
    assert said in answer and found.code in answer and "\n" not in answer


def test_what_the_requirement_names_is_answered():
    for code, said in (("SQL1035N", "stop xcatd"), ("SQL1117N", "do not end its rollforward")):
        assert said in a.advice(Message(code, "", "", "57019"))


def test_an_instance_that_is_down():
    reply = replies("clp-11.5-purescale-takeover-stop-start-transcript")[1]
    assert "db2start" in a.advice(failure(parse_messages(reply)))


def message(text):
    return parse_messages(text)[0]


@pytest.mark.parametrize(
    ("text", "transient", "succeeded"),
    [
        ('SQL1776N  No. Reason code = "2".', True, False),
        ('SQL1776N  No. Reason code = "6".', False, True),
        ('SQL1768N  No. Reason code = "19".', False, True),
        ('SQL1768N  No. Reason code = "7".', False, False),
        ("SQL6036N  Being started.", True, False),
        ('SQL6036N  Being started. Reason code "3".', True, False),
        ("SQL1032N  No start database manager command was issued.", False, False),
    ],
)
def test_what_to_try_again_and_what_to_follow(text, transient, succeeded):
    assert a.is_transient(message(text)) is transient
    assert a.is_succeeded(message(text)) is succeeded


def test_no_recorded_failure_goes_without_an_answer():
    for name in names("cl*"):
        for found in parse_messages(read(name)):
            if found.is_error:
                assert a.advice(found)
