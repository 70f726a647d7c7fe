"""What Pacemaker's tools say, as errors that a person can act on."""

from __future__ import annotations

import pytest
from xcat_hamn import errors
from xcat_hamn.cluster.pacemaker import ClusterUnreachable, Pacemaker
from xcat_hamn.cluster.simulate import Step, read_transition
from xcat_hamn.system.runner import Result


class Answers:
    """A runner that answers every command in one way."""

    def __init__(self, returncode, stdout="", stderr=""):
        self.result = (returncode, stdout, stderr)

    def run(self, argv, **options):
        return Result(argv, *self.result, 0.0)


@pytest.mark.parametrize(
    ("returncode", "kind", "sentence"),
    [
        (102, ClusterUnreachable, "start it with `pcs cluster start`"),
        (106, ClusterUnreachable, "has no quorum"),
        (4, errors.PermissionProblem, "run this as root"),
        (1, errors.CommandFailed, r"`cibadmin` ended with 1 \(boom\)"),
    ],
)
def test_an_exit_code_becomes_a_sentence(returncode, kind, sentence):
    with pytest.raises(kind, match=sentence):
        Pacemaker(Answers(returncode, stderr="boom\n")).query()


def test_a_simulation_that_says_nothing_is_an_error():
    with pytest.raises(errors.HamnError, match="no readable answer"):
        Pacemaker(Answers(0, "")).simulate("<cib/>")


def test_steps_are_read_in_order_with_clone_instances_under_one_name():
    transition = read_transition(
        """<pacemaker-result><transition>
        <rsc_action resource="xcat-db:0" op="monitor" node="mn1"/>
        <pseudo_action task="xcat-db-clone_start_0"/>
        <rsc_action resource="xcat-db:0" op="start" node="mn1"/>
        <fencing_action target="mn2" op="off"/>
        <cluster_action task="clear_failcount" node="mn1"/>
        <rsc_action resource="xcat-db:0" op="monitor" node="mn1" interval="10000"/>
        </transition></pacemaker-result>"""
    )
    assert list(transition.steps) == [
        Step("monitor", "xcat-db", "mn1"),
        Step("start", "xcat-db", "mn1"),
        Step("fence", "(off)", "mn2"),
        Step("monitor", "xcat-db", "mn1", 10000),
    ]
    assert transition.probed_nodes() == ["mn1"]
    assert [step.operation for step in transition.actions()] == ["start", "fence"]
