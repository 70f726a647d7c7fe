"""xcat-hamn sync as its user sees it; the resident process and the cluster are stand-ins."""

from __future__ import annotations

import json

import pytest
from cluster_standins import StandInCluster
from xcat_hamn.cli import exits, sync
from xcat_hamn.cli.main import main
from xcat_hamn.errors import NotRunning

KNOWN = ("credentials", "hosts", "install")


class Process:
    """Stands in for the process that copies: ``stuck`` are the sets that it cannot prove."""

    def __init__(self):
        self.runs = True
        self.stuck = {}
        self.asked = []

    def status(self, where):
        if not self.runs:
            raise NotRunning("the process does not run")
        return {"sets": [{"name": name} for name in KNOWN]}

    def sync(self, where, names, *, seconds, progress):
        self.asked.append((tuple(names), seconds))
        good = [name for name in names if name not in self.stuck]
        waiting = {name: "it is being compared" for name in names}
        for count in range(len(good) + 1):
            proven = good[:count]
            missing = {name: why for name, why in waiting.items() if name not in proven}
            progress({"done": False, "proven": proven, "missing": missing})
        return {"done": True, "proven": good, "missing": dict(self.stuck)}


@pytest.fixture
def process(monkeypatch):
    made = Process()
    monkeypatch.setattr(sync, "client", made)
    monkeypatch.setattr(sync.os, "geteuid", lambda: 0)
    return made


@pytest.fixture
def cluster(monkeypatch):
    made = StandInCluster()
    monkeypatch.setattr(sync, "Runner", lambda: made)
    return made


def test_all_sets_are_copied_and_each_is_told(process, capsys):
    assert main(["sync"]) == exits.OK
    assert process.asked == [(KNOWN, 3600)]
    output, errors = capsys.readouterr()
    lines = [line.split(maxsplit=1) for line in output.splitlines() if line.startswith("  ")]
    assert lines == [[name, "equal on both nodes"] for name in KNOWN]
    assert "All of it is on the other node" in output
    assert errors == ""


def test_some_sets_once_each_and_for_so_long(process):
    assert main(["sync", "install", "hosts", "install", "--timeout", "9"]) == exits.OK
    assert process.asked == [(("install", "hosts"), 9)]


def test_what_was_not_proven_is_named_with_its_reason(process, capsys):
    process.stuck = {"install": "there is no room left on mn2"}
    assert main(["sync"]) == exits.FAILED
    output = capsys.readouterr().out
    assert "not equal: there is no room left on mn2" in output
    assert "Not proven equal: install." in output
    assert "All of it" not in output


def test_programs_get_json_and_nothing_else(process, capsys):
    process.stuck = {"hosts": "no room"}
    assert main(["sync", "--json"]) == exits.FAILED
    told = json.loads(capsys.readouterr().out)
    assert told["proven"] == ["credentials", "install"]
    assert told["missing"] == {"hosts": "no room"}
    assert told["exit_code"] == exits.FAILED


def test_an_unknown_set_is_refused_with_the_known_ones(process, capsys):
    assert main(["sync", "instal"]) == exits.USAGE
    said = capsys.readouterr().err
    assert 'there is no file set "instal": did you mean install?' in said
    assert ", ".join(KNOWN) in said
    assert process.asked == []


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("mn1", "run `xcat-hamn sync` on mn1"),
        ("mn2", "does not run on mn2, though it should"),
        ("", "the cluster does not copy files"),
    ],
)
def test_elsewhere_it_says_where(process, cluster, capsys, source, sentence):
    process.runs = False
    cluster.source = source
    assert main(["sync"]) == exits.FAILED
    assert sentence in capsys.readouterr().err


def test_without_a_cluster_it_says_that(process, cluster, capsys):
    process.runs = cluster.working = False
    assert main(["sync"]) == exits.UNAVAILABLE
    assert capsys.readouterr().err


def test_others_than_root_are_told_so(process, monkeypatch, capsys):
    monkeypatch.setattr(sync.os, "geteuid", lambda: 1000)
    assert main(["sync"]) == exits.DENIED
    assert "as root" in capsys.readouterr().err
