"""The change of the host's name under an instance: what is done in which order, and after a break.

Whether a command of the real Db2 does it is tried on the stand-in (tests/ocf/test_db2_swap.py).
"""

from __future__ import annotations

import os

import pytest
from xcat_hamn.database.db2 import hadr, swap
from xcat_hamn.database.db2.instance import INSTANCE_DOWN
from xcat_hamn.database.db2.swap import Swap
from xcat_hamn.errors import CommandFailed
from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.lock import Lock


class Silent:
    def info(self, _message):
        """Say nothing."""

    warning = info


class StandInInstance:
    """A database in a role; every command is in ``asked`` and does what it says."""

    name, database = "xcatdb", "XCATDB"

    def __init__(self, home, role=hadr.PRIMARY, connect=hadr.CONNECTED):
        self.home = str(home)
        self.role, self.connect = role, connect
        self.up = self.active = True
        self.asked = []
        self.broken = {}

    def bear(self, name):
        os.makedirs(f"{self.home}/sqllib", exist_ok=True)
        with open(f"{self.home}/sqllib/db2nodes.cfg", "w", encoding="ascii") as stream:
            stream.write(f"0 {name} 0\n")

    def look(self):
        if not self.up:
            return INSTANCE_DOWN, None
        if not self.active:
            return hadr.NOT_ACTIVATED, None
        return hadr.ACTIVE, hadr.Hadr(role=self.role, state=hadr.PEER, connect=self.connect)

    def _do(self, command, **change):
        self.asked.append(command)
        if command in self.broken:
            raise self.broken[command]
        vars(self).update(change)

    def deactivate(self, _deadline):
        self._do("deactivate", active=False)

    def stop_instance(self):
        self._do("db2stop", up=False)

    def start_here(self):
        self.bear(os.uname().nodename)
        self._do("db2gcf", up=True)

    def activate(self):
        self._do("activate", active=True)

    def start_as_primary_alone(self):
        self._do("as primary by force", active=True)


@pytest.fixture
def instance(tmp_path):
    one = StandInInstance(tmp_path)
    one.bear(os.uname().nodename)
    return one


@pytest.fixture
def made(instance, tmp_path):
    """Return what makes a Swap as a fresh process would."""
    return lambda: Swap(instance, Deadline(9), Silent(), str(tmp_path / "run"))


ORDER = ["deactivate", "db2stop", "db2gcf", "activate"]


def test_there_and_nothing_is_left(instance, made, tmp_path):
    one = made()
    one.release()
    assert (instance.up, swap.under_way("xcatdb", str(tmp_path / "run"))) == (False, True)
    one.rebind()
    assert instance.asked == ORDER
    assert not swap.under_way("xcatdb", str(tmp_path / "run"))
    assert not made().interrupted()


@pytest.mark.parametrize(
    ("role", "connect", "last"),
    [
        (hadr.PRIMARY, hadr.CONNECTED, "activate"),
        (hadr.PRIMARY, hadr.CONGESTED, "activate"),
        (hadr.PRIMARY, hadr.DISCONNECTED, "as primary by force"),
        (hadr.STANDBY, hadr.DISCONNECTED, "activate"),
    ],
)
def test_only_a_primary_that_had_no_standby_is_started_without(instance, made, role, connect, last):
    instance.role, instance.connect = role, connect
    one = made()
    one.release()
    one.rebind()
    assert instance.asked == [*ORDER[:3], last]


def test_a_database_that_was_inactive_stays_so(instance, made):
    instance.active = False
    one = made()
    one.release()
    one.rebind()
    assert instance.asked == ["db2stop", "db2gcf"]


@pytest.mark.parametrize("name", ["localhost", "xcatmn"])
def test_an_instance_that_bears_another_name_is_left_alone(instance, made, name):
    instance.bear(name)
    one = made()
    one.release()
    one.rebind()
    assert instance.asked == []


def test_a_stopped_instance_is_left_stopped(instance, made):
    """Its next start finds the name of then."""
    instance.up = False
    one = made()
    one.release()
    one.rebind()
    assert instance.asked == []


def test_a_name_with_and_without_its_domain_is_one(instance, made):
    instance.bear(f"{os.uname().nodename.partition('.')[0]}.cluster.test")
    one = made()
    one.release()
    assert instance.asked == ORDER[:2]


@pytest.mark.parametrize("where", ORDER)
def test_one_that_fails_is_finished_by_another_process(instance, made, where):
    instance.broken[where] = CommandFailed("it did not work: look")
    one = made()
    with pytest.raises(CommandFailed):
        try:
            one.release()
        finally:
            one.rebind()
        pytest.fail("it must be said")
    if not made().interrupted():
        assert where in ("deactivate", "db2stop")  # brought back at once
    instance.broken.clear()
    one._lock.release()  # its process has ended
    made().rebind()
    assert (instance.up, instance.active) == (True, True)
    assert not made().interrupted()


def test_after_a_break_nobody_is_forced_to_be_the_primary(instance, made):
    instance.connect = hadr.DISCONNECTED
    one = made()
    one.release()
    one._lock.release()
    other = made()
    assert other.interrupted()
    with pytest.raises(CommandFailed, match="the cluster promotes it anew"):
        other.rebind()
    assert "as primary by force" not in instance.asked
    assert instance.up


def test_a_second_change_of_the_name_after_a_break_remembers_what_was_active(instance, made):
    one = made()
    one.release()
    one._lock.release()
    instance.start_here()
    other = made()
    other.release()
    other.rebind()
    assert (instance.up, instance.active) == (True, True)


def test_a_database_that_comes_back_in_another_role_is_an_error(instance, made):
    one = made()
    one.release()
    instance.role = hadr.STANDBY
    with pytest.raises(CommandFailed, match="was PRIMARY before"):
        one.rebind()


def test_only_one_at_a_time(instance, made, tmp_path):
    one = made()
    one.release()
    with pytest.raises(CommandFailed, match="another process"):
        made().rebind()
    one.rebind()


def test_whoever_starts_the_database_anyway_forgets_a_break(instance, made, tmp_path):
    directory = str(tmp_path / "run")
    one = made()
    one.release()
    one._lock.release()
    assert swap.interrupted("xcatdb", directory)
    swap.settle("xcatdb", Deadline(1), directory)
    assert not swap.interrupted("xcatdb", directory)
    assert not made().interrupted()


def test_a_lock_is_seen_by_others_and_ends_with_its_holder(tmp_path):
    path = str(tmp_path / "run/lock")
    one, other = Lock(path), Lock(path)
    assert not other.is_taken()
    assert one.take() and one.take()
    assert one.is_taken() and other.is_taken() and not other.take()
    one.release()
    one.release()
    assert not other.is_taken() and other.take()
