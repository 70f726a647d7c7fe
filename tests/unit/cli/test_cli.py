"""xcat-hamn as its user sees it: output, exit codes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
from xcat_hamn.cli import exits, verbs
from xcat_hamn.cli.main import main
from xcat_hamn.cluster.fragments import directory

TREE = os.path.dirname(directory())
SITE = """\
[cluster]
nodes = mn1=10.11.0.11 mn2=10.11.0.12
[identity]
addresses = 10.11.0.10/24@eth0
[database]
engine = postgresql
pgdata = /var/lib/postgresql/15/main
[fencing]
devices = none
"""
CIB = """\
<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="7" num_updates="3"
     admin_epoch="0" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config/>
    <nodes><node id="1" uname="mn1"/><node id="2" uname="mn2"/></nodes>
    <resources/>
    <constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="mn1" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="2" uname="mn2" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>
"""


@pytest.fixture()
def site(tmp_path):
    path = tmp_path / "hamn.conf"
    path.write_text(SITE)
    return path


@pytest.fixture()
def cib(tmp_path, monkeypatch):
    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    monkeypatch.setenv("CIB_file", str(path))
    return path


def configure(site, *options):
    return main(["configure", "--file", str(site), *options])


def test_a_dry_run_shows_everything_and_changes_nothing(site, cib, capsys):
    assert configure(site, "--dry-run") == exits.OK
    output, errors = capsys.readouterr()
    assert re.search(r"\+ xcat-db-clone +of xcat-db\n", output)
    assert re.search(r"\+ xcat-mn-with-db +xcat-mn runs where xcat-db-clone is Promoted\n", output)
    assert re.search(r"\+ property stonith-enabled +true\n", output)
    assert re.search(r"\+ xcat-level-second-2 +2 of mn2: xcat-gate\n", output)
    assert re.search(r" 1\. look on mn1 and mn2 for what already runs\n", output)
    assert re.search(r" 2\. start +xcat-db +on mn1\n", output)
    assert output.rstrip().endswith("Dry run: nothing was changed.")
    assert errors.startswith("warning: no power device is configured")
    assert cib.read_text() == CIB


def test_configuring_twice_changes_once(site, cib, capsys):
    assert configure(site) == exits.OK
    assert "Done: the cluster has the new configuration." in capsys.readouterr().out
    configured = cib.read_text()
    assert 'id="xcat-mn"' in configured
    assert configure(site) == exits.OK
    assert "Nothing to change" in capsys.readouterr().out
    assert cib.read_text() == configured


def test_a_change_is_shown_with_both_values(site, cib, capsys):
    configure(site)
    capsys.readouterr()
    site.write_text(SITE.replace("10.11.0.10/24", "10.11.0.20/24"))
    assert configure(site, "-n") == exits.OK
    assert "addresses: 10.11.0.10/24@eth0 -> 10.11.0.20/24@eth0" in capsys.readouterr().out


def test_json_is_all_there_is_on_stdout(site, cib, capsys):
    assert configure(site, "--json") == exits.OK
    output, errors = capsys.readouterr()
    result = json.loads(output)
    assert (result["changed"], result["pushed"]) == (True, True)
    assert {"operation": "start", "resource": "xcat-db", "node": "mn1"} in result["actions"]
    assert "xcat-mn" in {change["id"] for change in result["changes"]}
    assert len(result["warnings"]) == 1
    assert errors == ""


def test_a_wrong_site_file_is_told_sentence_by_sentence(site, cib, capsys):
    site.write_text(SITE.replace("pgdata", "pgdat").replace("devices = none", "devices = a a"))
    assert configure(site, "--json") == exits.CONFIGURATION
    output, errors = capsys.readouterr()
    assert len(json.loads(output)["errors"]) == 2
    assert [line.split(": ")[0] for line in errors.splitlines()] == ["xcat-hamn"] * 2
    assert cib.read_text() == CIB


def test_no_cluster_is_told_in_one_sentence(site, monkeypatch, tmp_path, capsys):
    """Pacemaker's tools look for the cluster's sockets; in an empty directory there are none."""
    monkeypatch.setenv("CIB_file", str(tmp_path / "absent.xml"))
    assert configure(site) == exits.UNAVAILABLE
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "could not read the configuration" in errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["confgure"], 'there is no verb "confgure": did you mean configure?'),
        (["promote"], 'there is no verb "promote": the verbs are status'),
        (["--verbose"], 'there is no option "--verbose": the verbs are status'),
        (["configure", "--dryrun"], "see `xcat-hamn configure --help`"),
        (["configure", "extra"], "see `xcat-hamn configure --help`"),
    ],
)
def test_a_mistyped_command_gets_a_helpful_sentence(arguments, sentence, capsys):
    assert main(arguments) == exits.USAGE
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert sentence in errors


def test_help_lists_every_verb_and_each_describes_itself(capsys):
    assert main(["--help"]) == exits.OK
    listed = capsys.readouterr().out
    for verb in verbs.VERBS:
        assert re.search(rf"^  {verb.name} +{re.escape(verb.summary)}$", listed, re.MULTILINE)
        assert main([verb.name, "--help"]) == exits.OK
        assert f"xcat-hamn {verb.name}" in capsys.readouterr().out


def test_called_without_anything_it_shows_its_help_and_fails(capsys):
    assert main([]) == exits.USAGE
    assert "Usage: xcat-hamn VERB" in capsys.readouterr().out


def test_a_missing_library_names_its_package(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "typer", None)
    assert main(["configure"]) == exits.UNAVAILABLE
    assert "install the package python3-typer" in capsys.readouterr().err


def test_the_executable_runs_isolated_from_the_callers_python(site, cib):
    run = subprocess.run(
        [os.path.join(TREE, "bin/xcat-hamn"), "configure", "-f", str(site), "-n"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "/nonexistent", "CIB_file": str(cib)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.rstrip().endswith("Dry run: nothing was changed.")
