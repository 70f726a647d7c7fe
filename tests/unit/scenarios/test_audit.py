"""The audits find each thing that must not be, and nothing in a cluster that is well."""

from __future__ import annotations

import dataclasses
import json
from xml.etree import ElementTree

import pytest
from scenariokit import audit
from scenariokit.audit import Failure, Findings

GOOD = Findings(
    on_wire={"10.11.0.10": ["02:01"], "fd11::10": ["02:01"], "dhcp": ["02:01"]},
    owners={"02:01": "mn1", "02:02": "mn2"},
    active="mn1",
    writable={"mn1": True, "mn2": False},
    processes={"mn1": [], "mn2": []},
    errors={"mn1": [], "mn2": []},
    acknowledged=7,
)


def complaints(**change):
    return list(audit.complaints(dataclasses.replace(GOOD, **change)))


def test_a_cluster_that_is_well_gives_no_complaint():
    assert complaints() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"on_wire": {"10.11.0.10": ["02:01", "02:02"]}},
            "mn1 and mn2 answers for the service address 10.11.0.10, and mn1 alone is to",
        ),
        ({"on_wire": {"fd11::10": []}}, "nobody answers for the service address fd11::10"),
        ({"on_wire": {"dhcp": ["02:02"]}}, "mn2 answers for DHCP"),
        ({"on_wire": {"dhcp": ["02:01", "02:ff"]}}, "mn1 and 02:ff answers for DHCP"),
        ({"writable": {"mn1": True, "mn2": True}}, "writable on mn1 and mn2"),
        ({"writable": {"mn1": False, "mn2": False}}, "writable on no node"),
        ({"writable": {"mn1": False, "mn2": True}}, "writable on mn2, and is to be on mn1"),
        ({"constraints": ["cli-prefer-xcat-mn"]}, "the constraint cli-prefer-xcat-mn"),
        ({"processes": {"mn2": ["psql 7: psql"]}}, "an agent has left a process on mn2: psql 7"),
        ({"errors": {"mn1": ["corosync: no"]}}, "an ERROR that the scenario does not name, on mn1"),
        ({"missing": {"cn1.1": [4, 5, 9]}}, "missing: 3 of the writer on cn1.1 (4 to 9)"),
    ],
)
def test_each_fault_is_a_complaint(change, sentence):
    (found,) = complaints(**change)
    assert sentence in found


def test_failures_need_a_name_in_the_scenario_and_a_reason():
    failed = Failure("mn1", "xcat-db", "monitor", "it hangs")
    found = dataclasses.replace(GOOD, failures=[failed])
    assert list(audit.complaints(found, (), ["xcat-db monitor"])) == []
    assert "does not name" in next(audit.complaints(found, (), ["xcat-db start"]))
    bare = dataclasses.replace(GOOD, failures=[dataclasses.replace(failed, reason="")])
    (sentence,) = audit.complaints(bare, (), [".*"])
    assert sentence.startswith("a failure has no exit reason: xcat-db monitor on mn1")


def test_a_power_device_may_fail_without_a_reason():
    """Its failures are Pacemaker's to report, not ours."""
    bare = dataclasses.replace(GOOD, failures=[Failure("mn2", "bmc-mn1", "start", "")])
    assert list(audit.complaints(bare, (), ["bmc-mn[12] .*"])) == []


def test_errors_that_the_scenario_names_are_none():
    lines = {"mn1": ["pacemaker-fenced: could not reach the BMC"]}
    found = dataclasses.replace(GOOD, errors=lines)
    assert list(audit.complaints(found, ["reach the BMC$"])) == []
    assert len(list(audit.complaints(found, ["^BMC"]))) == 1


def test_failed_actions_are_read_from_crm_mon():
    status = ElementTree.fromstring(
        '<pacemaker-result><failures><failure op_key="xcat-mnidentity_monitor_10000" node="mn2" '
        'exitreason="it is gone" task="monitor"/><failure op_key="xcat-db_promote_0" node="mn1" '
        'exitreason="" task="promote"/></failures></pacemaker-result>'
    )
    assert audit.failures(status) == [
        Failure("mn2", "xcat-mnidentity", "monitor", "it is gone"),
        Failure("mn1", "xcat-db", "promote", ""),
    ]


def test_only_what_moves_leave_counts_as_a_leftover_constraint():
    cib = (
        '<constraints><rsc_location id="cli-ban-xcat-mn-on-mn1" rsc="xcat-mn"/>'
        '<rsc_order id="xcat-db-then-mn"/></constraints>'
    )
    assert audit.constraints(cib) == ["cli-ban-xcat-mn-on-mn1"]


def entry(message, priority=3, speaker="pacemaker-fenced", when=100.0):
    return json.dumps(
        {
            "MESSAGE": message,
            "PRIORITY": str(priority),
            "SYSLOG_IDENTIFIER": speaker,
            "__REALTIME_TIMESTAMP": str(int(when * 1e6)),
        }
    )


def test_errors_are_those_of_cluster_and_agents_since_the_beginning():
    journal = [
        entry("old", when=99.0),
        entry("bad"),
        entry("a warning", priority=4),
        entry("no start", speaker="xcat-pgsql(xcat-db)"),
        entry("not ours", speaker="dhcpd"),
        entry([98, 97, 100], speaker="corosync"),
        "-- Boot 17 --",
        "{}",
    ]
    assert audit.errors(journal, 100.0) == [
        "pacemaker-fenced: bad",
        "xcat-pgsql(xcat-db): no start",
        "corosync: bad",
    ]


def test_a_commit_is_missing_when_it_was_acknowledged_and_is_not_there():
    acknowledged = {"cn1.1": [1, 2, 4], "mn1.2": [1], "mn2.3": []}
    there = ["cn1.1 1", "cn1.1 2", "cn1.1 3", "mn1.2 1", "old.9 5"]
    assert audit.missing(acknowledged, there) == {"cn1.1": [4]}
    assert audit.missing(acknowledged, []) == {"cn1.1": [1, 2, 4], "mn1.2": [1]}
    assert audit.missing({}, there) == {}
