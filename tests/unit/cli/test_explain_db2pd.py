"""xcat-hamn explain --db2pd as its user sees it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from xcat_hamn.cli import exits
from xcat_hamn.cli.main import main

SAMPLES = Path(__file__).parents[1] / "db2" / "samples"
KEYS = ["role", "state", "connect_status", "standbys", "promotable", "reason"]


def path_of(name):
    return str(next(SAMPLES.glob(f"*/{name}.txt")))


def explained(capsys, name):
    assert main(["explain", "--db2pd", path_of(name), "--json"]) == exits.OK
    found = json.loads(capsys.readouterr().out)
    assert list(found) == KEYS
    return found


CASES = {
    "db2pd-11.1-standby-peer-nearsync": (
        *("STANDBY", "PEER", "CONNECTED", True),
        "promotable by a plain takeover while mn2 lives",
    ),
    "db2pd-9.7-standby-peer-columns": (
        *("STANDBY", "PEER", "CONNECTED", True),
        "promotable by a plain takeover while 10.11.0.11 lives",
    ),
    "db2pd-11.5-primary-three-standbys": (
        *("PRIMARY", "PEER", "CONNECTED", True),
        "already the primary: nothing to do, the standby on mn2 is connected",
    ),
    "db2pd-11.5-primary-disconnected": (
        *("PRIMARY", "DISCONNECTED", "DISCONNECTED", True),
        "the standby on mn2 is not connected",
    ),
    "db2pd-11.5-primary-disconnected_peer-writes-blocked": (
        *("PRIMARY", "DISCONNECTED_PEER", "DISCONNECTED", True),
        "commits wait until 2024-08-01 12:18:30 UTC",
    ),
    "db2pd-11.5-standby-disconnected_peer": (
        *("STANDBY", "DISCONNECTED_PEER", "DISCONNECTED", False),
        "nothing that it committed is missing here until 2024-08-01 12:18:25 UTC",
    ),
    "db2pd-11.5-standby-remote_catchup_pending-disconnected-window-expired": (
        *("STANDBY", "REMOTE_CATCHUP_PENDING", "DISCONNECTED", False),
        "may have committed what is not here",
    ),
    "db2pd-11.5-standby-remote_catchup-gap": (
        *("STANDBY", "REMOTE_CATCHUP", "CONNECTED", False),
        "not promotable: still catching up",
    ),
    "db2pd-11.5-standby-local_catchup": (
        *("STANDBY", "LOCAL_CATCHUP", "DISCONNECTED", False),
        "not promotable: still replaying the logs",
    ),
    "db2pd-12.9-standby-unknown-state-and-key": (
        *("STANDBY", "ASSISTED_QUANTUM_CATCHUP", "CONNECTED", False),
        "not promotable: unknown state ASSISTED_QUANTUM_CATCHUP",
    ),
    "db2pd-10.1-fragments-remote_catchup-and-replay-only-window": (
        *("", "REMOTE_CATCHUP", "", False),
        "not promotable: unknown role",
    ),
    "db2pd-hadr-not-active-standard-db": ("STANDARD", "", "", False, "is no HADR database"),
    "db2pd-11.5-db-not-activated-on-member": ("", "", "", False, "not activated"),
    "db2pd-11.5-instance-down-unable-to-attach": ("", "", "", False, "instance does not run"),
    "db2pd-11.5-changing-data-structure": ("", "", "", False, "call it again"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_saved_output_is_explained(capsys, name):
    role, state, connect, promotable, reason = CASES[name]
    found = explained(capsys, name)
    assert (found["role"], found["state"], found["connect_status"]) == (role, state, connect)
    assert found["promotable"] is promotable
    assert reason in found["reason"]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/db2pd-*.txt")), ids=lambda path: path.stem)
def test_every_sample_is_explained_to_people_too(capsys, path):
    assert main(["explain", "--db2pd", str(path)]) == exits.OK
    shown = " ".join(capsys.readouterr().out.split())
    assert explained(capsys, path.stem)["reason"] in shown


def test_each_standby_and_log_stream_has_an_entry(capsys):
    found = explained(capsys, "db2pd-11.5-primary-three-standbys")["standbys"]
    assert [(one["standby_id"], one["host"], one["connect_status"]) for one in found] == [
        (1, "mn2", "CONNECTED"),
        (2, "mn3", "CONNECTED"),
        (3, "mn4", "DISCONNECTED"),
    ]
    assert found[0]["peer_window_end"] == 1722514740
    assert found[0]["standby_log"] == {"file": "S0000105.LOG", "page": 10, "position": 64096000}
    streams = explained(capsys, "db2pd-11.5-purescale-standby-two-logstreams-peer")["standbys"]
    assert [one["log_stream"] for one in streams] == [0, 1]


def test_people_are_told_of_every_standby(capsys):
    main(["explain", "--db2pd", path_of("db2pd-11.5-primary-three-standbys")])
    shown = capsys.readouterr().out
    assert "XCATDB on mn1:" in shown and "standby on mn4, number 3:" in shown
    assert "peer window until 2024-08-01 12:19:00 UTC" in shown


def test_standard_input(capsys, monkeypatch):
    raw = Path(path_of("db2pd-11.1-standby-peer-nearsync")).read_bytes() + b"\xff\xfe"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert main(["explain", "--db2pd", "-"]) == exits.OK
    assert "promotable by a plain takeover" in capsys.readouterr().out


def test_what_db2pd_never_printed(capsys, tmp_path):
    file = tmp_path / "notes"
    file.write_bytes(b"\x00\x01\x02" * 100)
    assert main(["explain", "--db2pd", str(file)]) == exits.FAILED
    assert "printed no HADR block" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/nonexistent/saved", ""])
def test_a_file_that_is_not_there(capsys, path):
    assert main(["explain", "--db2pd", path]) == exits.FAILED
    assert "No such file" in capsys.readouterr().err


def test_a_file_is_no_node(capsys):
    assert main(["explain", "mn1", "--db2pd", "/dev/null"]) == exits.FAILED
    assert "not a node" in capsys.readouterr().err
