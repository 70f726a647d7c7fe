"""The site file: what it accepts, and the sentence for each thing that it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.cluster.site import SECTIONS, fragment_values, load_site, read_site
from xcat_hamn.cluster.sitedoc import example
from xcat_hamn.cluster.sitefile import SiteError


def problems_of(text):
    with pytest.raises(SiteError) as caught:
        read_site(text, "hamn.conf")
    return list(caught.value.problems)


def test_values_are_canonical_and_defaults_apply(site_text):
    site = read_site(
        site_text.replace(
            "10.11.0.10/24@eth0 fd11::10/64@eth0", "FD11:0::10/64@eth0\n  10.0.0.1/8@ib0"
        )
        + "[services]\nosdeploy = No   # not here\n"
    )
    assert site.text("identity", "addresses") == "fd11::10/64@eth0 10.0.0.1/8@ib0"
    assert site.pairs("cluster", "nodes") == {"mn1": "10.11.0.11", "mn2": "10.11.0.12"}
    assert site.text("cluster", "failover") == "manual"
    assert not site.flag("services", "osdeploy")
    assert site.words("services", "network") == ["dns", "dhcp", "console"]
    assert site.words("fencing", "devices") == []


def mistakes():
    """Return the (old, new, sentence) records of site-mistakes.txt."""
    path = Path(__file__).with_name("site-mistakes.txt")
    for record in path.read_text().split("\n\n")[1:]:
        old, new, sentence = record.strip().split("\n")
        yield (
            old.replace("\\n", "\n"),
            new[2:].lstrip().replace("\\n", "\n"),
            sentence,
        )


@pytest.mark.parametrize(("old", "new", "sentence"), mistakes())
def test_each_mistake_is_one_sentence_with_its_place(site_text, old, new, sentence):
    assert old in site_text
    assert problems_of(site_text.replace(old, new, 1)) == [sentence]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("port = 54a", '"54a" is not a whole number: write digits only'),
        ("port = 70000", "70000 is out of range: use 1 to 65535"),
        ("synchronous = maybe", '"maybe" is neither yes nor no: write one of them'),
        ("start_timeout = soon", '"soon" is not a time: write for example 90s or 2m'),
        ("user = a b", '"a b" is not a name: use letters, digits, dots, dashes and underscores'),
    ],
)
def test_each_kind_of_value_is_checked(site_text, line, sentence):
    key = line.split(" =", maxsplit=1)[0]
    text = site_text.replace("[fencing]", line + "\n[fencing]")
    assert problems_of(text) == [f"hamn.conf, line 8, [database] {key}: {sentence}"]


def test_all_mistakes_are_reported_together(site_text):
    text = (
        site_text.replace("postgresql\n", "oracle\n")
        .replace("none", "a a")
        .replace("nodes", "node")
    )
    assert len(problems_of(text)) == 3


def test_without_a_database_its_data_directory_is_not_asked_for(site_text):
    text = site_text.replace("postgresql\n", "none\n").replace("pgdata", "#pgdata")
    assert read_site(text).text("database", "engine") == "none"


def test_a_missing_file_names_the_example(tmp_path):
    with pytest.raises(SiteError, match=r"no such site file: copy the example"):
        load_site(str(tmp_path / "hamn.conf"))


def test_a_binary_file_is_refused(tmp_path):
    (tmp_path / "hamn.conf").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SiteError, match="cannot be read"):
        load_site(str(tmp_path / "hamn.conf"))


@given(st.text())
def test_no_text_gets_past_the_checks_or_breaks_them(text):
    with pytest.raises(SiteError) as caught:
        read_site(text)
    assert all(problem.startswith("/etc/xcat/hamn.conf") for problem in caught.value.problems)


def test_the_example_is_a_valid_site_file_also_with_every_key_uncommented():
    read_site(example())
    names = {key.name for section in SECTIONS for key in section.keys}
    lines = [
        line[1:] if line.startswith("#") and line[1:].split(" =")[0] in names else line
        for line in example().splitlines()
    ]
    site = read_site("\n".join(lines))
    assert len(site.given) == sum(len(section.keys) for section in SECTIONS)


def test_what_an_agent_would_default_to_stays_out_of_the_configuration(site_text):
    values = fragment_values(read_site(site_text))
    assert values["database.port"] == ""
    assert values["database.start_timeout"] == "600s"
    assert values["identity.service_address"] == "10.11.0.10"
    given = site_text.replace("[fencing]", "port = 5433\n[fencing]")
    assert fragment_values(read_site(given))["database.port"] == "5433"


def test_an_operation_outlasts_the_longest_budget_of_its_services(site_text):
    values = fragment_values(read_site(site_text + "[services]\nnetwork = dns\ndns_budget = 5m\n"))
    assert values["services.network_timeout"] == "334s"
    assert values["services.xcatd_timeout"] == "180s"


@pytest.mark.parametrize(
    ("lines", "bound"),
    [
        ("engine = db2\ninstance = xcatdb\nbound_to_hostname = yes", True),
        ("engine = db2\ninstance = xcatdb", False),
        ("engine = none\nbound_to_hostname = yes", False),
    ],
)
def test_only_a_db2_instance_that_bears_the_host_name_is_taken_along(site_text, lines, bound):
    text = site_text.replace("engine = postgresql", lines)
    text = text.replace("[identity]", "[identity]\nhostname = xcatmn", 1)
    values = fragment_values(read_site(text))
    assert values["identity.bound_instance"] == ("xcatdb" if bound else "")
    assert values["identity.timeout"] == ("300s" if bound else "60s")
