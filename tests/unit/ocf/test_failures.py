"""What the cluster remembers of a failed monitor tells a recovery from a move."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from xcat_hamn.agents.failures import Failures
from xcat_hamn.errors import CommandFailed


@pytest.fixture
def shown():
    """Give the attributes of the cluster, by name."""
    return {}


@pytest.fixture
def failures(tmp_path, shown):
    def published(name, node):
        assert node == "mn1"
        if isinstance(shown.get(name), Exception):
            raise shown[name]
        return shown.get(name)

    context = SimpleNamespace(run_directory=str(tmp_path), instance="xcat-db", interval=5000)
    attributes = SimpleNamespace(published=published)

    def make(interval=0):
        context.interval = interval
        return Failures(context, attributes, "mn1")

    return make


def test_a_failure_of_any_monitor_of_the_primary_counts_for_half_a_minute(failures, shown):
    failures(5000).note()
    failures(31000).note()
    assert not failures().lately()
    shown["last-failure-xcat-db#monitor_31000"] = f"{time.time() - 5:.0f}"
    assert failures().lately()
    shown["last-failure-xcat-db#monitor_31000"] = f"{time.time() - 60:.0f}"
    assert not failures().lately()


def test_the_standbys_monitors_do_not_count(failures, shown):
    failures(5000).note()
    shown["last-failure-xcat-db#monitor_7000"] = f"{time.time():.0f}"
    assert not failures().lately()


def test_a_cluster_that_does_not_answer_says_nothing(failures, shown):
    failures(5000).note()
    shown["last-failure-xcat-db#monitor_5000"] = CommandFailed("no answer: wait")
    assert not failures().lately()
