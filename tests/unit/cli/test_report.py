"""xcat-hamn report and the files in xcat-hamn status, of stand-ins for both nodes."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from xcat_hamn.cli import exits, report, status
from xcat_hamn.cli.main import main
from xcat_hamn.files import epoch, marks
from xcat_hamn.files.places import Places
from xcat_hamn.overview.files import spoken
from xcat_hamn.system.remote import Unreachable
from xcat_hamn.system.runner import Result

SITE = """\
[cluster]
nodes = mn1=192.0.2.11 mn2=127.0.0.1
[identity]
addresses = 192.0.2.10/24@eth0
[database]
engine = none
[fencing]
devices = none
"""
SETS = "[set one]\npaths = {top}/one\n[set two]\npaths = {top}/two\n"


@pytest.fixture
def places(tmp_path, monkeypatch, cluster):
    """Return the places of mn2, a replica with a fresh set and one that never came."""
    made = Places(str(tmp_path))
    for verb in (report, status):
        monkeypatch.setattr(verb, "UNDER", str(tmp_path))
        monkeypatch.setattr(verb, "Runner", lambda: cluster)
    monkeypatch.setattr(report.os, "geteuid", lambda: 0)
    definitions = tmp_path / "etc/xcat/hamn.d"
    definitions.mkdir(parents=True)
    (definitions / "one.conf").write_text(SETS.format(top=tmp_path))
    epoch.write(made.epoch, epoch.Epoch(3, "mn1"))
    marks.advance(made, "one", 3, "mn1", time.time() - 5)
    (tmp_path / "hamn.conf").write_text(SITE)
    return made


def other(monkeypatch, answer):
    """Let mn1 answer; ``answer`` may be an error."""
    asked = []

    class Door:
        def run(self, argv, **options):
            asked.append(list(argv))
            if isinstance(answer, Exception):
                raise answer
            return Result(argv, 0, answer, "", 0.0)

    @contextlib.contextmanager
    def reached(address, *, port):
        assert (address, port) == ("192.0.2.11", 22)
        yield Door()

    monkeypatch.setattr(report, "reached", reached)
    return asked


def lost():
    one = {"name": "one", "word": "unknown", "age": None, "sentence": "", "source": "mn1"}
    names = [f"/one/{number}" for number in range(30)]
    more = {"until": 1.0, "undelivered": names, "undelivered_count": 40, "kept": []}
    return json.dumps(
        {"node": "mn1", "role": "former-source", "epoch": 2, "source": "mn1", "contact": "",
         "sets": [{**one, **more}]}
    )  # fmt: skip


def run(places, *words):
    return main(["report", "--file", f"{places.under}/hamn.conf", *words])


def test_both_nodes_are_told_and_what_only_one_has_is_in_the_exit_code(places, monkeypatch, capsys):
    asked = other(monkeypatch, lost())
    assert run(places) == exits.DEGRADED
    assert asked == [["xcat-hamn", "report", "--local", "--json"]]
    output, errors = capsys.readouterr()
    assert "mn2 receives the files of mn1, in epoch 3:" in output
    assert "40 files that only mn1 has, never delivered:" in output
    assert "/one/19\n" in output
    assert "/one/20\n" not in output
    assert "and 20 more" in output
    assert errors == ""
    assert run(places, "--json") == exits.DEGRADED
    told = json.loads(capsys.readouterr().out)
    assert [one["node"] for one in told["nodes"]] == ["mn2", "mn1"]
    assert told["exit_code"] == exits.DEGRADED


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Unreachable("ssh to root@192.0.2.11 failed (refused): start it"), "start it"),
        ('{"errors": ["there is no verb"]}', "there is no verb (install the same version there)"),
        ("", "says: it printed nothing"),
    ],
)
def test_another_node_that_cannot_be_asked_is_a_note(places, monkeypatch, capsys, answer, sentence):
    other(monkeypatch, answer)
    assert run(places) == exits.OK
    output, errors = capsys.readouterr()
    assert "mn2 receives the files" in output
    assert errors.startswith("xcat-hamn: the other node was not asked: ")
    assert sentence in errors


def test_without_a_site_file_this_node_is_told(places, capsys):
    assert main(["report", "--file", "/nowhere"]) == exits.OK
    assert "mn2 receives" in capsys.readouterr().out


def test_others_than_root_are_told_so(places, monkeypatch, capsys):
    monkeypatch.setattr(report.os, "geteuid", lambda: 1000)
    assert run(places) == exits.DENIED
    assert "as root" in capsys.readouterr().err


def test_status_shows_how_fresh_each_set_is(places, capsys):
    assert main(["status"]) == exits.OK
    output = capsys.readouterr().out
    assert "Files, received on mn2 from mn1:" in output
    lines = [line.split(maxsplit=1) for line in output.splitlines()]
    assert ["one", "fresh"] in lines
    assert ["two", "unknown: never received whole"] in lines
    assert main(["status", "--json"]) == exits.OK
    told = json.loads(capsys.readouterr().out)["files"]
    assert (told["role"], told["source"], told["epoch"]) == ("replica", "mn1", 3)
    assert told["sets"][0]["age"] == pytest.approx(5, abs=30)


def test_status_names_an_epoch_that_is_damaged_and_goes_on(places, capsys):
    with open(places.epoch, "w", encoding="ascii") as stream:
        stream.write("nonsense")
    assert main(["status"]) == exits.OK
    assert "is damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200000, "2 d")],
)
def test_an_age_is_spoken(seconds, words):
    assert spoken(seconds) == words
