"""One row per case: what is seen, what it means, what a person reads."""

from __future__ import annotations

import pytest
from xcat_hamn.errors import HamnError, NodeError
from xcat_hamn.identity.addresses import packed, parse, parse_one
from xcat_hamn.identity.judgment import (
    FAILED,
    RUNNING,
    STOPPED,
    Observation,
    facing,
    facing_problem,
    judge,
    refusal,
    subnet_problem,
)
from xcat_hamn.identity.network import Held, Link, Snapshot

V4, V6 = "10.11.0.10/24@eth0", "fd11::10/64@eth1"
BOTH = f"{V4} {V6}"


def held(text, **flags):
    one = parse_one(text)
    return Held(one.address, one.prefix, one.interface, **flags)


def snapshot(have="", *, eth0="up", eth1="up", more=()):
    links = [Link("lo", up=True, carrier=True, askable=False)]
    for name, state in (("eth0", eth0), ("eth1", eth1)):
        if state != "gone":
            links.append(Link(name, up=state != "down", carrier=state == "up"))
    return Snapshot(links, [*(held(word) for word in have.split()), *more])


def observed(have="", *, started=True, name="", wanted_name="", **state):
    return Observation(
        parse(BOTH), snapshot(have, **state), started=started, name=name, wanted_name=wanted_name
    )


NAMED = {"name": "mn", "wanted_name": "mn"}


@pytest.mark.parametrize(
    ("seen", "state", "words"),
    [
        # Cleanly not here.
        (observed(started=False), STOPPED, "none of the service addresses"),
        (observed(started=False, eth0="gone"), STOPPED, "none"),
        (observed(started=False, eth0="down"), STOPPED, "none"),
        (observed(started=False, name="mn1", wanted_name="mn"), STOPPED, "none"),
        # Another prefix or interface is not this resource's address.
        (observed("10.11.0.10/16@eth0 10.11.0.10/24@eth1", started=False), STOPPED, "none"),
        # All were removed by somebody else: a start repairs it.
        (observed(started=True), STOPPED, "behind the cluster's back"),
        (observed(started=True, name="mn1", wanted_name="mn"), STOPPED, "behind"),
        # Half there.
        (observed(started=True, **NAMED), FAILED, "still called mn"),
        (observed(started=True, eth0="gone"), FAILED, "eth0"),
        (observed(V6, eth0="gone"), FAILED, "interface eth0"),
        (observed(V4, started=False), FAILED, "fd11::10/64 is not on eth1"),
        (observed(V6), FAILED, "10.11.0.10/24 is not on eth0"),
        # The cause is told before its consequence.
        (observed(V4, eth1="down"), FAILED, "eth1, which fd11::10 belongs on, is switched off"),
        (observed(BOTH, eth0="no carrier"), FAILED, "eth0, which 10.11.0.10 belongs on, has no"),
        (observed(BOTH, name="mn1", wanted_name="mn"), FAILED, '"mn1" and not "mn"'),
        # Here.
        (observed(BOTH), RUNNING, "holds the identity"),
        (observed(BOTH, started=False), RUNNING, "holds"),
        (observed(BOTH, name="other"), RUNNING, "holds"),
        (observed(BOTH, **NAMED), RUNNING, "holds"),
    ],
)
def test_what_is_seen_and_what_it_means(seen, state, words):
    verdict, sentence = judge(seen)
    assert (verdict, words in sentence) == (state, True), sentence


def test_a_duplicate_that_the_kernel_found_is_a_failure():
    seen = observed(V4, more=[held(V6, duplicate=True)])
    verdict, sentence = judge(seen)
    assert verdict == FAILED and "another host on eth1 holds fd11::10 too" in sentence


def test_every_failure_says_what_to_do():
    for seen in (observed(V4), observed(BOTH, eth0="down"), observed(started=True, **NAMED)):
        assert ": " in judge(seen)[1]


@pytest.mark.parametrize(
    ("have", "state", "kind", "words"),
    [
        ("", {"eth1": "gone"}, NodeError, "interface eth1"),
        ("", {"eth1": "down"}, HamnError, "ip link set eth1 up"),
        ("", {"eth0": "no carrier"}, HamnError, "no carrier"),
        ("10.11.0.10/16@eth0", {}, HamnError, "already on this node as 10.11.0.10/16 on eth0"),
        ("10.11.0.10/24@lo", {}, HamnError, "on lo"),
    ],
)
def test_refusals(have, state, kind, words):
    refused = refusal(parse(BOTH), snapshot(have, **state))
    assert type(refused) is kind
    assert words in str(refused)


def test_no_refusal_for_what_can_be_added():
    assert refusal(parse(BOTH), snapshot("10.11.0.11/24@eth0")) is None
    assert refusal([], snapshot(eth0="gone")) is None


@pytest.mark.parametrize(
    ("have", "words"),
    [
        ("", None),
        ("10.11.0.11/24@eth0", None),
        ("10.11.0.11/16@eth0", None),
        ("10.12.0.11/24@eth0 10.11.0.11/24@eth0", None),
        ("fd11::11/64@eth0", None),
        ("10.11.0.11/24@eth1", "lies in the network of eth1 (10.11.0.11/24), not of eth0"),
        ("10.12.0.11/24@eth0", "lies in no network of eth0, which has 10.12.0.11/24"),
    ],
)
def test_the_network_of_the_interface(have, words):
    problem = subnet_problem(parse_one(V4), snapshot(have))
    assert problem is None if words is None else words in problem


def test_link_local_addresses_say_nothing_about_the_network():
    assert subnet_problem(parse_one(V6), snapshot("fe80::1/64@eth1")) is None
    assert "no network" in subnet_problem(parse_one(V6), snapshot("fd12::1/64@eth1"))


class TestFacing:
    """As my_ip_facing of xCAT 2.19 chooses: first in the order of `ip addr`, by its own mask."""

    NODE = packed("10.11.0.101")[1]

    def chosen(self, have):
        found = facing(snapshot(have).held, self.NODE)
        return found and f"{'.'.join(str(byte) for byte in found.address)}"

    def test_the_first_listed_wins(self):
        assert self.chosen("10.11.0.11/24@eth0 10.11.0.10/24@eth0") == "10.11.0.11"
        assert self.chosen("10.11.0.10/24@eth0 10.11.0.11/24@eth0") == "10.11.0.10"

    def test_other_networks_and_families_do_not_count(self):
        assert self.chosen("10.12.0.1/24@eth0 fd11::1/64@eth0 10.11.0.10/24@eth1") == "10.11.0.10"
        assert self.chosen("10.12.0.1/24@eth0") is None

    def test_each_address_counts_by_its_own_mask(self):
        assert self.chosen("10.1.0.1/8@eth1 10.11.0.10/24@eth0") == "10.1.0.1"
        assert self.chosen("10.11.0.10/32@eth0 10.11.0.11/24@eth0") == "10.11.0.11"

    def test_a_warning_only_when_the_choice_is_not_a_service_address(self):
        wanted = parse(BOTH)
        assert facing_problem(wanted, snapshot(f"{V4} 10.11.0.11/24@eth0")) is None
        assert facing_problem(wanted, snapshot(V6)) is None
        warning = facing_problem(wanted, snapshot(f"10.11.0.11/24@eth0 {V4}"))
        assert "will write 10.11.0.11" in warning and "noderes.xcatmaster" in warning

    def test_two_service_addresses_in_one_network_are_fine(self):
        wanted = parse("10.11.0.10/24@eth0 10.11.0.9/24@eth0")
        assert facing_problem(wanted, snapshot("10.11.0.9/24@eth0 10.11.0.10/24@eth0")) is None
