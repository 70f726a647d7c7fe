"""What nodes tell each other of their databases, and what they make of it."""

from __future__ import annotations

import pytest
from db2_samples import read
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.database.db2 import introduction
from xcat_hamn.database.db2.configuration import parse_db_cfg
from xcat_hamn.database.db2.introduction import Introduction, parse, parse_release

FULL = parse_db_cfg(read("dbcfg-11.5-standard-full"))
NAMES = ("mn1", "mn2")
LEVEL = """DB21085I  This instance or install (instance name, where applicable: "xcatdb") uses "64"
bits and DB2 code release "SQL11058" with level identifier "0609010F".
Informational tokens are "DB2 v11.5.8.0", "s2209201700", "DYN2209201700AMD64",
and Fix Pack "0".
Product is installed at "/opt/ibm/db2/V11.5".
"""


def of(release):
    return Introduction(release, FULL)


def crossed():
    """Return how the partner of FULL introduces itself."""
    text = str(of((11, 5, 8, 0)))
    for one, two in (("10.11.0.11", "10.11.0.12"), ("DB2_HADR_1", "DB2_HADR_2")):
        text = text.replace(one, "@").replace(two, one).replace("@", two)
    return text


def test_the_release_is_read_wherever_lines_are_broken():
    assert parse_release(LEVEL) == (11, 5, 8, 0)
    assert parse_release(LEVEL.replace("are ", "are\n")) == (11, 5, 8, 0)
    assert parse_release("db2level: not found") == ()


def test_it_comes_back_as_it_was_told():
    again = parse(crossed())
    assert again.release == (11, 5, 8, 0)
    assert again.configuration.number("HADR_TIMEOUT") == 120
    assert introduction.mismatches(of((11, 5, 8, 0)), again, NAMES) == []
    assert introduction.warnings(of((11, 5, 8, 0)), again, NAMES) == []


@given(st.text(max_size=80))
def test_whatever_a_node_tells_is_no_crash(text):
    introduction.mismatches(of((11, 5, 8, 0)), parse(text), NAMES)


def test_no_value_breaks_the_form():
    changed = parse_db_cfg(
        read("dbcfg-11.5-standard-full").replace("10.11.0.11", 'a";HADR_TIMEOUT=1')
    )
    again = parse(str(Introduction((), changed)))
    assert again.configuration.number("HADR_TIMEOUT") == 120
    assert '"' not in str(Introduction((), changed))


@pytest.mark.parametrize(
    ("mine", "said", "warned"),
    [
        ((10, 5, 0, 9), "Db2 is 10.5.0.9 on mn1 and 11.5.8.0 on mn2", ""),
        ((11, 5, 9, 0), "", "mn2 cannot follow once mn1 has the role"),
        ((11, 5, 7, 0), "", "mn1 cannot follow once mn2 has the role"),
        ((), "", ""),
    ],
)
def test_releases(mine, said, warned):
    theirs = parse(crossed())
    problems = introduction.mismatches(of(mine), theirs, NAMES)
    warnings = introduction.warnings(of(mine), theirs, NAMES)
    assert [said in problem for problem in problems] == ([True] if said else [])
    assert [warned in warning for warning in warnings] == ([True] if warned else [])


def test_names_and_addresses_and_ports_may_mean_the_same():
    text = crossed().replace("10.11.0.12", "LOCALHOST")
    mine = parse(str(of(())).replace("10.11.0.12", "127.0.0.1"))
    assert introduction.mismatches(mine, parse(text), NAMES) == []
