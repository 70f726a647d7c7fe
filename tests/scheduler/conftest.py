"""A cluster on paper: the configuration that we generate, a status, and crm_simulate.

Nothing runs.  Each transition is simulated by the Pacemaker of this machine, and what it leaves is
the status that the next one begins with.  What the agents would report meanwhile (promotion
scores) is put into the status by the test.
"""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path

import pytest
from lxml import etree
from xcat_hamn.cluster import cib, fragments
from xcat_hamn.cluster.simulate import read_transition
from xcat_hamn.cluster.site import read_site
from xcat_hamn.system.runner import Runner

sys.path.insert(0, str(Path(__file__).parent))

from paper_site import ENGINES, SITE

GOLDEN = Path(__file__).parent / "golden"
#: Two nodes that are up and have reported nothing yet.
CIB = """\
<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0"
     admin_epoch="0" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config/>
    <nodes><node id="1" uname="mn1"/><node id="2" uname="mn2"/></nodes>
    <resources/>
    <constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="mn1" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="2" uname="mn2" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>
"""
BMCS = tuple(
    f'<primitive id="bmc-{node}" class="stonith" type="fence_ipmilan"/>' for node in ("mn1", "mn2")
)
#: As [fencing] devices of the site file.
POWER = "mn1=bmc-mn1 mn2=bmc-mn2"
#: Where they run means nothing: the surviving node uses them, started there or not.
FENCE_DEVICES = ("xcat-gate-standby", "xcat-gate", "bmc-mn1", "bmc-mn2")
#: What a primary and a standby that may be promoted report; the gate of one that may not.
PRIMARY, STANDBY, GATED = "1000", "100", "-INFINITY"


class PaperCluster:
    """A CIB, and the transitions that crm_simulate makes of it."""

    def __init__(
        self,
        directory,
        failover="manual",
        engine="postgresql",
        devices="none",
        power=False,
        files="no",
    ):
        devices = POWER if power else devices
        text = SITE.format(
            failover=failover,
            engine=engine,
            keys=ENGINES.get(engine, ""),
            devices=devices,
            files=files,
        )
        where = fragments.directory()
        live = cib.parse(CIB)
        if devices != "none":
            resources = live.find("configuration/resources")
            resources.extend(etree.fromstring(bmc) for bmc in BMCS)
        filled = fragments.fragments_of(read_site(text), where)
        self._directory = directory
        self.cib = cib.merge(live, filled, fragments.owned_ids(where))

    def copy(self):
        """Return a cluster in the same state, to try something else on."""
        other = copy.copy(self)
        other.cib = copy.deepcopy(self.cib)
        return other

    def scores(self, **by_node):
        """Set the promotion scores that the database agents report."""
        for node, score in by_node.items():
            self.attribute(node, "master-xcat-db", score)

    def files(self, *nodes):
        """Set the promotion scores that xcat-filesync reports: the same on every node."""
        for node in nodes:
            self.attribute(node, "master-xcat-files", "10")

    def attribute(self, node, name, value):
        (state,) = self.cib.xpath(f"status/node_state[@uname='{node}']")
        found = state.find("transient_attributes/instance_attributes")
        if found is None:
            found = etree.SubElement(
                etree.SubElement(state, "transient_attributes", id=state.get("id")),
                "instance_attributes",
                id=f"status-{state.get('id')}",
            )
        for nvpair in found.xpath(f"nvpair[@name='{name}']"):
            found.remove(nvpair)
        etree.SubElement(found, "nvpair", id=f"{name}-{node}", name=name, value=value)

    def prefer(self, node):
        """Ask for a move as `pcs resource move xcat-mn NODE` does."""
        etree.SubElement(
            self.cib.find("configuration/constraints"),
            "rsc_location",
            id="cli-prefer-xcat-mn",
            rsc="xcat-mn",
            role="Started",
            node=node,
            score="INFINITY",
        )

    def forget_preference(self):
        """Take the constraint back as pcs does once the move is done."""
        (constraint,) = self.cib.xpath("//rsc_location[@id='cli-prefer-xcat-mn']")
        constraint.getparent().remove(constraint)

    def run(self, *events, failing=()):
        """Simulate one transition after ``events`` and go on from what it leaves.

        ``events`` are options of crm_simulate that change the status, ``failing`` those that let
        actions fail.  They take two calls: with an event, the XML output of Pacemaker 3.0.0 ends
        before the transition.
        """
        if events:
            self._simulate("--save-input", events)
        return read_transition(
            self._simulate("--save-output", ("--simulate", "--output-as=xml", *failing))
        )

    def _simulate(self, save, options):
        before, after = self._directory / "before.xml", self._directory / "after.xml"
        before.write_text(cib.serialize(self.cib))
        argv = ["crm_simulate", "--xml-file", str(before), save, str(after), *options]
        result = Runner().run(argv, limit=1 << 24)
        assert result.ok, result.stderr
        self.cib = cib.parse(after.read_text())
        return result.stdout

    def fail_start_for_good(self, resource, node, attempts, code=1):
        """Let ``resource`` fail, and each of ``attempts`` starts of it end with ``code``."""
        events = ["--op-inject", f"{resource}_monitor_10000@{node}=7"]
        for _attempt in range(attempts):
            transition = self.run(
                *events, failing=("--op-fail", f"{resource}_start_0@{node}={code}")
            )
            events = []
        return transition


@pytest.fixture()
def paper(tmp_path):
    """Return a maker of clusters on paper."""
    return lambda **site: PaperCluster(tmp_path, **site)


@pytest.fixture()
def running(paper):
    """Return a maker of clusters in which mn1 holds the role and mn2 is a good standby."""

    def make(**site):
        cluster = paper(**site)
        cluster.run()
        cluster.scores(mn1=PRIMARY, mn2=STANDBY)
        cluster.run()
        return cluster

    return make


@pytest.fixture()
def golden(request):
    """Compare transitions with this test's golden file, one for all its parameters.

    UPDATE_GOLDEN=1 accepts what there is.
    """

    def check(**transitions):
        text = "\n".join(_summary(name, found) for name, found in transitions.items())
        path = GOLDEN / f"{request.node.originalname.removeprefix('test_')}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(text)
        assert text == path.read_text()

    return check


def _summary(name, transition):
    lines = [f"# {name.replace('_', ' ')}"]
    lines += [
        f"{s.operation:8} {s.resource:16} {s.node}"
        for s in transition.actions()
        if s.resource not in FENCE_DEVICES
    ]
    for resource, places in transition.placement.items():
        if resource in FENCE_DEVICES:
            continue
        lines.append(f"= {resource:15} " + ", ".join(f"{role} on {node}" for node, role in places))
    return "\n".join(lines) + "\n"
