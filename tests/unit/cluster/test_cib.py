"""Our part of a CIB: put in, kept apart from everybody else's, compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.cluster import cib, fragments, xml
from xcat_hamn.cluster.difference import canonical, changes, same_configuration
from xcat_hamn.cluster.site import read_site
from xcat_hamn.errors import HamnError

GATES = ("xcat-gate-standby", "xcat-gate")


@pytest.fixture()
def merged(site_text, constraints):
    owned = fragments.owned_ids(constraints)

    def merge(live, text=site_text):
        filled = fragments.fragments_of(read_site(text), constraints)
        return cib.merge(cib.parse(live), filled, owned)

    return merge


def ids(tree, path):
    return [str(found) for found in tree.xpath(f"configuration/{path}/@id")]


def test_everything_foreign_stays_where_it_was(merged, cib_text):
    new = merged(cib_text)
    assert ids(new, "resources/*") == ["theirs", "xcat-db-clone", "xcat-mn", *GATES]
    assert ids(new, "constraints/*") == ["theirs-on-mn1", "xcat-mn-with-db", "xcat-db-then-mn"]
    assert "a comment of the administrator" in cib.serialize(new)
    assert new.xpath("//nvpair[@name='cluster-name']/@value") == ["xcat"]


def test_a_property_is_set_where_it_stands(merged, cib_text):
    properties = merged(cib_text).xpath("//nvpair[@name='stonith-enabled']")
    assert [(p.get("id"), p.get("value")) for p in properties] == [("their-own-id", "true")]


def test_again_changes_nothing(merged, cib_text):
    once = merged(cib_text)
    again = merged(cib.serialize(once))
    assert same_configuration(once, again)
    assert changes(once, again) == []


def test_what_the_site_file_no_longer_wants_is_removed(merged, cib_text, site_text):
    before = merged(cib_text)
    without = site_text.replace("postgresql\n", "none\n").replace("pgdata", "#pgdata")
    after = merged(cib.serialize(before), without)
    assert ids(after, "resources/*") == ["theirs", "xcat-mn", *GATES]
    assert ids(after, "constraints/*") == ["theirs-on-mn1"]
    removed = {change.id for change in changes(before, after) if change.what == "removed"}
    assert removed == {"xcat-db-clone", "xcat-db", "xcat-mn-with-db", "xcat-db-then-mn"}


def test_services_that_are_not_wanted_are_no_members(merged, cib_text, site_text):
    new = merged(cib_text, site_text + "[services]\nnetwork = none\nosdeploy = no\n")
    assert ids(new, "resources/group[@id='xcat-mn']/primitive") == ["xcat-mnidentity", "xcat-xcatd"]


def test_changes_name_the_parameter_with_both_values(merged, cib_text, site_text):
    before = merged(cib_text)
    after = merged(cib_text, site_text + "[services]\nnetwork = dns\n")
    (change,) = changes(before, after)
    assert (change.what, change.id) == ("changed", "xcat-netsvcs")
    assert change.details == ("services: dns dhcp console -> dns",)


@pytest.mark.parametrize(
    ("resource", "name", "value"),
    [
        ("xcat-mn", "target-role", "Stopped"),
        ("xcat-db-clone", "is-managed", "false"),
        ("xcat-xcatd", "maintenance", "true"),
    ],
)
def test_what_the_operator_has_switched_off_stays_off_and_is_told(
    merged, constraints, cib_text, site_text, resource, name, value
):
    live = merged(cib_text)
    (attributes,) = live.xpath(f"//*[@id='{resource}']/meta_attributes")
    attributes.append(xml.parse(f'<nvpair id="op" name="{name}" value="{value}"/>'))
    changed = merged(cib.serialize(live), site_text + "[services]\nnetwork = dns\n")
    assert changed.xpath(
        f"//*[@id='{resource}']/meta_attributes/nvpair[@name='{name}']/@value"
    ) == [value]
    told = list(cib.operators_settings(changed, fragments.owned_ids(constraints)))
    assert [(found[0], found[1]) for found in told] == [(resource, name)]


def test_a_trace_that_the_operator_has_switched_on_is_kept(merged, cib_text):
    live = merged(cib_text)
    (attributes,) = live.xpath("//*[@id='xcat-netsvcs']/instance_attributes")
    attributes.append(xml.parse('<nvpair id="t" name="trace_ra" value="1"/>'))
    assert same_configuration(live, merged(cib.serialize(live)))


def test_an_id_of_ours_on_a_foreign_resource_is_refused(merged, cib_text):
    with pytest.raises(HamnError, match='the id "xcat-xcatd" is used by'):
        merged(cib_text.replace('id="theirs"', 'id="xcat-xcatd"'))


@pytest.mark.parametrize(
    ("schema", "refused"),
    [
        ("pacemaker-3.6", True),
        ("pacemaker-1.2", True),
        ("pacemaker-3.7", False),
        ("pacemaker-3.10", False),
        ("pacemaker-4.0", False),
        ("none", False),
    ],
)
def test_a_schema_without_the_promoted_role_is_refused(cib_text, schema, refused):
    problem = cib.too_old(cib.parse(cib_text.replace("pacemaker-3.9", schema)))
    assert bool(problem) == refused
    assert problem is None or "cibadmin --upgrade" in problem


@pytest.mark.parametrize("text", ["", "no XML", "<other/>", "<cib/>"])
def test_what_is_no_cib_is_told_in_a_sentence(text):
    with pytest.raises(HamnError, match="configuration"):
        cib.parse(text)


NAMES = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), unique=True, max_size=4)


@given(NAMES, st.booleans())
def test_any_foreign_configuration_survives_unchanged_and_in_order(names, before):
    from xcat_hamn.cluster.fragments import directory

    where = directory()
    text = (
        "[cluster]\nnodes = a=10.0.0.1 b=10.0.0.2\n[identity]\naddresses = 10.0.0.3/8@e\n"
        "[database]\nengine = postgresql\npgdata = /d\n[fencing]\ndevices = none\n"
    )
    theirs = "".join(f'<primitive id="p-{n}" class="ocf" type="Dummy"/>' for n in names)
    live = cib.parse(
        "<cib validate-with='pacemaker-3.9'><configuration><crm_config/><nodes/>"
        f"<resources>{theirs}</resources><constraints/></configuration><status/></cib>"
    )
    site = read_site(text)
    owned = fragments.owned_ids(where)
    new = cib.merge(live, fragments.fragments_of(site, where), owned)
    if before:
        new = cib.merge(new, fragments.fragments_of(site, where), owned)
    kept = [canonical(e) for e in new.find("configuration/resources") if e.get("id") not in owned]
    assert kept == [canonical(e) for e in live.find("configuration/resources")]
