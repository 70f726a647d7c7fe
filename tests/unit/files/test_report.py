"""xcat-hamn report and status around a failure, on two nodes with a real sshd and rsync."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from two_nodes import wait_for
from xcat_hamn.cli import exits, report, status
from xcat_hamn.cli.main import main
from xcat_hamn.files import epoch
from xcat_hamn.files.promotion import become_source
from xcat_hamn.files.receiver import aside
from xcat_hamn.files.receiver.main import Receiver
from xcat_hamn.files.request import Request
from xcat_hamn.overview.undelivered import printable
from xcat_hamn.system.runner import Result


class Named:
    """Stands in for the runner: the cluster's name of a node is all that is asked."""

    def __init__(self, name):
        self.name = name

    def run(self, argv, **options):
        assert list(argv) == ["crm_node", "-n"]
        return Result(argv, 0, f"{self.name}\n", "", 0.0)


@pytest.fixture
def told(pair, monkeypatch, capsys):
    """Return what asks one of the two nodes for its report: exit code and JSON, or text."""

    def ask(node, *words, code=None):
        for verb in (report, status):
            monkeypatch.setattr(verb, "Runner", lambda: Named(node.name))
            monkeypatch.setattr(verb, "UNDER", str(node.under))
        got = main(["report", "--local", *words])
        assert code is None or got == code
        output = capsys.readouterr().out
        return json.loads(output) if "--json" in words else output

    return ask


def delivered(pair, name="install"):
    """Copy the set and let the mark lie in the past."""
    until = time.time() + 1.5
    transfer = pair.transfer()
    result = transfer.full(pair.source.set(name), until=until)
    assert result.ok, result.sentence
    wait_for(lambda: time.time() > until, "the mark lies in the past")


def install(told):
    return next(one for one in told["sets"] if one["name"] == "install")


def test_what_a_dead_primary_had_is_listed_and_then_set_aside(pair, told):
    pair.source.write("install/delivered")
    delivered(pair)
    lost = pair.source.write("install/lost\nfile", "only mn1 has it\n")

    # The survivor knows up to when it has everything, and of whom.
    epoch.write(pair.replica.places.epoch, epoch.read(pair.source.places.epoch))
    text = told(pair.replica, code=exits.OK)
    assert "mn2 receives the files of mn1, in epoch 1:" in text
    assert "fresh; has everything of mn1 up to " in text
    become_source(pair.replica.places, "mn2")

    # The old one lists what it never delivered.
    text = told(pair.source, code=exits.DEGRADED)
    assert "mn1 was the source of the files in epoch 1, and copies no more:" in text
    assert "1 file that only mn1 has, never delivered:" in text
    assert f"      {pair.source.tree}/install/lost\\nfile\n" in text
    entry = install(told(pair.source, "--json"))
    assert (entry["undelivered_count"], entry["kept"]) == (1, [])
    assert entry["undelivered"] == [str(lost).replace("\n", "\\n")]

    # The new source comes, and what it replaces is kept before.
    seen = epoch.read(pair.replica.places.epoch)
    say = Request("mark", seen.number, "mn2", marks={"install": time.time()})
    Receiver("mn1", "mn2", pair.source.places).answer(say.line())
    found = told(pair.source, "--json", code=exits.OK)
    entry = install(found)
    assert (found["role"], found["source"], found["epoch"]) == ("replica", "mn2", 2)
    assert entry["undelivered_count"] == 0
    (kept,) = entry["kept"]
    assert kept["files"] == 1
    copy = Path(kept["directory"] + str(lost))
    assert copy.read_text() == "only mn1 has it\n"
    assert f"1 file was set aside in {kept['directory']}" in told(pair.source)


def test_a_node_that_never_copied_says_so(pair, told):
    text = told(pair.replica, code=exits.OK)
    assert "mn2 has never copied or received any files." in text


def test_a_set_that_is_too_old_is_stale_and_one_that_never_came_unknown(pair, told):
    pair.source.write("install/a")
    assert pair.transfer().full(pair.source.set("install"), until=time.time() - 7200).ok
    sets = {one["name"]: one for one in told(pair.replica, "--json")["sets"]}
    assert sets["install"]["word"] == "stale"
    assert sets["install"]["age"] == pytest.approx(7200, abs=60)
    assert (sets["keys"]["word"], sets["keys"]["age"]) == ("unknown", None)
    assert "stale, 2 h old" in told(pair.replica)


def test_files_that_are_due_stay_listed_until_they_are_kept(pair, told):
    pair.source.write("install/a")
    delivered(pair)
    pair.source.write("install/lost")
    aside.require(pair.source.places, ["install"])
    epoch.write(pair.source.places.epoch, epoch.Epoch(2, "mn2"))
    found = told(pair.source, "--json", code=exits.DEGRADED)
    assert install(found)["undelivered_count"] == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"/a/\xff\xfe", "/a/\\xff\\xfe"),
        ("/a/größe".encode(), "/a/größe"),
        (b"/a/\x1b[2Jb\nc", "/a/\\x1b[2Jb\\nc"),
    ],
)
def test_a_name_moves_no_cursor(name, shown):
    assert printable(name) == shown
    assert os.fsencode(shown).isascii() or shown == "/a/größe"
