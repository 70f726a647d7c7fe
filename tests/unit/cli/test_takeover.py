"""xcat-hamn takeover as its user sees it, on a cluster that is a stand-in."""

from __future__ import annotations

import io
import json
import os
import signal

import pytest
from xcat_hamn.cli import exits, takeover
from xcat_hamn.cli.main import main
from xcat_hamn.database.postgresql.decision import TABLE

MOVE, CLEAR = "pcs resource move xcat-mn mn2", "pcs resource clear xcat-mn mn2"
CONSTRAIN = "pcs resource move-with-constraint xcat-mn mn2"
GIVEN, WITHDRAWN = "xcat-db-consent mn2 = 3 50331648", "xcat-db-consent mn2 = "


@pytest.fixture
def typed(monkeypatch):
    """Return what gives the command a terminal on which a person types something."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    return lambda text: monkeypatch.setattr("sys.stdin", Terminal(text))


@pytest.fixture
def lost(cluster):
    """Return the cluster in which mn1 is gone and mn2 lacks some of its commits."""
    cluster.lose("mn1")
    cluster.gate("mn2")
    cluster.accept_consent("mn2")
    return cluster


def run(*words):
    return main(["takeover", *words])


def test_a_ready_node_gets_the_role_by_the_ordinary_command(cluster, capsys):
    assert run("mn2") == exits.OK
    assert cluster.commands == [MOVE]
    output, errors = capsys.readouterr()
    assert "`pcs resource move xcat-mn mn2` is all it takes" in output
    assert "mn2 is the management node now" in output
    assert errors == ""


def test_again_there_is_nothing_to_do(cluster, capsys):
    assert run("mn1") == exits.OK
    assert cluster.commands == []
    assert "mn1 is the management node already" in capsys.readouterr().out


def test_the_flag_is_not_needed_where_nothing_is_lost(cluster, capsys):
    assert run("mn2", "--accept-data-loss") == exits.OK
    assert cluster.commands == [MOVE]
    assert "--accept-data-loss is not needed" in capsys.readouterr().out


def test_where_the_role_runs_nowhere_the_constraint_is_taken_away_again(cluster, capsys):
    cluster.lose("mn1")
    assert run("mn2") == exits.OK
    assert cluster.commands == [CONSTRAIN, CLEAR]
    assert cluster.constraints == {}
    output = capsys.readouterr().out
    assert "xcat-db: promoted on mn2" in output
    assert "xcat-xcatd: started on mn2" in output


def test_a_constraint_that_was_left_behind_goes_first(cluster):
    cluster.constraints = {"xcat-mn": "mn2"}
    assert run("mn2") == exits.OK
    assert cluster.commands == [CLEAR, MOVE]


@pytest.mark.parametrize("local", ["mn2", "mn1"])
def test_a_standby_gets_time_to_notice_that_its_primary_is_gone(cluster, local):
    """While a promotion waits for fencing no monitor runs; the tool has one done if it can."""
    cluster.lose("mn1")
    cluster.private.clear()
    cluster.local = local

    def notice(number):
        if cluster.checks or (local == "mn1" and number == 3):
            cluster.gate("mn2")

    cluster.looks.append(notice)
    assert run("mn2") == exits.LOSS
    assert cluster.checks == (local == "mn2")


def test_a_lost_primary_waits_for_the_move_and_says_so(cluster, capsys):
    cluster.lose("mn1", unclean=True)
    cluster.attributes["mn2"]["xcat-gate"] = "waiting: mn1 was lost while it held the role"
    cluster.fencing = ["mn1"]
    assert run("mn2") == exits.OK
    assert cluster.commands == [MOVE]
    assert "waiting: mn1 was lost while it held the role" in capsys.readouterr().out


# -- loss of data ------------------------------------------------------------------------------


def test_without_consent_it_says_what_would_be_lost_and_changes_nothing(lost, capsys):
    assert run("mn2") == exits.LOSS
    assert lost.commands == []
    output, errors = capsys.readouterr()
    assert "cannot take over without a loss: the last commits of mn1 have not arrived" in errors
    assert "timeline 3, position 0/3000000" in output
    assert "2025-10-09 " in output
    assert "bring mn1 back" in output
    assert "xcat-hamn takeover mn2 --accept-data-loss\n" in output


def test_db2_has_a_term_and_a_position_of_its_log(lost, capsys):
    lost.engine = "xcat-db2hadr"
    assert run("mn2") == exits.LOSS
    output = capsys.readouterr().out
    assert "term 3, log position 50331648" in output
    assert "timeline" not in output


def test_what_is_not_known_is_said_to_be_not_known(lost, capsys):
    lost.private["xcat-db-end", "mn2"] = "3 50331648 0 0"
    assert run("mn2") == exits.LOSS
    assert "last contact      not known when" in capsys.readouterr().out


@pytest.mark.parametrize("constraints", [{}, {"xcat-mn": "mn2"}])
def test_consent_by_the_nodes_name(lost, typed, capsys, constraints):
    lost.constraints = dict(constraints)
    typed("mn2\n")
    assert run("mn2", "--accept-data-loss") == exits.OK
    before = [CLEAR] if constraints else []
    assert lost.commands == [GIVEN, *before, CONSTRAIN, CLEAR, WITHDRAWN]
    output = capsys.readouterr().out
    assert "Type mn2 to accept this loss" in output
    assert "timeline 3, position 0/3000000" in output


@pytest.mark.parametrize("answer", ["mn1\n", "yes\n", "\n", ""])
def test_anything_but_the_nodes_name_changes_nothing(lost, typed, answer):
    typed(answer)
    assert run("mn2", "--accept-data-loss") == exits.LOSS
    assert lost.commands == []


def test_where_nothing_is_missing_the_order_is_enough(lost, capsys):
    """mn1 lives and its database does not run; it had promised to commit nothing alone."""
    row = next(row for row in TABLE if row.name == "other database down")
    lost.nodes["mn1"] = "online"
    lost.attributes["mn1"] = {"xcat-db": "stopped"}
    lost.private["xcat-db-timeline", "mn1"] = "3"
    lost.gate("mn2", limit=row.limit.format(peer="mn1", node="mn2"))
    assert run("mn2") == exits.OK
    assert lost.commands == [GIVEN, CONSTRAIN, CLEAR, WITHDRAWN]
    assert "nothing that mn1 committed is missing on mn2" in capsys.readouterr().out


def test_without_a_terminal_only_yes_accepts(lost, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("mn2\n"))
    assert run("mn2", "--accept-data-loss") == exits.LOSS
    assert "--yes" in capsys.readouterr().err
    assert lost.commands == []
    assert run("mn2", "--accept-data-loss", "--yes") == exits.OK


def test_yes_alone_accepts_nothing(lost):
    assert run("mn2", "--yes") == exits.LOSS
    assert lost.commands == []


def test_a_consent_that_the_database_does_not_take_is_withdrawn(lost, capsys):
    lost.looks.clear()
    assert run("mn2", "--accept-data-loss", "--yes") == exits.FAILED
    assert lost.commands == [GIVEN, WITHDRAWN]
    assert "did not take the order" in capsys.readouterr().err


def test_a_consent_without_a_move_is_withdrawn(lost, capsys):
    lost.then["move-with-constraint"] = lambda words: 1
    assert run("mn2", "--accept-data-loss", "--yes") == exits.FAILED
    assert lost.commands == [GIVEN, CONSTRAIN, WITHDRAWN]
    assert "ended with 1" in capsys.readouterr().err


def test_consent_is_to_what_was_shown_and_to_nothing_else(lost, typed, monkeypatch, capsys):
    def answer(terminal, text):
        lost.private["xcat-db-end", "mn2"] = "3 50331700 1760000000 1759999990"
        return "mn2"

    typed("")
    monkeypatch.setattr(takeover.Terminal, "ask", answer)
    assert run("mn2", "--accept-data-loss") == exits.FAILED
    assert lost.commands == []
    assert "the cluster has changed" in capsys.readouterr().err


def test_a_consent_that_a_killed_call_left_counts_as_none(lost):
    lost.private["xcat-db-consent", "mn2"] = "3 50331648"
    lost.attributes["mn2"]["master-xcat-db"] = "900"
    assert run("mn2") == exits.LOSS
    assert lost.commands == []


def test_when_consent_alone_makes_the_cluster_promote_no_move_is_typed(lost):
    """A node that was confirmed to be down needs no command besides the consent."""

    def promote(number):
        if lost.private.get(("xcat-db-consent", "mn2")):
            lost.primary = ("Promoted", "mn2")
            lost.group_role, lost.group_node = "Started", "mn2"

    lost.looks.append(promote)
    assert run("mn2", "--accept-data-loss", "--yes") == exits.OK
    assert lost.commands == [GIVEN, WITHDRAWN]


# -- nothing stays behind ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_leaves_neither_constraint_nor_consent(lost, number, capsys):
    def start(words):
        lost.constraints["xcat-mn"] = "mn2"
        os.kill(os.getpid(), number)
        return 0

    def clear(words):
        os.kill(os.getpid(), number)  # An impatient person.
        return lost.clears(words)

    lost.then.update({"move-with-constraint": start, "clear": clear})
    assert run("mn2", "--accept-data-loss", "--yes") == exits.INTERRUPTED
    assert lost.commands == [GIVEN, CONSTRAIN, WITHDRAWN, CLEAR]
    assert lost.constraints == {}
    assert "interrupted" in capsys.readouterr().err


def test_a_move_that_gets_nowhere_ends(cluster, capsys):
    cluster.lose("mn1")
    cluster.failures = [("xcat-db_promote_0", "mn2", "disk full")]

    def fail(words):
        cluster.constraints["xcat-mn"] = "mn2"
        return 0

    cluster.then["move-with-constraint"] = fail
    assert run("mn2") == exits.FAILED
    assert cluster.commands == [CONSTRAIN, CLEAR]
    assert "nothing has happened for" in capsys.readouterr().err


def test_a_refusal_of_pcs_is_passed_on(cluster, capsys):
    cluster.then["move"] = lambda words: 1
    assert run("mn2") == exits.FAILED
    errors = capsys.readouterr().err
    assert "ended with 1: the lines above say why; now: mn2 is ready" in errors


def test_a_role_that_goes_back_is_told(cluster, capsys):
    def clears(words):
        cluster.constraints = {}
        cluster.group_node, cluster.primary = "mn1", ("Promoted", "mn1")
        return 0

    cluster.then["clear"] = clears
    cluster.group_node = ""
    assert run("mn2") == exits.FAILED
    assert "did not stay on mn2" in capsys.readouterr().err


# -- dry run, JSON, no cluster -------------------------------------------------------------------


@pytest.mark.parametrize("words", [["mn2"], ["mn2", "--accept-data-loss", "--yes"]])
def test_a_dry_run_changes_nothing(lost, words, capsys):
    code = run(*words, "--dry-run")
    assert code == (exits.LOSS if len(words) == 1 else exits.OK)
    assert lost.commands == []
    assert ("Dry run: nothing was changed." in capsys.readouterr().out) == (code == exits.OK)


def test_json_is_all_there_is_on_stdout(lost, capsys):
    assert run("mn2", "--json") == exits.LOSS
    asked = json.loads(capsys.readouterr().out)
    assert (asked["case"], asked["act"], asked["done"]) == ("not accepted", "ask", False)
    assert asked["loss"]["position"] == "0/3000000"
    assert asked["loss"]["last_contact"] == 1760000000
    assert asked["loss"]["accept"] == "xcat-hamn takeover mn2 --accept-data-loss"
    assert run("mn2", "--json", "--accept-data-loss", "--yes") == exits.OK
    output, errors = capsys.readouterr()
    assert json.loads(output)["done"] is True
    assert errors == ""
    assert run("mn3", "--json") == exits.FAILED
    refused = json.loads(capsys.readouterr().out)
    assert refused["errors"] == ["mn3 is no node of this cluster: its nodes are mn1, mn2"]


def test_a_program_is_not_asked(lost, typed, capsys):
    typed("mn2\n")
    assert run("mn2", "--json", "--accept-data-loss") == exits.LOSS
    result = json.loads(capsys.readouterr().out)
    assert result["done"] is False
    assert "--yes accepts the loss" in result["errors"][0]
    assert lost.commands == []


def test_no_cluster_is_told_in_one_sentence(cluster, capsys):
    cluster.working = False
    assert run("mn2") == exits.UNAVAILABLE
    assert "could not read the cluster's status" in capsys.readouterr().err
