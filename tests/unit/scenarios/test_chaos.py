"""Rounds of chaos are made from a seed, and can be made again."""

from __future__ import annotations

import pytest
from scenariokit import chaos
from scenariokit.chaos_command import sentence
from scenariokit.plan import PlanError
from scenariokit.vocabulary import VERBS

FAULTS, ERRORS = chaos.catalogue()


def test_the_same_seed_and_number_give_the_same_round():
    again = [chaos.round_plan(7, number, FAULTS, ERRORS) for number in range(30)]
    assert again == [chaos.round_plan(7, number, FAULTS, ERRORS) for number in range(30)]
    assert again != [chaos.round_plan(8, number, FAULTS, ERRORS) for number in range(30)]


def test_enough_rounds_meet_every_fault_on_every_node_and_every_operator():
    rounds = [chaos.round_plan(1, number, FAULTS, ERRORS) for number in range(400)]
    told = [one.shows for one in rounds]
    for fault in FAULTS:
        for node in ("mn1", "mn2"):
            assert any(fault.name.replace("{node}", node) in text for text in told), fault.name
    moves = {sum(step.verb == "move" for step in one.steps) for one in rounds}
    assert moves == {0, 1, 2}


def test_every_round_is_repaired_and_audited_at_its_end():
    for number in range(50):
        one = chaos.round_plan(3, number, FAULTS, ERRORS)
        verbs = [step.verb for step in one.steps]
        assert verbs[-4:] == ["repair", "cleanup", "type", "reconcile"]
        assert set(verbs) <= set(VERBS)
        assert one.tolerant and one.ends == "any"


def test_a_catalogue_with_a_mistake_is_refused(tmp_path):
    path = tmp_path / "faults.toml"
    path.write_text('[[fault]]\nname = "x"\nsteps = [{ explode = "{node}" }]\n')
    with pytest.raises(PlanError, match="vocabulary"):
        chaos.catalogue(str(path))
    path.write_text("errors = []\n")
    with pytest.raises(PlanError, match="no \\[\\[fault\\]\\]"):
        chaos.catalogue(str(path))


def test_a_round_is_told_with_the_command_that_repeats_it():
    result = {"seed": 7, "round": 3, "what": "mn1 loses power", "passed": False}
    result |= {"seconds": 41.4, "acknowledged": 99}
    assert sentence(result) == (
        "round 3: FAILED, 41 s, 99 commits: mn1 loses power  (make chaos SEED=7 FIRST=3 ROUNDS=1)"
    )
