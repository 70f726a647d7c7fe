"""xcat-hamn sync and status against the real process between two nodes with a real sshd."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path

import pytest
from test_resident_process import SETS, Source
from two_nodes import Pair, can_run, wait_for
from xcat_hamn.cli import exits, sync
from xcat_hamn.cli.main import main
from xcat_hamn.files.places import Places
from xcat_hamn.overview.files import SOURCE, look


@pytest.fixture
def source(monkeypatch):
    why = can_run()
    if why:
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="xcat-files-", dir="/var/tmp") as top:
        pair = Pair(Path(top))
        made = Source(pair)
        monkeypatch.setattr(sync, "Whereabouts", lambda name: made.where)
        try:
            pair.start()
            pair.source.write("install/a", "one\n")
            pair.source.write("home/.ssh/id_rsa", "key\n", 0o600)
            for name in ("install", "home/.ssh"):
                pair.replica.path(name).mkdir(parents=True)
            made.start()
            yield made
        finally:
            if made.process and made.process.poll() is None:
                made.end(signal.SIGTERM)
            pair.stop()


def test_it_repairs_what_no_event_told_of_and_says_so(source, capsys):
    source.wait_fresh()
    there = source.pair.replica.path("install/a")
    there.write_text("somebody changed the copy\n")
    assert main(["sync", "install"]) == exits.OK
    assert there.read_text() == "one\n"
    output = capsys.readouterr().out
    assert "equal on both nodes" in output
    assert "keys" not in output

    assert main(["sync", "--json"]) == exits.OK
    assert sorted(json.loads(capsys.readouterr().out)["proven"]) == sorted(SETS)
    assert main(["sync", "instal"]) == exits.USAGE
    assert "did you mean install?" in capsys.readouterr().err


def test_a_node_that_takes_nothing_is_told_with_its_reason(source, capsys):
    source.wait_fresh()
    there = source.pair.replica.path("install")
    for name in os.listdir(there):
        (there / name).unlink()
    there.rmdir()
    there.write_text("a file where a directory should be\n")
    assert main(["sync", "install", "--timeout", "20"]) == exits.FAILED
    output = capsys.readouterr().out
    assert "not equal: " in output
    assert "Not proven equal: install." in output


def test_status_tells_what_the_process_knows(source):
    source.wait_fresh()
    places = Places(source.where.under)
    wait_for(lambda: len(look("mn1", places, source.where).sets) == len(SETS), "the first account")
    wait_for(
        lambda: {one.word for one in look("mn1", places, source.where).sets} == {"fresh"}, "fresh"
    )
    found = look("mn1", places, source.where)
    assert (found.role, found.source, found.contact) == (SOURCE, "mn1", "")
    assert {one.shown for one in found.sets} == {"fresh: everything is on the other node"}
