from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.identity.addresses import (
    ServiceAddress,
    network_of,
    parse,
    parse_one,
    problem_with_addresses,
)


def test_a_list_as_a_site_writes_it():
    first, second = parse(" 10.11.0.10/24@eth0   fd11:0::10/64@bond0.7 ")
    assert (first.text, first.prefix, first.interface, first.family) == (
        "10.11.0.10",
        24,
        "eth0",
        4,
    )
    assert str(second) == "fd11::10/64@bond0.7"


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("10.11.0.10", "form"),
        ("10.11.0.10/24", "form"),
        ("10.11.0.10@eth0", "form"),
        ("10.11.0.10/24@", "interface name"),
        ("10.11.0.10/24@fifteen-letters", None),
        ("10.11.0.10/24@sixteen--letters", "interface name"),
        ("10.11.0.10/24@../eth0", "interface name"),
        ("10.11.0.10/24@..", "interface name"),
        ("10.11.0.10/33@eth0", "from 1 to 32"),
        ("10.11.0.10/0@eth0", "from 1 to 32"),
        ("10.11.0.10/255.255.255.0@eth0", "from 1 to 32"),
        ("10.11.0.10/@eth0", "from 1 to 32"),
        ("10.11.0.10/-1@eth0", "from 1 to 32"),
        ("fd11::10/129@eth0", "from 1 to 128"),
        ("10.11.0.256/24@eth0", "not an IP address"),
        ("10.11.10/24@eth0", "not an IP address"),
        ("010.11.0.10/24@eth0", "not an IP address"),
        ("mn/24@eth0", "not an IP address"),
        ("fe80::1%eth0/64@eth0", "not an IP address"),
        ("0.0.0.0/24@eth0", "unspecified"),
        ("::/64@eth0", "unspecified"),
        ("224.0.0.1/24@eth0", "multicast"),
        ("255.255.255.255/32@eth0", "multicast"),
        ("ff02::1/64@eth0", "multicast"),
        ("127.0.0.2/8@lo", "loopback"),
        ("::1/128@lo", "loopback"),
        ("::ffff:10.11.0.10/96@eth0", "IPv6 clothes"),
        ("10.11.0.0/24@eth0", "whole network"),
        ("fd11::/64@eth0", "whole network"),
        ("10.11.0.255/24@eth0", "broadcast"),
        ("10.11.0.10/31@eth0", None),
        ("10.11.0.10/32@eth0", None),
        ("fd11::10/128@eth0", None),
    ],
)
def test_each_address(word, why):
    problem = problem_with_addresses(word)
    assert (problem is None) == (why is None), problem
    if problem:
        assert why in problem and word in problem and "parameter addresses" in problem


def test_one_wrong_word_among_good_ones_is_named():
    problem = problem_with_addresses("10.11.0.10/24@eth0 10.11.0.10/24@eth1")
    assert "10.11.0.10/24@eth1" in problem and "twice" in problem


@given(st.text())
def test_any_text_is_right_or_gets_a_sentence(text):
    problem = problem_with_addresses(text)
    assert problem is None or problem.startswith("parameter addresses")


@given(st.ip_addresses(), st.data())
def test_as_the_standard_library_sees_it(address, data):
    prefix = data.draw(st.integers(1, address.max_prefixlen))
    ours = ServiceAddress(address.packed, prefix, "eth0")
    assert ipaddress.ip_address(ours.text) == address
    network = ipaddress.ip_network((address, prefix), strict=False)
    expected = int(network.network_address) >> (address.max_prefixlen - prefix)
    assert network_of(address.packed, prefix) == expected
    try:
        again = parse_one(str(ours))
    except ValueError:
        return
    assert again == ours and hash(again) == hash(ours)
    assert not (address.is_multicast or address.is_unspecified or address.is_loopback)
    if address.version == 4 and prefix < 31:
        assert address not in (network.network_address, network.broadcast_address)
