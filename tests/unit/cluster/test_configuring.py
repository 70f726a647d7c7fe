"""Configuring a cluster that is a file: Pacemaker's own tools check, simulate and patch it."""

from __future__ import annotations

import pytest
from xcat_hamn.cli import configure
from xcat_hamn.cluster.configuring import ATTEMPTS, NO_FENCING, Configurator
from xcat_hamn.cluster.pacemaker import InvalidConfiguration
from xcat_hamn.cluster.site import read_site
from xcat_hamn.cluster.sitefile import SiteError
from xcat_hamn.errors import HamnError
from xcat_hamn.files.places import Places


@pytest.fixture()
def configurator(cluster, site_text, constraints):
    def make(text=site_text, check=lambda _agent, _parameters: [], check_node=lambda _site: []):
        site = read_site(text, "hamn.conf")
        return Configurator(site, cluster.pacemaker, constraints, check, check_node)

    return make


def unexpected(sentence):
    raise AssertionError(f"said: {sentence}")


def test_planning_changes_nothing(cluster, configurator):
    before = cluster.text()
    plan = configurator().plan()
    assert plan.changed
    assert [(s.operation, s.resource) for s in plan.transition.actions()] == [
        ("start", "theirs"),
        ("start", "xcat-db"),
        ("start", "xcat-db"),
        ("start", "xcat-gate-standby"),
        ("start", "xcat-gate"),
    ]
    assert plan.warnings == [NO_FENCING]
    assert cluster.text() == before


def test_pushing_twice_changes_once(cluster, configurator):
    configurator().push(configurator().plan(), unexpected)
    assert 'id="xcat-mn"' in cluster.text()
    after = cluster.text()
    plan = configurator().plan()
    assert not plan.changed
    assert list(plan.changes) == []
    configurator().push(plan, unexpected)
    assert cluster.text() == after
    assert cluster.patches == 1


def test_a_concurrent_change_is_kept_and_told(cluster, configurator):
    cluster.before_patch = [lambda: cluster.edit('node="mn1" score="10"', 'node="mn1" score="20"')]
    said = []
    configurator().push(configurator().plan(), said.append)
    assert 'score="20"' in cluster.text()
    assert 'id="xcat-mn"' in cluster.text()
    assert len(said) == 1
    assert "changed by somebody else" in said[0]


def test_a_concurrent_change_of_the_status_alone_is_not_worth_a_word(cluster, configurator):
    cluster.before_patch = [lambda: cluster.edit('join="member"', 'join="member" x="y"')]
    configurator().push(configurator().plan(), unexpected)
    assert 'id="xcat-mn"' in cluster.text()


def test_a_status_that_never_rests_does_not_keep_the_change_out(cluster, configurator):
    """Agents write attributes all the time while a cluster starts."""
    numbers = iter(range(100))

    def report():
        number = next(numbers)
        old = f' x="{number}"' if number else ""
        cluster.edit(f'join="member"{old} expected', f'join="member" x="{number + 1}" expected')

    cluster.before_patch = [report] * 100
    configurator().push(configurator().plan(), unexpected)
    assert 'id="xcat-mn"' in cluster.text()
    assert 'x="3"' in cluster.text()


def test_a_busy_cluster_is_left_alone_after_some_attempts(cluster, configurator):
    scores = iter(range(10, 10 + ATTEMPTS))

    def interfere():
        score = next(scores)
        cluster.edit(f'node="mn1" score="{score}"', f'node="mn1" score="{score + 1}"')

    cluster.before_patch = [interfere] * ATTEMPTS
    plan = configurator().plan()
    with pytest.raises(HamnError, match="during each of 5 attempts"):
        configurator().push(plan, lambda _sentence: None)
    assert "xcat-mn" not in cluster.text()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("mn2=", "mn3=", r"the cluster has no node mn3 \(it has mn1, mn2\)"),
        ("mn2=", "mn3=", r"the cluster also has the node mn2, and the role could go there"),
        (
            "devices = none",
            "devices = mn1=bmc1 mn2=bmc1",
            r"the cluster has no fence device bmc1: create it",
        ),
    ],
)
def test_a_site_file_that_does_not_fit_the_cluster(
    cluster, configurator, site_text, old, new, sentence
):
    before = cluster.text()
    with pytest.raises(SiteError, match=sentence):
        configurator(site_text.replace(old, new)).plan()
    assert cluster.text() == before


BMCS = "".join(f'<primitive id="bmc{n}" class="stonith" type="fence_ipmilan"/>' for n in (1, 2))


def test_power_devices_stand_in_levels_behind_the_gate(cluster, configurator, site_text):
    cluster.edit("</resources>", BMCS + "</resources>")
    plan = configurator(site_text.replace("none", "mn1=bmc1 mn2=bmc2 mn1=bmc1+bmc2")).plan()
    assert plan.warnings == []
    assert plan.new.xpath("//nvpair[@name='stonith-enabled']/@value") == ["true"]
    levels = {
        (level.get("target"), level.get("index")): level.get("devices")
        for level in plan.new.iter("fencing-level")
    }
    assert levels == {
        ("mn1", "2"): "xcat-gate,bmc1",
        ("mn1", "3"): "xcat-gate,bmc1,bmc2",
        ("mn2", "2"): "xcat-gate,bmc2",
    }


PROVEN = "//nvpair[@name='commit_alone']/@value"


def test_nothing_passes_for_a_proof_where_the_database_waits_for_one(
    cluster, configurator, site_text
):
    """A level that succeeds without switching anything off would be taken for a power-off."""
    cluster.edit("</resources>", BMCS + "</resources>")
    named = site_text.replace("none", "mn1=bmc1 mn2=bmc2")
    plan = configurator(named).plan()
    assert plan.new.xpath(PROVEN) == ["proven"]
    assert not plan.new.xpath("//fencing-level[@devices='xcat-gate-standby']")
    plan = configurator(f"{named}standby_loss = ignore\n").plan()
    assert plan.new.xpath(PROVEN) == []
    assert len(plan.new.xpath("//fencing-level[@devices='xcat-gate-standby'][@index='1']")) == 2


def test_a_device_that_is_named_no_more_leaves_its_level(cluster, configurator, site_text):
    cluster.edit("</resources>", BMCS + "</resources>")
    with_power = configurator(site_text.replace("none", "mn1=bmc1 mn2=bmc2"))
    with_power.push(with_power.plan(), unexpected)
    assert "xcat-gate,bmc1" in cluster.text()
    configurator().push(configurator().plan(), unexpected)
    assert "xcat-gate,bmc1" not in cluster.text()
    assert 'id="bmc1"' in cluster.text()


def test_a_way_round_the_gate_is_refused(cluster, configurator):
    level = '<fencing-level id="fl-mn1-1" target="mn1" index="1" devices="theirs"/>'
    cluster.edit("</constraints>", f"</constraints><fencing-topology>{level}</fencing-topology>")
    before = cluster.text()
    with pytest.raises(SiteError, match="fl-mn1-1 for mn1, which would go round") as caught:
        configurator().plan()
    assert "pcs stonith level clear target mn1" in str(caught.value)
    assert cluster.text() == before


def test_what_pacemaker_refuses_is_not_pushed(cluster, configurator):
    """One operation too many of somebody else's makes the whole configuration wrong."""
    twice = "".join(f'<op id="op{n}" name="monitor" interval="10s"/>' for n in (1, 2))
    cluster.edit('type="Dummy"/>', f'type="Dummy"><operations>{twice}</operations></primitive>')
    before = cluster.text()
    with pytest.raises(InvalidConfiguration, match=r"crm_verify refuses .*op2"):
        configurator().plan()
    assert cluster.text() == before


def test_a_parameter_that_its_agent_refuses_is_not_pushed(cluster, configurator):
    def check(agent, parameters):
        return ["parameter addresses is odd: mend it"] if agent == "xcat-mnidentity" else []

    with pytest.raises(SiteError) as caught:
        configurator(check=check).plan()
    assert list(caught.value.problems) == [
        "hamn.conf: parameter addresses is odd: mend it (resource xcat-mnidentity)"
    ]


def test_a_stopped_role_is_told(cluster, configurator):
    configurator().push(configurator().plan(), unexpected)
    stopped = '<nvpair id="t" name="target-role" value="Stopped"/>'
    cluster.edit(
        '<meta_attributes id="xcat-mn-meta">', '<meta_attributes id="xcat-mn-meta">' + stopped
    )
    plan = configurator().plan()
    assert not plan.changed
    assert "xcat-mn was stopped by a command of the operator" in plan.warnings[1]


def test_files_are_not_copied_without_keys(cluster, configurator, site_text, monkeypatch, tmp_path):
    """The sentence names the command that makes them; with them the clone joins."""
    places = Places(str(tmp_path))
    monkeypatch.setattr(configure, "Places", lambda: places)
    wanted = site_text + "\n[files]\nenabled = yes\n"
    with pytest.raises(SiteError) as refused:
        configurator(wanted, check_node=configure._keys).plan()
    assert len(refused.value.problems) == 2
    assert all("run `xcat-hamn setup files`" in one for one in refused.value.problems)
    assert 'id="xcat-files-clone"' not in cluster.text()

    keys = tmp_path / "var/lib/xcat-hamn/ssh"
    keys.mkdir(parents=True)
    for name in ("id", "id.pub"):
        (keys / name).touch()
    (keys / "known_hosts").write_text("xcat-hamn-mn2 ssh-ed25519 AAAA\n")
    plan = configurator(wanted, check_node=configure._keys).plan()
    configurator(wanted).push(plan, unexpected)
    assert 'id="xcat-files-clone"' in cluster.text()
    # Switched off again it goes, with its constraints.
    configurator().push(configurator().plan(), unexpected)
    assert "xcat-files" not in cluster.text()
