"""A site file, and a saved CIB that Pacemaker's own tools read and patch through CIB_file."""

from __future__ import annotations

import re

import pytest
from xcat_hamn.cluster.fragments import directory
from xcat_hamn.cluster.pacemaker import Pacemaker
from xcat_hamn.system.runner import Runner

SITE = """\
[cluster]
nodes = mn1=10.11.0.11 mn2=10.11.0.12
[identity]
addresses = 10.11.0.10/24@eth0 fd11::10/64@eth0
[database]
engine = postgresql
pgdata = /var/lib/postgresql/15/main
[fencing]
devices = none
"""

#: As pcs leaves it after `pcs cluster setup`, with a resource and a property of somebody else's.
CIB = """\
<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="7" num_updates="3"
     admin_epoch="0" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-cluster-name" name="cluster-name" value="xcat"/>
        <nvpair id="their-own-id" name="stonith-enabled" value="true"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="1" uname="mn1"/>
      <node id="2" uname="mn2"/>
    </nodes>
    <resources>
      <!-- a comment of the administrator -->
      <primitive id="theirs" class="ocf" provider="pacemaker" type="Dummy"/>
    </resources>
    <constraints>
      <rsc_location id="theirs-on-mn1" rsc="theirs" node="mn1" score="10"/>
    </constraints>
  </configuration>
  <status>
    <node_state id="1" uname="mn1" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="2" uname="mn2" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>
"""


class SavedCluster:
    """A cluster that is only a file; ``before_patch`` runs just before each change."""

    def __init__(self, path):
        self.path = path
        self.before_patch = []
        self.patches = 0
        path.write_text(CIB)

    def text(self):
        return self.path.read_text()

    def edit(self, old, new):
        """Change the file as another administrator would: with the next epoch."""
        text = self.text()
        assert old in text
        epoch = int(re.search(r' epoch="(\d+)"', text).group(1))
        text = text.replace(f' epoch="{epoch}"', f' epoch="{epoch + 1}"')
        self.path.write_text(text.replace(old, new))

    def run(self, argv, **options):
        if argv[:2] == ["cibadmin", "--patch"]:
            self.patches += 1
            if self.before_patch:
                self.before_patch.pop(0)()
        return Runner().run(argv, **options)

    @property
    def pacemaker(self):
        return Pacemaker(self, {"CIB_file": str(self.path)})


@pytest.fixture()
def cluster(tmp_path):
    return SavedCluster(tmp_path / "cib.xml")


@pytest.fixture()
def site_text():
    return SITE


@pytest.fixture()
def cib_text():
    return CIB


@pytest.fixture()
def constraints():
    return directory()
