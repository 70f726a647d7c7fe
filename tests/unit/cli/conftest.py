"""Fixtures of the tests of xcat-hamn."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from xcat_hamn.cli import explain, status, takeover
from xcat_hamn.takeover.moving import Patience

sys.path.insert(0, str(Path(__file__).parent))

from cluster_standins import StandInCluster


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    """Return a stand-in for the cluster, which the verbs find in place of the real one."""
    made = StandInCluster()
    quick = Patience(
        whole=2.0, still=0.5, consent=0.3, notice=0.2, clear=0.5, settle=0.0, every=0.01
    )
    for verb in (takeover, status, explain):
        monkeypatch.setattr(verb, "Runner", lambda: made)
    monkeypatch.setattr(status, "UNDER", str(tmp_path))
    monkeypatch.setattr(takeover, "Foreground", made.start)
    monkeypatch.setattr(takeover, "Patience", lambda: quick)
    return made
