"""A pair of nodes with the Db2 stand-in, and xcat-db2hadr on them as Pacemaker calls it.

No real Db2 is run here: see tests/lab/db2/README.md for what the stand-in keeps of it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from database_machine import TOOLS
from db2_machine import ADDRESSES, CLUSTER_TOOLS, SCALE, Db2Machine, make_pair
from machines import addresses, join, wait_until
from stage import Stage

NEEDS = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: makes namespaces"),
    pytest.mark.skipif(
        not all(os.path.exists(tool) for tool in (*TOOLS, *CLUSTER_TOOLS)),
        reason="needs pacemaker-cli-utils",
    ),
]
RECURRING = {"OCF_RESKEY_CRM_meta_interval": "5000"}
NODES = " ".join(f"{name}={address}" for name, address in ADDRESSES.items())
STATUS = """<pacemaker-result><nodes>
<node name="mn1" online="{mn1}" unclean="{unclean}" pending="false"/>
<node name="mn2" online="true" unclean="false" pending="false"/>
</nodes><cluster_options stonith-enabled="true"/></pacemaker-result>"""
FORBIDDEN = ("STOP HADR", "ROLLFORWARD")


class Agent:
    """xcat-db2hadr on one machine."""

    def __init__(self, path: str, machine: Db2Machine) -> None:
        self.path = path
        self.machine = machine
        self.parameters = {"instance": "xcatdb", "database": "xcatdb", "nodes": NODES}

    def __call__(self, action: str, **environ: str):
        more = {**(RECURRING if action == "monitor" else {}), **environ}
        more.setdefault("OCF_RESKEY_CRM_meta_timeout", "30000")
        return self.machine.act(self.path, action, self.parameters, **more)

    def probe(self):
        return self.machine.act(self.path, "monitor", self.parameters)

    def ok(self, *actions: str) -> None:
        """Perform `actions`, all of which must succeed."""
        for action in actions:
            outcome = self(action)
            assert outcome.code == 0, (action, outcome)

    @property
    def word(self) -> str:
        return self.machine.shown("xcat-db")

    @property
    def limit(self) -> str:
        return self.machine.shown("xcat-db-limit")


@contextlib.contextmanager
def two_nodes(
    stage: Stage, release: str = "11.5", mode: str = "NEARSYNC"
) -> Iterator[tuple[Agent, Agent]]:
    """Give two nodes with roles PRIMARY and STANDBY on disk, whose instances are stopped."""
    with tempfile.TemporaryDirectory(prefix="xcat-hamn-attributes.") as directory:
        os.chmod(directory, 0o755)
        machines: list[Db2Machine] = []
        try:
            for name in ADDRESSES:
                machines.append(Db2Machine(Path(directory), name))
            join(*machines)
            for machine in machines:
                addresses(machine, f"{ADDRESSES[machine.name]}/24")
                machine.settings(scale=SCALE, release=release)
            make_pair(*machines, mode)
            one, two = (Agent(stage.agent("xcat-db2hadr"), machine) for machine in machines)
            nodes(one, "true", "false")
            yield one, two
            for machine in machines:
                asked = " ".join(machine.asked()[setup_length(machine) :]).upper()
                assert not [word for word in FORBIDDEN if word in asked]
        finally:
            for machine in machines:
                machine.close()


def run_pair(pair: tuple[Agent, Agent]) -> None:
    """Make a primary on mn1 and its standby in PEER on mn2."""
    one, two = pair
    one.ok("start")
    two.ok("start")
    assert (one("monitor").code, two("monitor").code) == (0, 0)
    assert one.machine.score == "950"
    one.ok("promote")
    settle(one, two)


def setup_length(machine: Db2Machine) -> int:
    """Return how many commands came before the agent's: it begins behind the first db2stop."""
    return next(i for i, line in enumerate(machine.asked()) if "db2stop force" in line) + 1


def nodes(agent: Agent, mn1: str, unclean: str) -> None:
    """Let the cluster say what became of mn1."""
    path = agent.machine.store / "crm_mon.xml"
    path.write_text(STATUS.format(mn1=mn1, unclean=unclean))


def settle(primary: Agent, standby: Agent) -> None:
    def settled() -> bool:
        codes = (primary("monitor").code, standby("monitor").code)
        return codes == (8, 0) and (primary.word, standby.word) == ("primary", "standby")

    wait_until(settled, "a pair in PEER", 30)


def die(agent: Agent) -> None:
    """Let a node lose its power: its processes and its attributes are gone."""
    store, name = agent.machine.store, agent.machine.name
    for path in store.glob(f"*@{name}"):
        path.unlink()
    agent.machine.crash()
