"""ClusterLabs/resource-agents#2043: an automatic forced takeover that lost acknowledged commits.

The standby had lost touch with the primary, which went on alone, as it must; then the primary was
fenced, and the cluster promoted the standby with its old data. Here the same happens, and the gate,
the standby's promotion score, keeps it from being promoted, whoever asks.

The second test takes the gate out on the standby and finds the commits lost: it proves that the
first one would fail without the gate, and that the writers notice. To see the first one fail,
set NO_GATE=1 in the environment of the test run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
from labkit import Node
from scenariokit import audit, plan
from scenariokit.plan import Step
from scenariokit.play import perform, play
from scenariokit.stage import Stage

pytestmark = pytest.mark.lab

MODULE = "/usr/share/xcat-hamn/python/xcat_hamn/database/{}/decision.py"
#: Database -> what is added to that module.
NO_GATE = {
    "postgresql": """

def _without_gate(judged):
    def judge(view):
        found = judged(view)
        return Verdict(found.row, found.word, STANDBY_SCORE, "") if found.score == GATED else found

    return judge


judge, judge_promotion = _without_gate(judge), _without_gate(judge_promotion)
""",
    "db2": """
from xcat_hamn.database.db2 import rows as _rows


def _without_gate(judged):
    def judge(view):
        found = judged(view)
        if found.promotable or view.role != hadr.STANDBY:
            return found
        return Verdict(found.row, found.word, _rows.STANDBY_SCORE, _rows.FORCE, "")

    return judge


judge, judge_promotion = _without_gate(judge), _without_gate(judge_promotion)
""",
}

#: mn2 loses touch, mn1 goes on without it, is lost, and is proven to be off.
STORY = [
    {"freeze": "receiver", "on": "mn2"},
    {"attribute": "xcat-db", "of": "mn1", "is": "primary-alone", "within": 150},
    {"writes": "cn1", "within": 30},
    {"crash": "mn1"},
    {"lost": "mn1", "on": "mn2"},
    {"thaw": "receiver", "on": "mn2"},
    {"type": "pcs stonith fence mn1 --off", "on": "mn2"},
]


def scenario(name: str, more: list[dict[str, object]], ends: str) -> plan.Plan:
    table = {
        "name": name,
        "shows": "A standby without the last commits is not promoted when the primary is fenced.",
        "steps": [*STORY, *more],
        "ends": ends,
    }
    return plan.parse({"scenario": [table]}, __file__)[0]


@contextlib.contextmanager
def without_gate(node: Node, database: str) -> Iterator[None]:
    """Let every database on a node be promoted that the gate would hold."""
    module = MODULE.format(database)
    whole = node.get(module)
    node.put(module, whole + NO_GATE[database])
    try:
        yield
    finally:
        node.put(module, whole)


def test_a_forced_takeover_loses_no_acknowledged_commit(stage: Stage) -> None:
    refused = [
        {"pause": 10},
        {"attribute": "xcat-db", "of": "mn2", "is": "^(disconnected|standby)$"},
        {"move": "mn2", "on": "mn2", "refused": "."},
        {"boot": "mn1"},
        {"role": "mn1", "within": 120},
    ]
    told = scenario("resource-agents-2043", refused, "mn1")
    with contextlib.ExitStack() as patched:
        if os.environ.get("NO_GATE"):
            for name in ("mn1", "mn2"):
                node, database = stage.world.node(name), stage.world.database.name
                patched.enter_context(without_gate(node, database))
        outcome = play(stage, told)
        stage.lab.mend()  # the patch can be taken back on a node that is on
    assert outcome.passed, "\n".join(outcome.complaints)


def test_without_the_gate_it_loses_acknowledged_commits(stage: Stage) -> None:
    active = stage.restore()
    told = scenario("resource-agents-2043-without-gate", [], "any")
    told = told if active == "mn1" else told.exchanged()
    standby = stage.world.other(active)
    with without_gate(stage.world.node(standby), stage.world.database.name):
        for step in told.steps:
            perform(stage, step)
        perform(stage, Step("role", standby, {"within": 60}))
    acknowledged = stage.writers.acknowledged()
    rows = stage.world.sql(standby, "SELECT writer || ' ' || number FROM acknowledged")
    lost = audit.missing(acknowledged, rows.splitlines())
    stage.writers.report(lost)
    assert lost, "without the gate nothing was lost: the test above proves nothing"
