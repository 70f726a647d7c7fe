"""Scenarios are data: what is accepted, what is refused with a sentence, what becomes of it."""

from __future__ import annotations

import os

import pytest
from scenariokit import plan, play, vocabulary
from scenariokit.faults import Faults
from scenariokit.operating import Operator
from scenariokit.watching import Watcher

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(plan.__file__)))


def table(**more):
    return {"name": "one", "shows": "It works.", "steps": [{"crash": "mn1"}], **more}


def only(**more):
    (found,) = plan.parse({"scenario": [table(**more)]}, "file")
    return found


def test_the_scenarios_that_are_there_are_sound():
    plans = plan.load(FOLDER)
    assert len(plans) > 40
    assert {one.run for one in plans} == {"core", "all"}
    for one in plans:
        assert one.shows.endswith("."), one.name
        assert "{" not in f"{one.shows}{[str(step) for step in one.steps]}{one.errors}", one.name


def test_every_word_is_known_to_exactly_one_actor():
    for verb in vocabulary.VERBS:
        actors = [actor for actor in (Faults, Operator, Watcher) if hasattr(actor, verb)]
        assert len(actors) == 1, verb
    assert play.perform


def test_a_scenario_as_it_stands():
    found = only(ends="any", steps=[{"move": "mn2", "on": "mn1", "within": 3}], errors=["a.c"])
    assert (found.name, found.ends, found.run, found.errors) == ("one", "any", "all", ("a.c",))
    (step,) = found.steps
    assert (step.verb, step.object, step.text("on"), step.number("within", 9)) == (
        "move",
        "mn2",
        "mn1",
        3.0,
    )
    assert str(step) == "move mn2, on mn1, within 3"
    assert step.number("else", 7) == 7.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "name is missing"),
        ({"name": "Not A Word"}, "is no name"),
        ({"shows": ""}, "shows is missing"),
        ({"steps": []}, "steps is missing"),
        ({"color": "red"}, "the key color is unknown"),
        ({"measured": "yes"}, "measured is to be a bool"),
        ({"run": "never"}, "'never' is none of core, all"),
        ({"ends": "mn3"}, "'mn3' is none of"),
        ({"errors": ["("]}, "is no regular expression"),
        ({"steps": ["crash"]}, "is no table"),
        ({"steps": [{"explode": "mn1"}]}, "one word of the vocabulary is needed"),
        ({"steps": [{"crash": "mn1", "boot": "mn1"}]}, "needed, not 2"),
        ({"steps": [{"crash": "mn3"}]}, "crash takes mn1 or mn2, not 'mn3'"),
        ({"steps": [{"crash": 1}]}, "crash takes mn1 or mn2"),
        ({"steps": [{"crash": "mn1", "on": "mn2"}]}, "crash has no option on"),
        ({"steps": [{"kill": "named"}]}, "kill needs the option on"),
        ({"steps": [{"kill": "named", "on": "cn1"}]}, "cn1 is no management node"),
        ({"steps": [{"off": "mn1", "within": "long"}]}, "within is to be a float"),
        ({"steps": [{"off": "mn1", "within": True}]}, "within is to be a float"),
        ({"steps": [{"pause": "long"}]}, "pause takes a number of seconds"),
        ({"steps": [{"pause": -1}]}, "pause takes a number of seconds"),
        ({"steps": [{"move": "mn2", "refused": "("}]}, "is no regular expression"),
        ({"each": ["mn1"]}, "each is to be a list of tables"),
        ({"each": [{"a": 1}], "shows": "{b}."}, "{b} has no value"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(change, sentence):
    with pytest.raises(plan.PlanError, match="one|scenario 1|file") as caught:
        only(**change)
    assert sentence in str(caught.value)


def test_two_of_one_name_and_what_is_no_scenario_are_refused(tmp_path):
    with pytest.raises(plan.PlanError, match="is no \\[\\[scenario\\]\\] table"):
        plan.parse({"scenarios": []}, "file")
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(
            '[[scenario]]\nname = "same"\nshows = "x."\nsteps = [{ crash = "mn1" }]\n'
        )
    with pytest.raises(plan.PlanError, match="two scenarios called same"):
        plan.load(str(tmp_path))
    (tmp_path / "c.toml").write_text("[[scenario\n")
    with pytest.raises(plan.PlanError, match="c.toml"):
        plan.load(str(tmp_path))


def test_each_makes_a_scenario_of_every_entry():
    found = plan.parse(
        {
            "scenario": [
                table(
                    name="kill-{daemon}",
                    steps=[{"kill": "{daemon}", "on": "mn1"}],
                    each=[{"daemon": "named", "run": "core"}, {"daemon": "dhcpd"}],
                )
            ]
        }
    )
    assert [(one.name, one.run, one.steps[0].object) for one in found] == [
        ("kill-named", "core", "named"),
        ("kill-dhcpd", "all", "dhcpd"),
    ]


def test_a_number_that_is_filled_in_stays_a_number():
    found = only(steps=[{"off": "mn1", "within": "{long}"}], each=[{"long": 0.5}])
    assert found.steps[0].options == {"within": 0.5}


def test_the_two_nodes_can_change_places():
    steps = [{"move": "mn2", "on": "mn1", "refused": "mn2 is lost"}, {"writes": "cn1", "within": 5}]
    found = only(shows="mn1 then mn2, not mn12.", steps=steps, ends="mn2", errors=["mn1"])
    other = found.exchanged()
    assert other.shows == "mn2 then mn1, not mn12."
    assert (other.ends, other.errors) == ("mn1", ("mn2",))
    assert str(other.steps[0]) == "move mn1, on mn2, refused mn1 is lost"
    assert other.steps[1] == found.steps[1]
    assert other.exchanged() == found
