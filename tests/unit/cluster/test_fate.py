"""What counts as proof that a node is down, on recorded answers of Pacemaker 2.1.5 and 3.0.0."""

from __future__ import annotations

from pathlib import Path

import pytest
from xcat_hamn import errors
from xcat_hamn.cluster import fate

RECORDED = Path(__file__).parents[1] / "fencing" / "recorded"
STATUS = (
    '<pacemaker-result><summary><cluster_options stonith-enabled="{fencing}"/></summary><nodes>'
    '<node name="mn1" online="true" pending="false" unclean="false"/>'
    '<node name="mn2" online="{online}" pending="{pending}" unclean="{unclean}"/>'
    "</nodes></pacemaker-result>"
)


def said(fencing="true", online="false", pending="false", unclean="false", node="mn2"):
    text = STATUS.format(fencing=fencing, online=online, pending=pending, unclean=unclean)
    return fate.fate(text, node)


def test_offline_and_clean_is_proof():
    assert said() == fate.DOWN


@pytest.mark.parametrize(
    ("what", "is_"),
    [
        ({"fencing": "false"}, fate.LOST),
        ({"online": "true"}, fate.MEMBER),
        ({"pending": "true"}, fate.MEMBER),
        ({"unclean": "true"}, fate.LOST),
        ({"online": "true", "unclean": "true"}, fate.MEMBER),
        ({"node": "mn3"}, fate.UNKNOWN),
    ],
)
def test_nothing_else_is(what, is_):
    """Without fencing Pacemaker calls every lost node clean."""
    assert said(**what) == is_


@pytest.mark.parametrize("version", ["2.1.5", "3.0.0"])
def test_a_node_that_vanished_is_not_proven_down(version):
    status = (RECORDED / version / "holder-cut-seen-by-the-standby.xml").read_text()
    assert (fate.fate(status, "mn1"), fate.fate(status, "mn2")) == (fate.LOST, fate.MEMBER)


def test_an_answer_that_is_none():
    with pytest.raises(errors.CommandFailed, match="no readable answer"):
        fate.fate("crm_mon: Error: cluster is not available", "mn1")
