"""Taking and giving back, on a network and a host name that only exist here."""

from __future__ import annotations

import pytest
from xcat_hamn.errors import HamnError, NodeError
from xcat_hamn.identity.addresses import parse
from xcat_hamn.identity.changes import Identity
from xcat_hamn.identity.hostname import DatabaseHooks, HostName
from xcat_hamn.identity.network import Held, Link, Network, Snapshot
from xcat_hamn.identity.record import Record

WANTED = parse("10.11.0.10/24@eth0 fd11::10/64@eth0")


class StandInNetwork(Network):
    """Links and addresses in memory; ``others`` hold addresses on the segment."""

    def __init__(self):
        self.links = [Link("eth0", up=True, carrier=True)]
        self.have = []
        self.others = {}
        self.announced = []
        self.broken = set()
        self.asked = []

    def snapshot(self):
        return Snapshot(
            self.links, [Held(one.address, one.prefix, one.interface) for one in self.have]
        )

    def add(self, address):
        if f"add {address.text}" in self.broken:
            raise HamnError(f"cannot add {address.text}")
        self.have.append(address)

    def remove(self, address):
        if f"remove {address.text}" in self.broken:
            raise HamnError(f"cannot remove {address.text}")
        if address in self.have:
            self.have.remove(address)

    def holders(self, addresses, seconds):
        self.asked.extend(addresses)
        return {one: self.others[one.text] for one in addresses if one.text in self.others}

    def announce(self, addresses):
        if "announce" in self.broken:
            raise HamnError("cannot announce")
        self.announced.append([address.text for address in addresses])


class StandInHost(HostName):
    def __init__(self, name="mn1"):
        self.name = self.static = name
        self.broken = False

    def current(self):
        return self.name

    def own(self):
        return self.static

    def set(self, name):
        if self.broken:
            raise HamnError("cannot set the name")
        self.name = name


class Log:
    def __init__(self):
        self.lines = []

    def info(self, message):
        self.lines.append(message)

    warning = info


class Hooks(DatabaseHooks):
    def __init__(self, host):
        self.host = host
        self.calls = []
        self.broken = self.was_interrupted = False

    def release(self):
        self.calls.append(("release", self.host.name))

    def rebind(self):
        self.calls.append(("rebind", self.host.name))
        if self.broken:
            raise HamnError("the database is stuck")

    def interrupted(self):
        return self.was_interrupted


class Bench:
    def __init__(self, directory):
        self.network, self.host, self.log = StandInNetwork(), StandInHost(), Log()
        self.hooks = Hooks(self.host)
        self.record = Record(str(directory))

    def identity(self):
        """Return it as a fresh process would make it."""
        return Identity(self.network, self.host, self.record, self.log, self.hooks)

    def take(self, name="mn", wanted=WANTED, **options):
        self.identity().take(wanted, name, **{"probe": True, "announcements": 1, **options})

    def give_back(self, wanted=WANTED):
        self.identity().give_back(wanted)

    def state(self):
        return self.network.have, self.host.name


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_there_and_back(bench):
    bench.take()
    assert bench.state() == (WANTED, "mn")
    assert bench.network.announced == [["10.11.0.10", "fd11::10"]]
    bench.give_back()
    assert bench.state() == ([], "mn1")
    assert bench.record.read() is None


def test_taking_twice_asks_nobody_again_and_forgets_nothing(bench):
    bench.take()
    bench.network.asked.clear()
    bench.take()
    assert bench.network.asked == []
    bench.give_back()
    assert bench.host.name == "mn1"


def test_giving_back_twice_is_fine(bench):
    bench.give_back()
    bench.take()
    bench.give_back()
    bench.give_back()
    assert bench.state() == ([], "mn1")


def test_without_a_name_the_name_is_left_alone(bench):
    bench.take(name="")
    assert bench.host.name == "mn1"
    bench.host.name = "renamed-meanwhile"
    bench.give_back()
    assert bench.host.name == "renamed-meanwhile"
    assert bench.hooks.calls == []


def test_the_database_is_told_around_each_change_of_the_name(bench):
    bench.take()
    bench.take()
    bench.give_back()
    assert bench.hooks.calls == [
        ("release", "mn1"),
        ("rebind", "mn"),
        ("release", "mn"),
        ("rebind", "mn1"),
    ]


def test_a_database_that_was_left_halfway_is_brought_back(bench):
    bench.take()
    bench.hooks.calls.clear()
    bench.hooks.was_interrupted = True
    bench.take()
    assert bench.hooks.calls == [("rebind", "mn")]
    bench.host.name = "mn1"
    bench.hooks.calls.clear()
    bench.give_back()
    assert bench.hooks.calls == [("rebind", "mn1")]


def test_a_database_that_does_not_follow_fails_the_start_and_never_the_stop(bench):
    bench.hooks.broken = True
    with pytest.raises(HamnError, match="stuck"):
        bench.take()
    assert bench.network.have == []
    bench.give_back()
    assert bench.state() == ([], "mn1")
    assert any("did not follow" in line for line in bench.log.lines)


def test_an_address_that_another_host_holds_changes_nothing(bench):
    bench.network.others["fd11::10"] = "02:00:00:00:00:02"
    with pytest.raises(HamnError, match=r"fd11::10 is held by another host .*02:00:00:00:00:02"):
        bench.take()
    assert bench.state() == ([], "mn1")
    assert bench.record.read() is None
    assert bench.network.announced == []
    bench.take(probe=False)
    assert bench.state() == (WANTED, "mn")


def test_only_what_is_missing_is_asked_for_and_added(bench):
    bench.take()
    bench.network.have.remove(WANTED[1])
    bench.network.asked.clear()
    bench.take()
    assert bench.network.asked == [WANTED[1]]
    assert sorted(bench.network.have, key=str) == sorted(WANTED, key=str)


def test_a_missing_interface_bans_the_node_and_changes_nothing(bench):
    bench.network.links = []
    with pytest.raises(NodeError):
        bench.take()
    assert bench.record.read() is None


def test_a_failure_half_way_is_undone(bench):
    bench.network.broken.add("add fd11::10")
    with pytest.raises(HamnError, match="cannot add fd11::10"):
        bench.take()
    assert bench.state() == ([], "mn1")


def test_an_announcement_that_fails_is_a_warning(bench):
    bench.network.broken.add("announce")
    bench.take()
    assert bench.state() == (WANTED, "mn")
    assert "cannot announce" in bench.log.lines


def test_a_name_that_cannot_be_set_takes_the_addresses_back(bench):
    bench.host.broken = True
    with pytest.raises(HamnError, match="cannot set the name"):
        bench.take()
    assert bench.state() == ([], "mn1")
    assert bench.hooks.calls[-1] == ("rebind", "mn1")


def test_addresses_that_were_here_before_a_failure_stay(bench):
    bench.network.have.append(WANTED[0])
    bench.network.broken.add("add fd11::10")
    with pytest.raises(HamnError):
        bench.take()
    assert bench.network.have == [WANTED[0]]


def test_a_kill_after_any_step_leaves_enough_to_undo(bench):
    """The agent dies at its worst moment: the next process still finds the own name."""

    class Killed(BaseException):
        pass

    real = bench.host.set

    def set_and_die(name):
        real(name)
        raise Killed

    bench.host.set = set_and_die
    # A kill runs no handler of ours.
    bench.network.remove = lambda address: None
    with pytest.raises(Killed):
        bench.take()
    del bench.network.remove
    bench.host.set = real
    assert bench.state() == (WANTED, "mn")
    bench.give_back()
    assert bench.state() == ([], "mn1")


def test_one_address_that_sticks_does_not_keep_the_rest(bench):
    bench.take()
    bench.network.broken.add("remove 10.11.0.10")
    with pytest.raises(HamnError, match=r"cannot remove 10\.11\.0\.10"):
        bench.give_back()
    assert bench.state() == ([WANTED[0]], "mn1")
    assert bench.record.read() is not None
    bench.network.broken.clear()
    bench.give_back()
    assert bench.state() == ([], "mn1")


def test_what_was_added_under_older_parameters_goes_too(bench):
    old = parse("10.11.0.9/24@eth0")
    bench.take(wanted=old)
    bench.give_back(WANTED)
    assert bench.network.have == []


def test_an_address_that_comes_back_by_itself_fails_the_stop(bench):
    bench.take()
    bench.network.remove = lambda address: None
    with pytest.raises(HamnError, match="again right after its removal"):
        bench.give_back()


def test_an_address_that_does_not_stay_fails_the_start(bench):
    bench.network.add = lambda address: None
    with pytest.raises(HamnError, match="is not on eth0 right after it was added"):
        bench.take()


def test_the_own_name_of_a_node_that_bears_the_name_already(bench):
    """A forgotten record: what a reboot would give is the best answer."""
    bench.host.name = "mn"
    bench.take()
    bench.give_back()
    assert bench.host.name == "mn1"


def test_a_name_that_somebody_else_set_is_left_alone(bench):
    bench.take()
    bench.host.name = "renamed-by-the-administrator"
    bench.give_back()
    assert bench.host.name == "renamed-by-the-administrator"
    assert any("left alone" in line for line in bench.log.lines)


def test_an_address_from_the_network_configuration_is_noticed(bench):
    bench.network.have.append(WANTED[0])
    bench.take()
    assert any("was here before the cluster put it here" in line for line in bench.log.lines)
    bench.log.lines.clear()
    bench.take()
    assert not any("was here before" in line for line in bench.log.lines)


def test_links_that_cannot_be_asked_are_named(bench):
    bench.network.links = [Link("eth0", up=True, carrier=True, askable=False)]
    bench.take()
    assert any("on eth0, which is no Ethernet" in line for line in bench.log.lines)
