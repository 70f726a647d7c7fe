"""What comes of checks, one after the other."""

from __future__ import annotations

import pytest
from xcat_hamn.errors import HamnError
from xcat_hamn.verify.checks import Outcome, run, worst


def gives(outcome):
    return lambda: (outcome, f"it is {outcome.value}")


def fails():
    raise HamnError("it broke: mend it")


def test_behind_one_that_failed_nothing_is_asked():
    found = list(run([("one", gives(Outcome.OK)), ("two", fails), ("three", pytest.fail)]))
    assert [check.outcome for check in found] == [Outcome.OK, Outcome.FAILED, Outcome.SKIPPED]
    assert found[1].sentence == "it broke: mend it"
    assert "two failed" in found[2].sentence
    assert list(found[0].as_json()) == ["name", "outcome", "sentence", "seconds"]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], Outcome.OK),
        ([Outcome.OK, Outcome.SKIPPED], Outcome.OK),
        ([Outcome.OK, Outcome.WARNING], Outcome.WARNING),
        ([Outcome.FAILED, Outcome.WARNING], Outcome.FAILED),
    ],
)
def test_the_worst_counts(outcomes, expected):
    assert worst(list(run([(one.value, gives(one)) for one in outcomes]))) is expected
