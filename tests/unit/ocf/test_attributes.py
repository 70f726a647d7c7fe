"""Attributes and scores: written on change, remembered only when the cluster took them."""

from __future__ import annotations

import os

import pytest
from xcat_hamn.cluster.attributes import GATED, Attributes
from xcat_hamn.errors import CommandTimeout, MissingTool
from xcat_hamn.ocf.context import Context
from xcat_hamn.system.runner import Result

RECURRING = {"OCF_RESKEY_CRM_meta_interval": "10000"}


class StandInRunner:
    """Remembers the commands; answers with ``answer`` or raises it."""

    def __init__(self):
        self.commands = []
        self.answer = Result(["x"], 0, "", "", 0.0)

    def run(self, argv, *, timeout, env=None):
        self.commands.append(list(argv))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Log:
    def __init__(self):
        self.warnings = []

    def warning(self, message):
        self.warnings.append(message)


@pytest.fixture
def cluster(tmp_path):
    class Cluster:
        runner, log = StandInRunner(), Log()

        def attributes(self, action="monitor", instance="r", **environ):
            environment = {"OCF_RESOURCE_INSTANCE": instance, **RECURRING, **environ}
            context = Context(action, environment, 20)
            context.run_directory = str(tmp_path / instance)
            return Attributes(context, self.runner, self.log)

        def commands(self):
            taken, self.runner.commands = self.runner.commands, []
            return taken

    return Cluster()


def test_an_unchanged_value_is_written_once(cluster):
    assert cluster.attributes().publish("xcat-mn", "active")
    assert cluster.commands() == [["attrd_updater", "--name", "xcat-mn", "--update=active"]]
    assert cluster.attributes().publish("xcat-mn", "active")
    assert cluster.commands() == []
    cluster.attributes().publish("xcat-mn", "warning")
    cluster.attributes().publish("xcat-mn", "")
    cluster.attributes().publish("xcat-mn", "")
    assert [command[-2:] for command in cluster.commands()] == [
        ["xcat-mn", "--update=warning"],
        ["xcat-mn", "--delete"],
    ]


def test_an_old_value_is_written_again(cluster, tmp_path):
    cluster.attributes().publish("xcat-mn", "active")
    cluster.commands()
    (memory,) = (tmp_path / "r").iterdir()
    os.utime(memory, (1, 1))
    cluster.attributes().publish("xcat-mn", "active")
    assert len(cluster.commands()) == 1


@pytest.mark.parametrize("action", ["start", "stop", "promote", "demote", "monitor"])
def test_role_changes_and_probes_always_write(cluster, action):
    cluster.attributes().publish("xcat-mn", "active")
    cluster.commands()
    environ = {"OCF_RESKEY_CRM_meta_interval": "0"} if action == "monitor" else {}
    cluster.attributes(action, **environ).publish("xcat-mn", "active")
    assert len(cluster.commands()) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Result(["x"], 1, "", "Could not connect\n", 0.0),
        MissingTool("no tool"),
        CommandTimeout("hangs"),
    ],
)
def test_what_the_cluster_did_not_take_is_written_again(cluster, answer):
    good = cluster.runner.answer
    cluster.runner.answer = answer
    assert cluster.attributes().publish("xcat-mn", "active") is False
    assert cluster.attributes().score("100") is False
    assert len(cluster.log.warnings) == 2
    cluster.runner.answer = good
    cluster.commands()
    assert cluster.attributes().publish("xcat-mn", "active")
    assert cluster.attributes().score("100")
    assert len(cluster.commands()) == 2


def test_only_declared_words_reach_the_cluster(cluster):
    with pytest.raises(KeyError):
        cluster.attributes().publish("xcat-mn", "whatever")
    with pytest.raises(KeyError):
        cluster.attributes().publish("xcat-else", "active")
    assert cluster.commands() == []


def test_scores_are_written_on_change(cluster):
    for score in (GATED, GATED, "100"):
        cluster.attributes(instance="db").score(score)
    assert cluster.commands() == [
        ["crm_attribute", "--promotion", "db", "--update=-INFINITY"],
        ["crm_attribute", "--promotion", "db", "--update=100"],
    ]


def test_instances_remember_apart(cluster):
    cluster.attributes(instance="one").publish("xcat-mn", "active")
    cluster.attributes(instance="two").publish("xcat-mn", "active")
    assert len(cluster.commands()) == 2


def test_reading_picks_the_node_and_the_name(cluster):
    cluster.runner.answer = Result(
        ["x"],
        0,
        'name="xcat-mn" host="mn10" value="warning"\nname="xcat-mn" host="mn1" value="active"\n',
        "",
        0.0,
    )
    assert cluster.attributes().published("xcat-mn", "mn1") == "active"
    assert cluster.attributes().published("xcat-mn", "mn2") is None


def test_all_nodes_are_asked_at_once(cluster):
    said = 'name="db-x" host="mn1" value="1"\nname="db-x" host="mn2" value=""\n'
    cluster.runner.answer = Result(["x"], 0, said, "", 0.0)
    assert cluster.attributes(instance="db").shared_by_all("x") == {"mn1": "1"}
