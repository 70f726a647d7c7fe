from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.ocf.declaration import INTEGER, STRING, Agent, Parameter
from xcat_hamn.ocf.parameters import Values, problem_with, to_seconds


def values(agent, **given):
    return Values(agent, {f"OCF_RESKEY_{name}": text for name, text in given.items()})


def test_defaults_are_applied_by_the_agent(agent):
    got = values(agent, path="/x")
    assert got.problems == []
    assert (got.number("count"), got.flag("switch"), got.seconds("patience")) == (3, True, 60.0)
    assert got.words("colors") == ["red"]


def test_empty_means_unset(agent):
    assert values(agent, path="/x", count="  ").number("count") == 3
    assert "path" in values(agent, path=" ").problems[0]


def test_an_undeclared_parameter_cannot_be_read(agent):
    with pytest.raises(KeyError):
        values(agent, path="/x", other="1").text("other")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("500ms", 0.5), ("2m", 120), ("2min", 120), ("1h", 3600), ("0", 0)],
)
def test_times(text, seconds):
    assert to_seconds(text) == seconds


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", "--5"),
        ("count", "3.0"),
        ("count", "٣"),
        ("count", "-"),
        ("switch", "maybe"),
        ("patience", "soon"),
        ("patience", "-1"),
        ("patience", "nan"),
        ("patience", "inf"),
        ("colors", "red blue"),
        ("path", "/a b"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(agent, name, text):
    (problem,) = values(agent, **{"path": "/x", name: text}).problems
    assert f"parameter {name}" in problem
    assert ": " in problem and "\n" not in problem


@given(st.text())
def test_whatever_passes_as_a_number_is_one(text):
    parameter = Parameter("n", INTEGER, "s", "l", required=True)
    if problem_with(parameter, text) is None:
        assert str(int(text)).lstrip("-") == (text.lstrip("-").lstrip("0") or "0")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_values_survive_the_memory_of_a_start(tmp_path_factory, text):
    from xcat_hamn.system.files import read_pairs, write_pairs

    agent = Agent(
        name="a",
        version="1",
        shortdesc="s",
        longdesc="l",
        parameters=(Parameter("p", STRING, "s", "l"),),
        actions=(),
        handlers=object,
    )
    path = str(tmp_path_factory.mktemp("m") / "parameters")
    first = values(agent, p=text)
    write_pairs(path, first.as_environment())
    assert Values(agent, read_pairs(path)).text("p") == first.text("p")
