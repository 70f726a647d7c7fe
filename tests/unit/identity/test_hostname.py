from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.identity.addresses import packed
from xcat_hamn.identity.hostname import hosts_problem, problem_with_hostname


@pytest.mark.parametrize("name", ["mn", "mn.cluster.test", "3com", "a-b", "x" * 63, "MN1"])
def test_names_of_rfc_1123(name):
    assert problem_with_hostname(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "-mn",
        "mn-",
        "m_n",
        "mn.",
        ".mn",
        "a..b",
        "x" * 64,
        "a." * 32 + "a",
        "münchen",
        "10.11.0.10",
        "1234",
        "mn;reboot",
        "m n",
    ],
)
def test_names_that_are_none(name):
    assert "parameter hostname" in problem_with_hostname(name)


@given(st.text(min_size=1))
def test_what_passes_is_safe_to_hand_to_the_kernel(text):
    if problem_with_hostname(text) is None:
        assert text.isascii() and len(text) <= 64
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ("10.11.0.10 mn.cluster.test mn\n", None),
        ("# 10.11.0.11 mn\n::1 localhost\n10.11.0.10\tMN # the service\n", None),
        ("10.11.0.11 mn\n10.11.0.10 mn\n", None),
        ("10.11.0.11 mn mn1\n", "gives mn the address 10.11.0.11"),
        ("127.0.1.1 mn\n", "gives mn the address 127.0.1.1"),
        ("10.11.0.10 mn2 mn.other\n", "no line for mn"),
        ("nonsense mn\n", "no line for mn"),
        ("", "no line for mn"),
    ],
)
def test_what_etc_hosts_says(hosts, words):
    problem = hosts_problem("mn", [packed("10.11.0.10")[1], packed("fd11::10")[1]], hosts)
    assert problem is None if words is None else words in problem
