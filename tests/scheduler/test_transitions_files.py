"""The copy of files beside the database: where its source is, when, and what it never disturbs."""

from __future__ import annotations

import pytest
from order import GROUP, all_on, done, starts, stops, where
from paper_site import ENGINES, SITE
from xcat_hamn.cluster import cib, fragments
from xcat_hamn.cluster.site import read_site


@pytest.fixture()
def copying(paper):
    """Return a maker of clusters in which mn1 holds the role, is the source, and mn2 follows."""

    def make(**site):
        cluster = paper(files="yes", **site)
        cluster.run()
        cluster.files("mn1", "mn2")
        if site.get("engine") != "none":
            cluster.scores(mn1="1000", mn2="100")
        cluster.run()
        return cluster

    return make


def source(transition):
    return [n for n, role in transition.placement["xcat-files"] if role == "Promoted"]


def takeover(old, new):
    return [
        *stops(old),
        ("demote", "xcat-files", old),
        ("demote", "xcat-db", old),
        ("promote", "xcat-db", new),
        ("promote", "xcat-files", new),
        *starts(new),
    ]


def test_first_start_with_files(paper, golden):
    cluster = paper(files="yes")
    everywhere = cluster.run()
    started = [("start", r, n) for r in ("xcat-db", "xcat-files") for n in ("mn1", "mn2")]
    assert sorted(done(everywhere)) == started
    cluster.files("mn1", "mn2")
    assert done(cluster.copy().run()) == []  # both wait for the database
    cluster.scores(mn1="1000", mn2="100")
    role = cluster.run()
    assert done(role) == [
        ("promote", "xcat-db", "mn1"),
        ("promote", "xcat-files", "mn1"),
        *starts("mn1"),
    ]
    assert done(cluster.run()) == []
    golden(databases_and_files=everywhere, the_role=role)


@pytest.mark.parametrize("failover", ["manual", "automatic"])
def test_move_with_files_there_and_back(copying, golden, failover):
    cluster = copying(failover=failover)
    cluster.prefer("mn2")
    there = cluster.run()
    assert done(there) == takeover("mn1", "mn2")
    assert (where(there), source(there)) == (all_on("mn2"), ["mn2"])
    cluster.scores(mn1="100", mn2="1000")
    cluster.forget_preference()
    assert done(cluster.run()) == []
    cluster.prefer("mn1")
    back = cluster.run()
    assert done(back) == takeover("mn2", "mn1")
    golden(move_to_mn2=there, move_to_mn1=back)


def test_lost_primary_with_files(copying, golden):
    lost = copying(power=True).run("--node-fail", "mn1")
    assert done(lost) == [
        ("fence", "(off)", "mn1"),
        ("promote", "xcat-db", "mn2"),
        ("promote", "xcat-files", "mn2"),
        *starts("mn2"),
    ]
    golden(takeover=lost)


def test_a_copy_that_fails_touches_neither_the_database_nor_the_services(copying):
    """Its own monitor repairs it; one that reports a failure, or comes too late, is not heeded."""
    for code in ("1", "7", "9"):
        for _again in range(4):
            cluster = copying()
            after = cluster.run("--op-inject", f"xcat-files_monitor_10000@mn1={code}")
            assert done(after) == [], code
            assert (where(after), source(after)) == (all_on("mn1"), ["mn1"])


def test_a_degraded_copy_stays_as_it_is(copying):
    cluster = copying()
    assert done(cluster.run("--op-inject", "xcat-files_monitor_10000@mn1=191")) == []


def test_a_replica_that_fails_is_recovered_alone(copying):
    recovery = copying().run("--op-inject", "xcat-files_monitor_13000@mn2=1")
    assert done(recovery) == [("stop", "xcat-files", "mn2"), ("start", "xcat-files", "mn2")]


def test_a_copy_that_cannot_be_promoted_keeps_the_services_back_and_the_database_where_it_is(
    copying,
):
    cluster = copying()
    cluster.prefer("mn2")
    held = cluster.run(failing=("--op-fail", "xcat-files_promote_0@mn2=1"))
    assert [step for step in done(held) if step[0] == "start" and step[1] in GROUP] == []
    cluster.scores(mn1="100", mn2="1000")
    recovery = cluster.run()
    assert {step[1] for step in done(recovery)} == {"xcat-files"}
    again = cluster.run()
    assert done(again) == [("promote", "xcat-files", "mn2"), *starts("mn2")]
    assert (where(again), source(again)) == (all_on("mn2"), ["mn2"])


def test_a_database_that_is_recovered_where_it_is_leaves_the_copy_alone(copying, golden):
    recovery = copying().run("--op-inject", "xcat-db_monitor_5000@mn1=9")
    assert where(recovery) == all_on("mn1")
    assert [step for step in done(recovery) if step[1] == "xcat-files"] == []
    golden(recovery=recovery)


def test_failing_service_leaves_the_copy_alone(copying):
    recovery = copying().run("--op-inject", "xcat-xcatd_monitor_10000@mn1=7")
    assert [step for step in done(recovery) if step[1] == "xcat-files"] == []


@pytest.mark.parametrize("loss", ["--node-down", "--node-fail"])
def test_lost_replica(copying, loss):
    lost = copying(power=True).run(loss, "mn2")
    assert [step for step in done(lost) if step[2] == "mn1"] == []


def test_files_without_a_database_in_the_cluster(copying, golden):
    """The source is where the group is."""
    cluster = copying(engine="none")
    assert cluster.run().placement["xcat-mnidentity"] == (("mn1", "Started"),)
    cluster.prefer("mn2")
    move = cluster.run()
    assert done(move) == [
        *stops("mn1"),
        ("demote", "xcat-files", "mn1"),
        ("promote", "xcat-files", "mn2"),
        *starts("mn2"),
    ]
    golden(move_to_mn2=move)


@pytest.mark.parametrize("engine", ["postgresql", "none"])
def test_switching_the_copy_on_and_off_leaves_the_services_alone(paper, engine):
    cluster = paper(engine=engine)
    cluster.run()
    cluster.scores(mn1="1000", mn2="100")
    cluster.run()
    keys = {"engine": engine, "keys": ENGINES.get(engine, ""), "devices": "none"}

    def configure(files):
        text = SITE.format(failover="manual", files=files, **keys)
        directory = fragments.directory()
        filled = fragments.fragments_of(read_site(text), directory)
        cluster.cib = cib.merge(cluster.cib, filled, fragments.owned_ids(directory))

    configure("yes")
    assert {step[1] for step in done(cluster.run())} == {"xcat-files"}
    cluster.files("mn1", "mn2")
    cluster.run()
    assert source(cluster.run()) == ["mn1"]
    configure("no")
    assert {step[1] for step in done(cluster.run())} <= {"xcat-files"}


def test_a_copy_that_is_disabled_leaves_the_services_alone(copying):
    cluster = copying()
    meta = cluster.cib.find(".//clone[@id='xcat-files-clone']/meta_attributes")
    nvpair = dict(id="files-off", name="target-role", value="Stopped")  # noqa: C408
    meta.append(meta[0].__copy__())
    meta[-1].attrib.update(nvpair)
    stopped = cluster.run()
    assert {step[1] for step in done(stopped)} == {"xcat-files"}
    assert where(stopped) == all_on("mn1")
