"""Every scenario of the TOML files, on one real cluster; the audits come after each."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from scenariokit import plan
from scenariokit.play import play
from scenariokit.stage import Stage

pytestmark = pytest.mark.lab

HERE = os.path.dirname(os.path.abspath(__file__))
PLANS = plan.load(HERE)
DATABASE = os.environ.get("DATABASE") or "postgresql"
#: `make scenarios` plays all of them; `make test` those whose `run` is "core".
WANTED = [one for one in PLANS if one.run == "core" or os.environ.get("SCENARIOS") == "all"]


@pytest.mark.parametrize("scenario", WANTED, ids=[one.name for one in WANTED])
def test_scenario(
    scenario: plan.Plan, measured: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    if DATABASE in scenario.without:
        pytest.skip(f"not with {DATABASE}: {scenario.without[DATABASE]}")
    stage: Stage = request.getfixturevalue("stage")
    outcome = play(stage, scenario)
    if outcome.takeover is not None:
        for line in (f"{scenario.name}: {outcome.plan.shows}", *outcome.takeover.lines()):
            measured(line)
    assert outcome.passed, "\n".join(outcome.complaints)
