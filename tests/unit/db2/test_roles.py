"""Roles on a stand-in for the instance: what is run, and when nothing is."""

from __future__ import annotations

import pytest
from xcat_hamn import errors
from xcat_hamn.cluster import vocabulary
from xcat_hamn.cluster.attributes import GATED
from xcat_hamn.database.db2 import hadr, survey
from xcat_hamn.database.db2.instance import INSTANCE_DOWN, CommandRefused
from xcat_hamn.database.db2.marks import IDLE, PROMOTED, Marks
from xcat_hamn.database.db2.publication import Publication
from xcat_hamn.database.db2.reintegration import Reintegration
from xcat_hamn.database.db2.roles import Roles
from xcat_hamn.database.db2.survey import Obituary, Survey
from xcat_hamn.database.db2.term import Term
from xcat_hamn.system.deadline import Deadline

BLOCK = {
    "peer_window": 120,
    "known": True,
    "standby_log": ("S1", 1, 500),
    "primary_log": ("S1", 1, 500),
    "fields": {},
}


def shows(role, state, connect, mode="NEARSYNC", **more):
    return hadr.Hadr(role=role, state=state, connect=connect, syncmode=mode, **{**BLOCK, **more})


FOLLOWING = shows(hadr.STANDBY, hadr.PEER, hadr.CONNECTED)
LEADING = shows(hadr.PRIMARY, hadr.PEER, hadr.CONNECTED)
ALONE = shows(hadr.PRIMARY, hadr.DISCONNECTED, hadr.DISCONNECTED)
LOST = shows(hadr.STANDBY, hadr.REMOTE_CATCHUP_PENDING, hadr.DISCONNECTED)


class StandInInstance:
    """A database: ``found`` is what db2pd shows; commands change it as ``after`` says."""

    name, database = "xcatdb", "XCATDB"

    def __init__(self):
        self.condition, self.found = hadr.ACTIVE, FOLLOWING
        self.asked = []
        self.after = {}

    def look(self):
        return self.condition, self.found

    def _do(self, command):
        self.asked.append(command)
        what = self.after.get(command, "nothing")
        if isinstance(what, list):
            what = what.pop(0)
        if isinstance(what, Exception):
            raise what
        if what != "nothing":
            self.found = what
            self.condition = hadr.ACTIVE if what else hadr.NOT_ACTIVATED

    def db2(self, command, _timeout):
        self._do(command)

    def deactivate(self, _deadline):
        self._do("DEACTIVATE")

    def activate(self):
        self._do("ACTIVATE")

    def start_as_standby(self):
        self._do("START AS STANDBY")


class Shared:
    """The cluster's attributes; everything said is in ``said``, in order."""

    def __init__(self):
        self.values = {}
        self.said = []
        self.stubborn = False

    def shared(self, name, node):
        return self.values.get((name, node))

    def shared_by_all(self, name):
        return {node: value for (one, node), value in self.values.items() if one == name}

    def share(self, name, value, node="mn1"):
        self.said.append((name, value, node))
        if not self.stubborn:
            self.values.pop((name, node), None)
            if value:
                self.values[name, node] = value
        return True

    def publish(self, name, value, node="mn1"):
        return self.share(name, value, node)

    def score(self, value):
        return self.share("score", value)

    def forget(self):
        """Nothing is remembered."""


class Silent:
    def info(self, _message):
        """Say nothing."""

    warning = info


class Fates:
    one = "lost"

    def of(self, _node):
        return self.one


class Node:
    """mn1, whose partner is mn2."""

    def __init__(self, directory, seconds=2.0):
        self.instance, self.shared, self.fates = StandInInstance(), Shared(), Fates()
        self.marks, self.term = Marks(f"{directory}/run"), Term(f"{directory}/durable")
        deadline, log = Deadline(seconds), Silent()
        self.survey = Survey(
            self.shared,
            self.fates,
            Obituary(f"{directory}/run", lambda *_: None),
            self.term,
            "mn1",
            ["mn2"],
            f"{directory}/run",
        )
        publication = Publication(
            self.shared, self.survey, self.term, deadline, log, "mn1", ["mn2"]
        )
        self.roles = Roles(
            self.instance, self.survey, publication, self.marks, deadline, log, "mn1"
        )
        self.following = Reintegration(self.instance, self.survey, deadline, log, "mn1")

    def partner(self, data):
        self.shared.values[survey.DATA, "mn2"] = data

    def tell(self, name, value, node="mn1"):
        self.shared.values[name, node] = value

    def told(self, name, node="mn1"):
        return self.shared.values.get((name, node), "")


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


TAKEOVER = "TAKEOVER HADR ON DATABASE XCATDB"
IN_WINDOW = f"{TAKEOVER} BY FORCE PEER WINDOW ONLY"
FORCED = f"{TAKEOVER} BY FORCE"
START = "START HADR ON DATABASE XCATDB AS PRIMARY"


def test_a_living_partner_is_taken_over_plainly(node):
    node.partner("primary 4 0")
    node.instance.after[TAKEOVER] = LEADING
    node.roles.promote()
    assert node.instance.asked == [TAKEOVER]
    assert node.term.read() == 5
    assert (node.told(survey.DATA), node.told("score")) == ("primary 5 0", "1000")
    assert node.marks.has(PROMOTED)


def test_a_plain_takeover_that_fails_is_judged_anew(node):
    """The old primary ended cleanly meanwhile; what it left is here."""
    node.partner("primary 4 0")

    class Gone(CommandRefused):
        def __init__(self):
            super().__init__("Db2 refused it: see db2diag.log", "SQL1770N", "7")
            node.instance.found = LOST
            node.partner("standby 4 500")
            node.tell(survey.HANDOVER, "4 500")

    def db2(command, _timeout):
        node.instance.asked.append(command)
        if command == TAKEOVER:
            raise Gone
        node.instance.found = ALONE

    node.instance.db2 = db2
    node.roles.promote()
    assert node.instance.asked == [TAKEOVER, FORCED]


def test_a_takeover_that_hung_and_yet_worked_counts(node):
    node.partner("primary 4 0")

    def db2(_command, _timeout):
        node.instance.found = LEADING
        raise errors.CommandTimeout("it had not ended: look")

    node.instance.db2 = db2
    node.roles.promote()
    assert node.told("score") == "1000"


def test_what_is_refused_runs_nothing_and_gates(node):
    node.instance.found = LOST
    with pytest.raises(errors.Refused, match="xcat-hamn takeover mn1"):
        node.roles.promote()
    assert node.instance.asked == []
    assert node.told("score") == GATED
    assert node.told(vocabulary.DATABASE_LIMIT)


def test_nothing_is_forced_before_the_cluster_has_taken_back_what_the_other_could_act_on(node):
    node.partner("standby 4 500")
    node.term.write(4)
    node.instance.found = LOST
    node.tell(survey.HANDOVER, "4 500", "mn2")
    node.shared.stubborn = True
    with pytest.raises(errors.CommandFailed, match="did not take back"):
        node.roles.promote()
    assert node.instance.asked == []


def test_success_without_the_role_is_a_failure(node):
    node.partner("primary 4 0")
    with pytest.raises(errors.CommandFailed, match="is not the primary"):
        node.roles.promote()


def test_a_primary_is_promoted_by_doing_nothing(node):
    node.instance.found = ALONE
    node.roles.promote()
    assert node.instance.asked == []
    assert node.marks.has(PROMOTED)


def test_a_stopped_primary_starts_beside_its_standby(node):
    node.instance.condition, node.instance.found = hadr.NOT_ACTIVATED, None
    node.marks.put(IDLE)
    node.partner("standby 4 0")
    node.term.write(4)
    node.instance.after[START] = LEADING
    node.roles.promote()
    assert node.instance.asked == [START]
    assert not node.marks.has(IDLE)


@pytest.mark.parametrize("condition", [INSTANCE_DOWN, hadr.NOT_ACTIVATED, hadr.NOT_HADR])
def test_a_database_that_is_not_there_is_not_promoted(node, condition):
    node.instance.condition, node.instance.found = condition, None
    with pytest.raises(errors.CommandFailed, match="is not active"):
        node.roles.promote()


# -- demote --------------------------------------------------------------------------------


def test_a_followed_primary_becomes_a_standby_and_hands_over(node):
    node.instance.found = LEADING
    node.term.write(4)
    node.partner("standby 4 0")
    node.instance.after.update({"DEACTIVATE": None, "START AS STANDBY": LOST})
    node.roles.demote()
    assert node.instance.asked == ["DEACTIVATE", "START AS STANDBY"]
    assert node.told(survey.HANDOVER, "mn2") == "4 500"
    assert node.told(survey.DATA) == "standby 4 500"
    assert not node.marks.has(IDLE)


def test_a_primary_that_is_recovered_keeps_its_claim_and_hands_nothing_over(node):
    node.instance.found = LEADING
    node.instance.after["DEACTIVATE"] = None
    node.roles.demote(stays=True)
    assert node.instance.asked == ["DEACTIVATE"]
    assert not node.told(survey.HANDOVER, "mn2")
    assert node.marks.has(IDLE)


def test_a_primary_that_cannot_become_a_standby_is_inactive(node):
    node.instance.found = LEADING
    node.instance.after.update(
        {"DEACTIVATE": None, "START AS STANDBY": CommandRefused("no: see db2diag.log")}
    )
    node.roles.demote()
    assert node.marks.has(IDLE)
    assert node.told(survey.DATA) == "claims 0 0"
    assert node.told(survey.HANDOVER, "mn2") == "0 500"


def test_a_primary_alone_hands_nothing_over_and_keeps_its_role(node):
    node.instance.found = ALONE
    node.instance.after["DEACTIVATE"] = None
    node.roles.demote()
    assert node.instance.asked == ["DEACTIVATE"]
    assert not node.told(survey.HANDOVER, "mn2")
    assert node.marks.has(IDLE)


@pytest.mark.parametrize(
    ("mode", "state", "window"),
    [("ASYNC", hadr.PEER, 120), ("SUPERASYNC", "REMOTE_CATCHUP", 0), ("SYNC", hadr.PEER, 0)],
)
def test_where_nobody_waits_the_logs_own_end_counts(node, mode, state, window):
    node.instance.found = shows(hadr.PRIMARY, state, hadr.CONNECTED, mode, peer_window=window)
    ended = shows(
        hadr.STANDBY, hadr.LOCAL_CATCHUP, hadr.DISCONNECTED, mode, standby_log=("S1", 1, 777)
    )
    node.instance.after.update({"DEACTIVATE": None, "START AS STANDBY": ended})
    node.roles.demote()
    assert node.told(survey.HANDOVER, "mn2") == "0 777"


def test_where_nobody_waits_and_the_end_is_unknown_nothing_is_handed_over(node):
    node.instance.found = shows(hadr.PRIMARY, hadr.PEER, hadr.CONNECTED, "ASYNC")
    node.instance.after.update(
        {"DEACTIVATE": None, "START AS STANDBY": CommandRefused("no: see db2diag.log")}
    )
    node.roles.demote()
    assert not node.told(survey.HANDOVER, "mn2")


def test_a_database_that_stays_active_is_not_demoted(node):
    node.instance.found = LEADING
    node.instance.after["DEACTIVATE"] = errors.CommandFailed("still active: see who holds it")
    with pytest.raises(errors.CommandFailed):
        node.roles.demote()
    assert not node.told(survey.HANDOVER, "mn2")


# -- reintegration -------------------------------------------------------------------------


def test_a_former_primary_is_healthy_once_it_catches_up(node):
    node.partner("primary 5 0")
    node.instance.condition, node.instance.found = hadr.NOT_ACTIVATED, None
    assert node.following.must_give_way()
    node.instance.after["START AS STANDBY"] = FOLLOWING
    node.following.start_as_standby()


def test_one_that_does_not_connect_is_not(node):
    node.partner("primary 5 0")
    node.instance.after["START AS STANDBY"] = LOST
    with pytest.raises(errors.CommandFailed, match="does not connect"):
        node.following.start_as_standby()


def test_one_that_goes_inactive_has_diverged(node):
    node.partner("primary 5 0")
    node.instance.after["START AS STANDBY"] = None
    with pytest.raises(errors.NodeError, match="`xcat-hamn rejoin mn1` restores it"):
        node.following.start_as_standby()


def test_a_standby_that_nobody_leads_does_not_wait(node):
    node.instance.after["ACTIVATE"] = LOST
    node.following.activate()
    assert node.instance.asked == ["ACTIVATE"]


@pytest.mark.parametrize(
    ("theirs", "gives_way"),
    [("primary 1 0", True), ("claims 9 0", True), ("claims 4 0", False), ("standby 9 0", False)],
)
def test_who_gives_way(node, theirs, gives_way):
    node.term.write(5)
    node.partner(theirs)
    assert node.following.must_give_way() is gives_way
