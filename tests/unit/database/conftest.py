"""Settings and stand-ins of the tests of PostgreSQL's domain code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from postgresql_standins import World

# A loaded machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture
def world(tmp_path):
    """Give two nodes with a cluster between them, all of it in memory but the claim files."""
    return World(tmp_path)
