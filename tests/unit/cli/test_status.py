"""xcat-hamn status and explain as their user sees them, on a cluster that is a stand-in."""

from __future__ import annotations

import json
import re

import pytest
from xcat_hamn.cli import exits
from xcat_hamn.cli.main import main
from xcat_hamn.overview.health import TABLE
from xcat_hamn.overview.report import SCORES


def lost_holder(cluster):
    cluster.lose("mn1", unclean=True)
    cluster.attributes["mn2"]["xcat-gate"] = "waiting: mn1 was lost while it held the role"


def on_its_way(cluster):
    cluster.group_role = "Starting"


def waiting(cluster):
    cluster.nodes["mn2"], cluster.attributes["mn2"] = "offline", {}
    cluster.attributes["mn1"]["xcat-db"] = "primary-waiting"
    cluster.attributes["mn1"]["xcat-db-limit"] = "commits wait, for mn2 was lost"


def put(**values):
    def change(cluster):
        for name, value in values.items():
            setattr(cluster, name, value)

    return change


CASES = [
    ("no role", exits.DOWN, put(has_group=False), "`xcat-hamn configure`"),
    ("lost", exits.DOWN, lost_holder, "mn1, the management node, was lost"),
    ("on its way", exits.DOWN, on_its_way, "on its way"),
    ("nowhere", exits.DOWN, lambda c: c.lose("mn1"), "no node is the management node"),
    ("commits wait", exits.DEGRADED, waiting, "waits: commits wait, for mn2 was lost"),
    ("hands off", exits.DEGRADED, put(options='maintenance-mode="true"'), "hands off"),
    (
        "warning",
        exits.DEGRADED,
        lambda c: c.attributes["mn1"].update({"xcat-mn": "warning"}),
        "its identity needs attention",
    ),
    (
        "nobody could take over",
        exits.DEGRADED,
        lambda c: c.gate("mn2", limit="still catching up with the primary on mn1"),
        "no other node could take over",
    ),
    (
        "files",
        exits.DEGRADED,
        lambda c: c.attributes["mn1"].update(
            {"xcat-files": "source-failing", "xcat-files-limit": "install: no room on mn2"}
        ),
        "mn2 could take over, but would not have all of its files: install: no room on mn2",
    ),
    (
        "failures",
        exits.DEGRADED,
        put(failures=[("xcat-xcatd_monitor_10000", "mn1", "it did not answer")]),
        "something has failed",
    ),
    ("healthy", exits.OK, lambda c: None, "mn1 is the management node, mn2 could take over"),
]


@pytest.mark.parametrize(("row", "code", "change", "sentence"), CASES)
def test_the_sentence_and_the_exit_code(cluster, capsys, row, code, change, sentence):
    change(cluster)
    assert main(["status"]) == code
    output, errors = capsys.readouterr()
    assert sentence in output
    assert errors == ""
    assert main(["status", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["case"] == row
    assert main(["explain"]) == code
    assert sentence in capsys.readouterr().out
    assert cluster.commands == []


def test_every_row_has_its_case():
    assert [row.name for row in TABLE] == [case[0] for case in CASES]


def test_the_cluster_is_looked_at_once(cluster):
    main(["status"])
    assert cluster.looked == 1


def test_the_page_shows_each_node_and_what_waits(cluster, capsys):
    lost_holder(cluster)
    cluster.attributes["mn2"]["xcat-db-limit"] = "the primary on mn1 was lost"
    main(["status"])
    output = capsys.readouterr().out
    assert re.search(r"^  mn1 +lost +had the role +-$", output, re.MULTILINE)
    assert re.search(r"^  mn2 +online +could take over +standby$", output, re.MULTILINE)
    assert "    the primary on mn1 was lost\n" in output
    assert "waiting: mn1 was lost while it held the role" in output


def test_explain_says_what_words_and_scores_mean_and_what_goes_on(cluster, capsys):
    main(["explain"])
    output = capsys.readouterr().out
    assert "primary: writable, and a standby confirms every commit" in output
    assert "it may be promoted (900)" in output
    assert "`pcs resource move xcat-mn mn2` is all it takes" in output


def test_explain_of_a_gated_node_names_the_command_that_shows_the_loss(cluster, capsys):
    cluster.lose("mn1")
    cluster.gate("mn2")
    assert main(["explain", "mn2"]) == exits.OK
    output = capsys.readouterr().out
    assert "it must not be promoted, whatever anybody asks (-INFINITY)" in output
    assert "`xcat-hamn takeover mn2` shows what would be lost" in output
    assert "mn1:" not in output


def test_explain_of_one_node_for_programs(cluster, capsys):
    assert main(["explain", "mn2", "--json"]) == exits.OK
    found = json.loads(capsys.readouterr().out)
    assert [node["name"] for node in found["nodes"]] == ["mn2"]
    assert found["nodes"][0]["takeover"]["act"] == "move"


def test_explain_of_no_node_of_the_cluster(cluster, capsys):
    assert main(["explain", "mn3"]) == exits.FAILED
    assert "mn3 is no node of this cluster: its nodes are mn1, mn2" in capsys.readouterr().err


def test_no_cluster_is_told_in_one_sentence(cluster, capsys):
    cluster.working = False
    assert main(["status"]) == exits.UNAVAILABLE
    assert "could not read the cluster's status" in capsys.readouterr().err


def test_every_score_of_the_agent_has_its_words():
    from xcat_hamn.database.postgresql import decision

    assert {row.score for row in decision.TABLE} <= set(SCORES)
