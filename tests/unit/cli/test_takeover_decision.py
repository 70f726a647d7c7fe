"""Every case of the takeover's table, each shown by a cluster in which it decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.cluster.status import read_status
from xcat_hamn.database.postgresql.decision import TABLE as AGENTS_TABLE
from xcat_hamn.errors import CommandFailed
from xcat_hamn.takeover.decision import TABLE, Act, judge
from xcat_hamn.takeover.loss import End, duration, read_end
from xcat_hamn.takeover.view import look, moves_in

RECORDED = Path(__file__).parents[1] / "fencing" / "recorded"
VERSIONS = sorted(path.name for path in RECORDED.iterdir())


def gated(cluster, **given):
    """mn1 is gone and mn2 lacks commits of it."""
    cluster.lose("mn1")
    cluster.gate("mn2", **given)


def primary_runs(cluster):
    cluster.gate("mn2", limit="still catching up with the primary on mn1")


def stuck_primary(cluster):
    primary_runs(cluster)
    cluster.nodes["mn1"] = "stuck"


def both_gated(cluster, mine, others, score="-INFINITY"):
    gated(cluster, end=mine)
    cluster.nodes["mn1"] = "online"
    cluster.attributes["mn1"] = {"xcat-db": "disconnected", "master-xcat-db": score}
    cluster.private["xcat-db-position", "mn1"] = others


def two_databases(cluster):
    both_gated(cluster, "3 100", "3 90")
    cluster.private["xcat-db-system", "mn1"] = "7"
    cluster.private["xcat-db-system", "mn2"] = "8"


def database_of_mn1(word, timeline=""):
    """mn1 is there, but its database does not run."""

    def change(cluster):
        gated(cluster)
        cluster.nodes["mn1"] = "online"
        cluster.attributes["mn1"] = {"xcat-db": word}
        cluster.private["xcat-db-timeline", "mn1"] = timeline

    return change


def nothing_missing(cluster):
    row = next(row for row in AGENTS_TABLE if row.name == "other database down")
    database_of_mn1("stopped", "3")(cluster)
    cluster.gate("mn2", limit=row.limit.format(peer="mn1", node="mn2"))


def failing(cluster):
    cluster.primary, cluster.group_role, cluster.group_node = ("Starting", "mn1"), "Stopped", ""
    cluster.failures = [("xcat-db_start_0", "mn1", "disk full")]


def unnoticed(cluster):
    cluster.lose("mn1", unclean=True)
    cluster.private.clear()


def no_fencing(cluster):
    cluster.lose("mn1")
    cluster.attributes["mn2"]["xcat-db-limit"] = "mn1 was lost and nothing is missing"
    cluster.options = 'stonith-enabled="false"'


def on_its_way(cluster):
    cluster.lose("mn1")
    cluster.primary = ("Promoting", "mn2")


def incomplete(cluster):
    cluster.lose("mn1")
    cluster.primary = ("Promoted", "mn2")


def moving(cluster):
    cluster.constraints, cluster.group_role = {"xcat-mn": "mn2"}, "Stopping"


def put(**values):
    def change(cluster):
        for name, value in values.items():
            setattr(cluster, name, value)

    return change


def shows(**pairs):
    named = {name.replace("_", "-"): value for name, value in pairs.items()}
    return lambda cluster: cluster.attributes["mn2"].update(named)


def state(word):
    return lambda cluster: cluster.nodes.update(mn2=word)


CASES = [
    ("mn3", False, lambda c: None, "no such node", "its nodes are mn1, mn2"),
    ("mn2", False, put(has_group=False), "no role", "`xcat-hamn configure`"),
    ("mn1", False, lambda c: None, "active", "mn1 is the management node already"),
    (
        "mn1",
        True,
        lambda c: c.lose("mn1", unclean=True),
        "the lost node itself",
        "`xcat-hamn takeover mn2` takes over from it",
    ),
    ("mn1", True, lambda c: c.lose("mn1"), "not there", "`pcs cluster start mn1`"),
    ("mn2", False, state("pending"), "joining", "wait until crm_mon shows it online"),
    ("mn2", False, state("stuck"), "cannot stop", "or take over on mn1"),
    ("mn2", False, put(quorum="false"), "no quorum", "`pcs quorum status`"),
    ("mn2", False, put(options='maintenance-mode="true"'), "not managed", "hands off"),
    ("mn2", True, put(group_flags='disabled="true"'), "stopped by hand", "resource enable xcat-mn"),
    ("mn2", False, state("kept"), "kept free", "`pcs node unstandby mn2`"),
    ("mn2", False, moving, "another move", "a move of xcat-mn to mn2 is under way"),
    ("mn2", False, on_its_way, "on its way", "the role is on its way to mn2"),
    ("mn2", True, incomplete, "incomplete", "`pcs resource cleanup`"),
    ("mn2", True, shows(xcat_db="preparing"), "preparing", "still being copied"),
    (
        "mn2",
        True,
        shows(xcat_db="diverged", master_xcat_db=""),
        "diverged, and not running",
        "`xcat-hamn rejoin mn2`",
    ),
    (
        "mn2",
        True,
        shows(xcat_db="stopped", master_xcat_db=""),
        "no database",
        "`pcs resource cleanup xcat-db`",
    ),
    ("mn2", False, shows(master_xcat_db=""), "not asked yet", "try again in some seconds"),
    ("mn2", False, failing, "the other keeps failing", "`pcs node standby mn1`"),
    ("mn2", False, unnoticed, "loss not noticed yet", "try again in some seconds"),
    ("mn2", False, no_fencing, "no fencing", "stonith-enabled is false"),
    ("mn2", True, lambda c: None, "ready, nothing to accept", "is not needed"),
    ("mn2", False, lambda c: c.lose("mn1"), "ready, the role runs nowhere", "runs nowhere"),
    ("mn2", False, lambda c: None, "ready", "is all it takes"),
    ("mn2", True, stuck_primary, "stuck primary", "`pcs stonith fence mn1`"),
    ("mn2", True, primary_runs, "primary runs", "nothing has to be lost"),
    ("mn2", True, two_databases, "foreign database", "hold two different databases"),
    (
        "mn2",
        True,
        database_of_mn1("failed"),
        "the other cannot be read",
        "`pcs stonith fence mn1`",
    ),
    (
        "mn2",
        True,
        lambda c: both_gated(c, "3 100", "3 100", score="950"),
        "the other can lead",
        "`xcat-hamn takeover mn1`",
    ),
    (
        "mn2",
        True,
        lambda c: both_gated(c, "3 100", "3 101"),
        "the other is newer",
        "let mn1 lead",
    ),
    ("mn2", False, nothing_missing, "nothing is missing", "takes over by this command"),
    ("mn2", True, lambda c: both_gated(c, "", "3 100"), "end not known", "not said yet how far"),
    ("mn2", False, gated, "not accepted", "the last commits of mn1 have not arrived here"),
    ("mn2", True, gated, "accepted", "takes over with the data that it has"),
]


@pytest.mark.parametrize(("node", "accepted", "change", "row", "sentence"), CASES)
def test_the_case_decides(cluster, node, accepted, change, row, sentence):
    change(cluster)
    verdict = judge(look(Pacemaker(cluster), node, accepted=accepted))
    assert verdict.row == row
    assert sentence in verdict.sentence
    assert "{" not in verdict.sentence


def test_every_row_has_its_case():
    assert [row.name for row in TABLE] == list(dict.fromkeys(case[3] for case in CASES))


def test_consent_is_possible_where_the_other_database_is_stopped_or_older(cluster):
    database_of_mn1("stopped", "3")(cluster)
    assert judge(look(Pacemaker(cluster), "mn2", accepted=True)).act is Act.CONSENT
    both_gated(cluster, "3 100", "2 900")
    assert judge(look(Pacemaker(cluster), "mn2", accepted=True)).act is Act.CONSENT


def test_the_agents_hint_at_this_tool_is_not_repeated_by_it(cluster):
    hinting = [row for row in AGENTS_TABLE if "be lost with" in row.limit]
    assert len(hinting) > 1
    for row in hinting:
        gated(cluster, limit=row.limit.format(peer="mn1", node="mn2"))
        sentence = judge(look(Pacemaker(cluster), "mn2")).sentence
        assert "takeover" not in sentence
        assert sentence.endswith((" mn1", " mn1 back"))


def test_the_lost_primary_does_not_hinder_its_standby(cluster):
    """It still counts as promoted, and the gate still waits, when the operator comes."""
    cluster.lose("mn1", unclean=True)
    cluster.gate("mn2")
    cluster.fencing = ["mn1"]
    assert judge(look(Pacemaker(cluster), "mn2", accepted=True)).act is Act.CONSENT
    cluster.attributes["mn2"]["master-xcat-db"] = "900"
    assert judge(look(Pacemaker(cluster), "mn2")).row == "ready"


# -- what is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "active", "holder", "busy", "unclean"),
    [
        ("healthy", "mn1", "mn1", False, ""),
        ("stopping", "", "mn1", True, ""),
        ("demoting", "", "", True, ""),
        ("promoting", "", "mn2", True, ""),
        ("starting", "", "mn2", True, ""),
        ("holder-lost", "mn1", "mn1", False, "mn1"),
        ("stuck", "mn1", "mn1", False, "mn1"),
    ],
)
def test_answers_of_real_clusters(version, name, active, holder, busy, unclean):
    status = read_status((RECORDED / version / f"{name}.xml").read_text())
    assert sorted(status.members) == ["mn1", "mn2"]
    assert (status.active_on(), status.holder(), status.busy()) == (active, holder, busy)
    assert "".join(name for name, one in status.members.items() if one.unclean) == unclean
    assert status.fencing == ((unclean,) if unclean else ())
    assert status.quorum and not status.maintenance and not status.stopped
    assert status.members["mn2"].score == "900" or name in ("promoting", "starting", "demoting")
    assert bool(status.failures) == (name == "stuck")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "moves"),
    [
        ("configuration", []),
        ("configuration-move", [("xcat-mn", "mn2")]),
        ("configuration-move-lifetime", [("xcat-mn", "mn1")]),
        ("configuration-ban", []),
    ],
)
def test_the_moves_that_a_configuration_holds(version, name, moves):
    text = (RECORDED / version / f"{name}.xml").read_text()
    assert list(moves_in(f"<cib>{text}</cib>")) == moves


def test_what_is_no_status_is_an_error():
    with pytest.raises(CommandFailed, match="no readable answer"):
        read_status("crm_mon: Error")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("3 50331648 1760000000 1759999990", End(3, 50331648, 1760000000, 1759999990)),
        ("3 50331648", End(3, 50331648)),
        ("", None),
        ("3", None),
        ("3 0/3000000", None),
        ("3 -1 0 0", None),
    ],
)
def test_the_end_of_the_data(text, end):
    assert read_end(text) == end


def test_positions_as_postgresql_writes_them():
    assert End(1, (0x16 << 32) + 0xB374D848).lsn == "16/B374D848"
    assert End(2, 1).newer_than(End(1, 2))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (250, "4 min 10 s"), (90061, "1 d 1 h")]
)
def test_durations_in_two_units(seconds, text):
    assert duration(seconds) == text
