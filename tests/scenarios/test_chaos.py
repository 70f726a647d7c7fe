"""A few random rounds on the stage of the scenarios; `make chaos` plays more."""

from __future__ import annotations

import os

import pytest
from scenariokit.chaos_command import rounds
from scenariokit.stage import Stage

pytestmark = pytest.mark.lab

#: Fixed, so that a change to the tree is judged by the same rounds as the one before.
SEED = int(os.environ.get("SEED") or 2043)
ROUNDS = 2


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
def test_a_round_of_chaos_loses_nothing(stage: Stage, number: int) -> None:
    (result,) = rounds(stage, SEED, range(number, number + 1))
    assert result["passed"], "\n".join(result["complaints"])
