"""The fragments against what the agents and the site file declare."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from xcat_hamn.cli import declared
from xcat_hamn.cluster import fragments, levels
from xcat_hamn.cluster.site import SECTIONS, read_site
from xcat_hamn.cluster.sitedoc import example
from xcat_hamn.errors import HamnError
from xcat_hamn.fencing import options

#: Our agents, with the resources of the fragments that use them.
AGENTS = ("xcat-pgsql", "xcat-db2hadr", "xcat-mnidentity", "xcat-netsvcs", "xcat-filesync")


def example_for(agent):
    """Return the example of a site that uses `agent`."""
    if agent == "xcat-filesync":
        return example().replace("\n#enabled = no", "\nenabled = yes")
    if agent != "xcat-db2hadr":
        return example()
    text = example().replace("\nengine = postgresql", "\nengine = db2")
    return text.replace("\npgdata", "\n#pgdata").replace("\n#instance", "\ninstance")


def everything_given(agent=""):
    """Return a site in which every key counts as given: no parameter is left out."""
    names = {key.name for section in SECTIONS for key in section.keys}
    lines = [
        line[1:] if line.startswith("#") and line[1:].split(" =")[0] in names else line
        for line in example_for(agent).splitlines()
    ]
    return read_site("\n".join(lines))


def primitives(constraints, site):
    return [
        primitive
        for fragment in fragments.fragments_of(site, constraints)
        for primitive in fragment.iter("primitive")
    ]


def declaration(name):
    pytest.importorskip(f"xcat_hamn.agents.{name.partition('-')[2]}")
    return declared.agent(name)


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_has_a_resource(constraints, name):
    types = {p.get("type") for p in primitives(constraints, read_site(example_for(name)))}
    assert name in types
    assert len(types & {"xcat-pgsql", "xcat-db2hadr"}) == 1


@pytest.mark.parametrize("name", AGENTS)
def test_every_parameter_is_declared_by_its_agent(constraints, name):
    known = {parameter.name for parameter in declaration(name).parameters}
    for primitive in primitives(constraints, everything_given(name)):
        if primitive.get("type") == name:
            assert set(fragments.parameters_of(primitive)) <= known, primitive.get("id")


@pytest.mark.parametrize("name", AGENTS)
def test_every_required_parameter_is_given(constraints, name):
    required = {parameter.name for parameter in declaration(name).parameters if parameter.required}
    for primitive in primitives(constraints, read_site(example_for(name))):
        if primitive.get("type") == name:
            assert required <= set(fragments.parameters_of(primitive)), primitive.get("id")


@pytest.mark.parametrize("name", AGENTS)
def test_the_agents_own_checks_accept_the_example(constraints, name):
    declaration(name)
    for primitive in primitives(constraints, everything_given(name)):
        if primitive.get("type") == name:
            assert declared.problems_with(name, fragments.parameters_of(primitive)) == []


@pytest.mark.parametrize("name", AGENTS)
def test_no_operation_gets_less_time_than_its_agent_asks_for(constraints, name):
    actions = declaration(name).actions
    for primitive in primitives(constraints, read_site(example_for(name))):
        if primitive.get("type") != name:
            continue
        for operation in primitive.iter("op"):
            wanted = [
                action.timeout
                for action in actions
                if action.name == operation.get("name")
                and action.role in ("", operation.get("role", ""))
                and (action.depth > 0) == (operation.find("instance_attributes") is not None)
            ]
            given = int(operation.get("timeout").removesuffix("s"))
            assert wanted, f"{name} does not advertise {operation.get('name')}"
            assert given >= max(wanted), operation.get("id")


@pytest.mark.parametrize("name", AGENTS)
def test_a_key_that_fills_a_parameter_has_the_agents_default(name):
    parameters = {parameter.name: parameter for parameter in declaration(name).parameters}
    for section in SECTIONS:
        for key in section.keys:
            agent, _, parameter = key.parameter.partition(".")
            if agent == name:
                default = key.kind.read(key.default) if key.default else ""
                assert default == parameters[parameter].default, f"[{section.name}] {key.name}"


def test_every_parameter_of_the_gates_is_declared(constraints):
    known = {option.name for option in options.OPTIONS}
    required = {option.name for option in options.OPTIONS if option.required}
    gates = [p for p in primitives(constraints, everything_given()) if p.get("class") == "stonith"]
    assert [gate.get("id") for gate in gates] == [levels.STANDBY_GATE, levels.GATE]
    for gate in gates:
        own = {n for n in fragments.parameters_of(gate) if not n.startswith("pcmk_")}
        assert required <= own <= known


@pytest.mark.parametrize(
    ("lines", "failover", "standby_index"),
    [
        ("devices = none", "manual", "1"),
        ("devices = mn1=a mn2=b", "automatic", "9"),
        ("devices = mn1=a mn2=b\nstandby_loss = ignore", "automatic", "1"),
        ("devices = mn1=a mn2=b\nstandby_loss = power-off", "automatic", "9"),
    ],
)
def test_without_a_power_device_no_failover_is_automatic(lines, failover, standby_index):
    text = example().replace("devices = none", lines)
    text = text.replace("#failover = manual", "failover = automatic")
    values = levels.values(read_site(text))
    assert values["fencing.failover"] == failover
    assert values["fencing.standby_index"] == standby_index


@pytest.mark.parametrize(
    ("devices", "first", "second"),
    [
        ("none", "", ""),
        ("mn1=bmc-mn1 mn2=bmc-mn2", "^(bmc-mn1)$", "^(bmc-mn2)$"),
        ("mn1=pdu mn2=pdu", "", ""),
        ("mn1=b.1 mn1=pdu1+pdu2 mn2=b.2 mn2=pdu2", "^(b[.]1|pdu1)$", "^(b[.]2)$"),
    ],
)
def test_a_power_device_keeps_off_the_node_that_it_alone_switches_off(devices, first, second):
    """Started on the survivor only after the loss, one with a dead BMC would hold the role up."""
    values = levels.values(read_site(example().replace("devices = none", f"devices = {devices}")))
    assert (values["fencing.first_apart"], values["fencing.second_apart"]) == (first, second)


def test_every_fragment_file_is_registered(constraints):
    files = {name for name in os.listdir(constraints) if name.endswith(".xml")}
    assert files == {fragment.file for fragment in fragments.FRAGMENTS}


def test_a_placeholder_that_the_site_file_does_not_know_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "x.xml").write_text('<configuration><a b="${no.such}"/></configuration>')
    one = replace(fragments.FRAGMENTS[0], file="x.xml")
    monkeypatch.setattr(fragments, "FRAGMENTS", (one,))
    with pytest.raises(HamnError, match=r'x.xml asks for "no.such"'):
        fragments.fragments_of(read_site(example()), str(tmp_path))


def test_a_damaged_fragment_asks_for_a_new_installation(tmp_path):
    with pytest.raises(HamnError, match="reinstall the package"):
        fragments.owned_ids(str(tmp_path))
