"""Two scenarios with the Db2 stand-in, for `make test`; DATABASE=db2 plays all of them with it."""

from __future__ import annotations

import os

import pytest
from scenariokit import plan
from scenariokit.play import play
from scenariokit.stage import Stage

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        os.environ.get("DATABASE") == "db2", reason="test_scenarios.py plays them with DATABASE=db2"
    ),
]

HERE = os.path.dirname(os.path.abspath(__file__))
WANTED = ("planned-move", "active-node-lost")
PLANS = [one for one in plan.load(HERE) if one.name in WANTED]


@pytest.mark.parametrize("scenario", PLANS, ids=[one.name for one in PLANS])
def test_scenario_with_the_stand_in_for_db2(db2_stage: Stage, scenario: plan.Plan) -> None:
    outcome = play(db2_stage, scenario)
    assert outcome.passed, "\n".join(outcome.complaints)
