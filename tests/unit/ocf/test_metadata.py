"""The metadata is valid for every consumer, and says what was declared."""

from __future__ import annotations

import glob
import importlib
import subprocess

import pytest
from lxml import etree
from xcat_hamn.ocf.metadata import metadata

AGENTS = ("mnidentity", "pgsql", "db2hadr", "netsvcs", "filesync")
DTD_DIRECTORY = "/usr/share/resource-agents"
#: OCF 1.1 in the copies of Pacemaker (from 2.1.8) and pcs.
SCHEMAS = (
    "/usr/share/pacemaker/api/ocf-ra-1.1.rng",
    "/usr/share/pcs/data/ocf-1.1.rng",
    "/usr/lib/pcs/data/ocf-1.1.rng",
)


def shipped(name):
    try:
        return importlib.import_module(f"xcat_hamn.agents.{name}").AGENT
    except ModuleNotFoundError as problem:
        if problem.name != f"xcat_hamn.agents.{name}":
            raise
        pytest.skip(f"there is no agent {name} yet")


@pytest.fixture(params=("declared in the tests", *AGENTS))
def text(request, agent):
    return metadata(agent if request.param not in AGENTS else shipped(request.param))


def test_valid_by_the_dtd_that_ocf_tester_uses(text):
    if not glob.glob(f"{DTD_DIRECTORY}/ra-api-1.dtd"):
        pytest.skip("needs the package resource-agents")
    done = subprocess.run(
        ["xmllint", "--noout", "--valid", "-"],
        cwd=DTD_DIRECTORY,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_valid_by_the_schemas_of_ocf_1_1(text):
    found = [path for path in SCHEMAS if glob.glob(path)]
    if not found:
        pytest.skip("needs the package pcs, or Pacemaker 2.1.8")
    document = etree.fromstring(text.encode())
    for path in found:
        schema = etree.RelaxNG(etree.parse(path))
        assert schema.validate(document), (path, schema.error_log)


def test_says_what_was_declared(agent):
    root = etree.fromstring(metadata(agent).encode())
    assert root.get("name") == "test-agent"
    assert root.findtext("version") == "1.1"
    assert root.findtext("shortdesc") == 'short <&> "quoted"'
    parameters = {element.get("name"): element for element in root.iter("parameter")}
    assert list(parameters) == ["path", "count", "switch", "patience", "colors"]
    assert parameters["path"].get("required") == "1"
    assert parameters["count"].get("reloadable") == "1"
    assert parameters["path"].get("reloadable") == "0"
    assert parameters["switch"].get("unique-group") == "g"
    assert parameters["count"].find("content").attrib == {"type": "integer", "default": "3"}
    assert "default" not in parameters["path"].find("content").attrib
    actions = [dict(element.attrib) for element in root.iter("action")]
    assert {"name": "start", "timeout": "30s"} in actions
    monitor = {"name": "monitor", "timeout": "15s", "interval": "11s", "depth": "10"}
    assert {**monitor, "role": "Unpromoted"} in actions
    assert {action["name"] for action in actions} >= {"meta-data", "validate-all", "reload-agent"}


@pytest.mark.parametrize("name", AGENTS)
def test_every_declared_action_has_a_handler_and_every_default_is_valid(name):
    agent = shipped(name)
    from xcat_hamn.ocf.parameters import problem_with

    for action in agent.actions:
        if action.name not in ("meta-data", "validate-all"):
            assert callable(getattr(agent.handlers, action.name.replace("-", "_")))
    for parameter in agent.parameters:
        if parameter.default:
            assert problem_with(parameter, parameter.default) is None


@pytest.mark.parametrize("name", AGENTS)
def test_monitors_of_one_agent_have_different_intervals(name):
    intervals = [action.interval for action in shipped(name).actions if action.name == "monitor"]
    assert len(set(intervals)) == len(intervals)


def test_a_pacemaker_daemon_gets_no_declarations(capsys):
    """Pacemaker 3.0.0 logs an error for each declaration of the internal subset."""
    from xcat_hamn.agents.mnidentity import AGENT
    from xcat_hamn.ocf.dispatch import run

    for environ, declared in (({}, True), ({"PCMK_service": "pacemaker-execd"}, False)):
        assert run(AGENT, ["xcat-mnidentity", "meta-data"], environ) == 0
        shown = capsys.readouterr().out
        assert ("<!ATTLIST" in shown) is declared
        assert shown.startswith("<?xml")
