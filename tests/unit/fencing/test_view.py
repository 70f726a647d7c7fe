"""What the gate reads from answers that real clusters gave, of both releases.

They were recorded while tests/lab/labkit/gated.py's cluster went through it; only the histories of
operations are cut out.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from xcat_hamn.errors import CommandFailed
from xcat_hamn.fencing.view import Presence, Role, Target, nodes_of, observe, wishes_in

RECORDED = Path(__file__).parent / "recorded"
VERSIONS = sorted(path.name for path in RECORDED.iterdir())
MN1, MN2 = (Target(node, "xcat-mn", "xcat-db-clone") for node in ("mn1", "mn2"))
LOST, HERE, STUCK = Presence.LOST, Presence.HERE, Presence.STUCK


@pytest.fixture(params=VERSIONS)
def recorded(request):
    """Return a reader of what one release has answered."""
    return lambda name: (RECORDED / request.param / f"{name}.xml").read_text()


@pytest.mark.parametrize(
    ("name", "target", "presence", "role", "others"),
    [
        ("healthy", MN1, HERE, Role.HELD, ("mn2",)),
        ("healthy", MN2, HERE, Role.ELSEWHERE, ("mn1",)),
        ("holder-lost", MN1, LOST, Role.HELD, ("mn2",)),
        ("holder-cut-seen-by-the-standby", MN1, LOST, Role.HELD, ("mn2",)),
        # From the other side of the same cut, after its level had passed.
        ("standby-passed", MN2, LOST, Role.ELSEWHERE, ("mn1",)),
        ("stuck", MN1, STUCK, Role.HELD, ("mn2",)),
        ("back-online", MN1, HERE, None, ("mn2",)),
        # A move under way from mn1 to mn2.
        ("stopping", MN1, HERE, Role.HELD, ("mn2",)),
        ("demoting", MN1, HERE, Role.NOWHERE, ("mn2",)),
        ("demoting", MN2, HERE, Role.NOWHERE, ("mn1",)),
        ("promoting", MN1, HERE, Role.ELSEWHERE, ("mn2",)),
        ("promoting", MN2, HERE, Role.HELD, ("mn1",)),
        ("starting", MN2, HERE, Role.HELD, ("mn1",)),
    ],
)
def test_presence_and_role(recorded, name, target, presence, role, others):
    seen = observe(recorded(name), recorded("configuration"), target)
    assert (seen.presence, seen.others) == (presence, others)
    assert role in (seen.role, None)
    assert seen.group and seen.power


def test_a_survivor_whose_database_may_not_take_over_is_seen(recorded):
    status, configuration = recorded("holder-lost"), recorded("configuration")
    assert not observe(status, configuration, MN1).gated
    gated = status.replace('"master-xcat-db" value="900"', '"master-xcat-db" value="-INFINITY"')
    assert observe(gated, configuration, MN1).gated
    assert not observe(gated, configuration, Target("mn1", "xcat-mn")).gated


def test_a_survivor_that_can_take_over_only_for_a_while_is_seen(recorded):
    """With Db2 its limit says until when; a limit of one that is gated says something else."""
    status, configuration = recorded("holder-lost"), recorded("configuration")
    score = '"master-xcat-db" value="900"'
    limited = status.replace(score, f'{score}/><attribute name="xcat-db-limit" value="until 3"')
    assert not observe(status, configuration, MN1).pressing
    assert observe(limited, configuration, MN1).pressing
    gated = limited.replace('"900"', '"-INFINITY"')
    assert not observe(gated, configuration, MN1).pressing


def test_a_node_that_is_about_to_join_is_here():
    text = (RECORDED / "3.0.0" / "back-online-pending.xml").read_text()
    configuration = (RECORDED / "3.0.0" / "configuration.xml").read_text()
    assert observe(text, configuration, MN1).presence is HERE


@pytest.mark.parametrize("name", ["ordered", "holder-lost", "confirmed", "healthy"])
def test_what_a_person_said_to_the_fencing_daemon(recorded, name):
    seen = observe(recorded(name), recorded("configuration"), MN1)
    assert seen.ordered == (name == "ordered")
    assert len(seen.confirmations) == (name == "confirmed")
    other = observe(recorded(name), recorded("configuration"), MN2)
    assert not other.ordered and not other.confirmations


@pytest.mark.parametrize(
    ("name", "from_mn1", "from_mn2"),
    [
        ("configuration", [], []),
        # `pcs resource move xcat-mn mn2` and `crm_resource --move ... --node mn1 --lifetime`.
        ("configuration-move", ["cli-prefer-xcat-mn (mn2)"], []),
        ("configuration-move-lifetime", [], ["cli-prefer-xcat-mn (mn1 until "]),
        # `pcs resource ban xcat-mn mn2`, which a move without a target writes as well.
        ("configuration-ban", [], ["cli-ban-xcat-mn-on-mn2 (mn2)"]),
    ],
)
def test_which_moves_lead_away_from_a_node(recorded, name, from_mn1, from_mn2):
    for target, expected in ((MN1, from_mn1), (MN2, from_mn2)):
        found = sorted(wishes_in(recorded(name), target))
        assert len(found) == len(expected)
        assert all(text.startswith(start) for text, start in zip(found, expected))


@pytest.mark.parametrize(
    "change",
    [
        ('rsc="xcat-mn"', 'rsc="xcat-db-clone"'),
        ('node="mn2"', 'node="mn9"'),
        ('node="mn2"', 'node="mn1"'),
        ('id="cli-prefer-xcat-mn"', 'id="location-xcat-mn"'),
    ],
)
def test_no_other_constraint_is_a_move_of_the_group(recorded, change):
    text = recorded("configuration-move")
    assert change[0] in text
    before, location, after = text.partition("<rsc_location")
    line, end, rest = after.partition(">")
    changed = before + location + line.replace(*change) + end + rest
    assert wishes_in(text, MN1) and not wishes_in(changed, MN1)


def test_a_clone_of_the_group_is_the_group(recorded):
    text = recorded("configuration-move").replace('rsc="xcat-mn" ', 'rsc="xcat-mn-clone" ')
    cloned = text.replace('<group id="xcat-mn">', '<clone id="xcat-mn-clone"><group id="xcat-mn">')
    cloned = cloned.replace("</group>", "</group></clone>")
    assert not wishes_in(text, MN1)
    assert wishes_in(cloned, MN1)


def test_a_level_of_gates_alone_has_no_power(recorded):
    alone = recorded("configuration").replace(",bmc-mn1", "")
    assert not observe(recorded("healthy"), alone, MN1).power
    assert observe(recorded("healthy"), alone, MN2).power


def test_an_unknown_group_or_node_is_seen_as_such(recorded):
    status, configuration = recorded("healthy"), recorded("configuration")
    assert not observe(status, configuration, Target("mn1", "xcat-mm")).group
    assert observe(status, configuration, Target("mn9", "xcat-mn")).presence is Presence.UNKNOWN


def test_the_group_alone_tells_where_the_role_is(recorded):
    seen = observe(recorded("holder-lost"), recorded("configuration"), Target("mn1", "xcat-mn"))
    assert seen.role is Role.HELD


def test_the_nodes_and_their_membership(recorded):
    assert nodes_of(recorded("healthy")) == {"mn1": True, "mn2": True}
    assert nodes_of(recorded("holder-lost")) == {"mn1": False, "mn2": True}


def test_an_unreadable_answer_is_an_error(recorded):
    with pytest.raises(CommandFailed, match="crm_mon gave no readable answer"):
        observe("crm_mon: Error: cluster is not available", recorded("configuration"), MN1)
