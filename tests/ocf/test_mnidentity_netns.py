"""The real agent on real kernel networks: two machines, one segment, everything as Pacemaker calls.

Only Pacemaker's attrd_updater is a stand-in (it notes its calls).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from machines import Machine, addresses, wait_until

BOTH = {"addresses": "10.11.0.10/24@eth0 fd11::10/64@eth0", "announcements": "1"}
NAMED = {**BOTH, "hostname": "mn"}
RECURRING = {"OCF_RESKEY_CRM_meta_interval": "10000"}
SUCCESS, GENERIC, ARGS, CONFIGURED, NOT_RUNNING = 0, 1, 2, 6, 7

#: Runs inside a machine: prints every announcement (kind, address, hardware address) it hears.
LISTENER = """
import socket, struct, sys
frames = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
frames.bind(("eth0", 0x0003))
print("listening", flush=True)
while True:
    data, (name, protocol, kind, _, source) = frames.recvfrom(2000)
    if kind == 4:
        continue
    if protocol == 0x0806 and data[14:18] == data[24:28]:
        print("arp" + str(data[7]), socket.inet_ntoa(data[14:18]), data[8:14].hex(":"), flush=True)
    if protocol == 0x86DD and data[6] == 58 and data[40] == 136:
        address = socket.inet_ntop(socket.AF_INET6, data[48:64])
        print("na", address, data[66:72].hex(":"), flush=True)
"""


@pytest.fixture
def agent(stage):
    return stage.agent("xcat-mnidentity")


@pytest.fixture
def mn1(pair):
    return pair[0]


@pytest.fixture
def mn2(pair):
    return pair[1]


def all_addresses(machine: Machine) -> str:
    """Return addresses with all their flags, as something to compare."""
    listed = json.loads(machine.run("ip", "-j", "address", "show", "dev", "eth0"))
    return json.dumps(
        [
            {key: value for key, value in one.items() if key != "tentative"}
            for one in listed[0]["addr_info"]
            if one["scope"] != "link"
        ]
    )


def reaches(machine: Machine, text: str) -> bool:
    """Tell whether the host at ``text`` answers: a closed port refuses, an absent host does not."""
    code = (
        "import socket, sys\n"
        "try: socket.create_connection((sys.argv[1], 9), timeout=3)\n"
        "except ConnectionRefusedError: print('refused')\n"
        "except OSError as problem: print(problem)\n"
    )
    return machine.run("/usr/bin/python3", "-c", code, text).strip() == "refused"


def hardware(machine: Machine) -> str:
    return json.loads(machine.run("ip", "-j", "link", "show", "dev", "eth0"))[0]["address"]


def listen(machine: Machine, tmp_path: Path):
    """Start the listener in ``machine`` and return a function that gives the lines heard."""
    import subprocess

    output = tmp_path / "heard"
    with output.open("w") as file:
        process = subprocess.Popen(
            machine.enter("setpriv", "--pdeathsig", "KILL", sys.executable, "-c", LISTENER),
            stdout=file,
        )
    wait_until(lambda: "listening" in output.read_text(), "the listener")
    return process, lambda: output.read_text().splitlines()[1:]


# --- the whole round ------------------------------------------------------------------------


def test_there_and_back_leaves_the_node_as_it_was(agent, mn1):
    before, hosts = all_addresses(mn1), Path("/etc/hostname").read_bytes()
    assert mn1.act(agent, "monitor", NAMED).code == NOT_RUNNING
    assert mn1.act(agent, "start", NAMED).code == SUCCESS
    assert mn1.has("10.11.0.10/24") and mn1.has("fd11::10/64")
    assert mn1.hostname() == "mn"
    assert mn1.act(agent, "monitor", NAMED, **RECURRING).code == SUCCESS
    assert mn1.act(agent, "start", NAMED).code == SUCCESS
    stopped = mn1.act(agent, "stop", NAMED)
    assert (stopped.code, stopped.stderr) == (SUCCESS, "")
    assert all_addresses(mn1) == before
    assert mn1.hostname() == "mn1"
    assert Path("/etc/hostname").read_bytes() == hosts
    assert mn1.act(agent, "monitor", NAMED, **RECURRING).code == NOT_RUNNING
    assert mn1.act(agent, "stop", NAMED).code == SUCCESS
    # Nothing but the memory of what was published last.
    left = mn1.run("find", "/run/xcat-hamn", "-type", "f").split()
    assert [os.path.basename(path) for path in left] == ["published.xcat-mn"]


def test_the_role_moves_and_the_neighbors_follow(agent, mn1, mn2):
    """What cn1 would see: its caches name the new holder as soon as start has returned."""
    for text in ("10.11.0.10", "fd11::10"):
        stale = ["lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale"]
        mn2.run("ip", "neighbor", "replace", text, *stale)
    assert mn1.act(agent, "start", BOTH).code == SUCCESS

    def follows():
        table = json.loads(mn2.run("ip", "-j", "neighbor", "show", "dev", "eth0"))
        known = {entry["dst"]: entry.get("lladdr") for entry in table}
        return known["10.11.0.10"] == known["fd11::10"] == hardware(mn1)

    wait_until(follows, "the neighbor's caches name mn1")
    assert mn1.act(agent, "stop", BOTH).code == SUCCESS
    assert mn2.act(agent, "start", BOTH).code == SUCCESS
    assert reaches(mn1, "10.11.0.10") and reaches(mn1, "fd11::10")


def test_own_addresses_stay_the_source_of_the_nodes_connections(agent, mn1):
    assert mn1.act(agent, "start", BOTH).code == SUCCESS
    assert "src 10.11.0.11" in mn1.run("ip", "route", "get", "10.11.0.12")
    assert "src fd11::11" in mn1.run("ip", "-6", "route", "get", "fd11::12")


# --- duplicate addresses --------------------------------------------------------------------


@pytest.mark.parametrize("text", ["10.11.0.10/24", "fd11::10/64"])
def test_an_address_that_somebody_answers_for_is_refused(agent, mn1, mn2, text):
    addresses(mn2, text)
    before = all_addresses(mn1)
    done = mn1.act(agent, "start", NAMED)
    assert done.code == GENERIC
    assert text.partition("/")[0] in done.reason
    assert hardware(mn2) in done.reason
    assert all_addresses(mn1) == before
    assert mn1.hostname() == "mn1"
    assert mn1.act(agent, "monitor", NAMED).code == NOT_RUNNING
    assert mn1.act(agent, "stop", NAMED).code == SUCCESS
    # The holder was not disturbed, and once it is gone the start succeeds.
    assert mn2.has(text)
    mn2.run("ip", "address", "del", text, "dev", "eth0")
    assert mn1.act(agent, "start", NAMED).code == SUCCESS


def test_two_nodes_that_start_at_once_do_not_both_win(agent, mn1, mn2):
    processes = [machine.begin(agent, "start", BOTH) for machine in (mn1, mn2)]
    codes = [(process.communicate(timeout=30), process.returncode)[1] for process in processes]
    assert codes.count(SUCCESS) <= 1, codes


def test_the_probe_takes_less_than_a_second_for_all_addresses(agent, mn1):
    many = " ".join(f"10.11.0.{number}/24@eth0" for number in range(100, 120))
    done = mn1.act(agent, "start", {**BOTH, "addresses": f"{many} fd11::10/64@eth0"})
    assert done.code == SUCCESS
    assert 0.6 <= done.seconds < 2.0


def test_without_the_probe_nobody_is_asked(agent, mn1, mn2):
    addresses(mn2, "10.11.0.10/24")
    assert mn1.act(agent, "start", {**BOTH, "duplicate_probe": "false"}).code == SUCCESS


# --- interfaces -----------------------------------------------------------------------------


def test_a_missing_interface_keeps_the_resource_off_this_node_only(agent, mn1):
    wrong = {"addresses": "10.11.0.10/24@eth0 10.12.0.10/24@eth7"}
    done = mn1.act(agent, "start", wrong)
    assert done.code == ARGS
    assert "eth7" in done.reason
    assert not mn1.has("10.11.0.10/24")
    for action, code in (("monitor", NOT_RUNNING), ("stop", SUCCESS)):
        assert mn1.act(agent, action, wrong).code == code


def test_a_switched_off_interface_and_a_pulled_cable_are_soft_errors(agent, mn1, mn2):
    mn2.run("ip", "link", "set", "eth0", "down")
    wait_until(lambda: "NO-CARRIER" in mn1.run("ip", "link", "show", "eth0"), "loss of carrier")
    pulled = mn1.act(agent, "start", BOTH)
    assert pulled.code == GENERIC
    assert "no carrier" in pulled.reason
    mn1.run("ip", "link", "set", "eth0", "down")
    off = mn1.act(agent, "start", BOTH)
    assert off.code == GENERIC
    assert "switched off" in off.reason


def test_carrier_loss_is_noticed_and_heals(agent, mn1, mn2):
    assert mn1.act(agent, "start", NAMED).code == SUCCESS
    mn2.run("ip", "link", "set", "eth0", "down")
    wait_until(lambda: "NO-CARRIER" in mn1.run("ip", "link", "show", "eth0"), "loss of carrier")
    done = mn1.act(agent, "monitor", NAMED, **RECURRING)
    assert done.code == GENERIC
    assert "eth0" in done.reason and "no carrier" in done.reason
    mn2.run("ip", "link", "set", "eth0", "up")
    wait_until(
        lambda: mn1.act(agent, "monitor", NAMED, **RECURRING).code == SUCCESS, "healing by itself"
    )


def test_an_interface_that_vanishes_is_a_failure_and_a_stop_that_succeeds(agent, mn1):
    assert mn1.act(agent, "start", NAMED).code == SUCCESS
    mn1.run("ip", "link", "del", "eth0")
    done = mn1.act(agent, "monitor", NAMED, **RECURRING)
    assert done.code == GENERIC
    assert "eth0" in done.reason and "does not exist" in done.reason
    assert mn1.act(agent, "stop", NAMED).code == SUCCESS
    assert mn1.hostname() == "mn1"
    assert mn1.act(agent, "monitor", NAMED).code == NOT_RUNNING


def test_half_there_is_a_failure_with_a_reason(agent, mn1):
    assert mn1.act(agent, "start", NAMED).code == SUCCESS
    mn1.run("ip", "address", "del", "10.11.0.10/24", "dev", "eth0")
    done = mn1.act(agent, "monitor", NAMED, **RECURRING)
    assert done.code == GENERIC
    assert "10.11.0.10/24 is not on eth0" in done.reason
    assert mn1.act(agent, "start", NAMED).code == SUCCESS
    assert mn1.has("10.11.0.10/24")


def test_all_removed_behind_our_back_is_not_running(agent, mn1):
    assert mn1.act(agent, "start", BOTH).code == SUCCESS
    for text in ("10.11.0.10/24", "fd11::10/64"):
        mn1.run("ip", "address", "del", text, "dev", "eth0")
    assert mn1.act(agent, "monitor", BOTH, **RECURRING).code == NOT_RUNNING


@pytest.mark.parametrize("promotes", ["0", "1"])
def test_stop_takes_no_other_address_along(agent, mn1, promotes):
    """The kernel removes secondaries with their primary, here the service address."""
    switch = "/proc/sys/net/ipv4/conf/eth0/promote_secondaries"
    mn1.run("sysctl", "-q", "-w", f"net.ipv4.conf.eth0.promote_secondaries={promotes}")
    mn1.run("sysctl", "-q", "-w", "net.ipv4.conf.all.promote_secondaries=0")
    mn1.run("ip", "-4", "address", "flush", "dev", "eth0")
    assert mn1.act(agent, "start", BOTH).code == SUCCESS
    addresses(mn1, "10.11.0.11/24", "10.11.0.77/24")
    assert "10.11.0.11/24 scope global secondary" in mn1.run("ip", "-o", "address", "show")
    assert mn1.act(agent, "stop", BOTH).code == SUCCESS
    assert not mn1.has("10.11.0.10/24")
    assert mn1.has("10.11.0.11/24") and mn1.has("10.11.0.77/24")
    assert "10.11.0.0/24" in mn1.run("ip", "route", "show")
    assert mn1.run("cat", switch).strip() == promotes


# --- host name ------------------------------------------------------------------------------


def test_a_name_changed_by_somebody_else_is_a_failure(agent, mn1):
    assert mn1.act(agent, "start", NAMED).code == SUCCESS
    mn1.run("hostname", "other")
    done = mn1.act(agent, "monitor", NAMED, **RECURRING)
    assert done.code == GENERIC
    assert '"other" and not "mn"' in done.reason


def test_a_kill_in_the_middle_of_start_still_puts_the_name_back(agent, mn1):
    mn1.run("touch", "/run/attrd_updater.hangs")
    process = mn1.begin(agent, "start", NAMED)
    wait_until(lambda: mn1.attribute_calls() != [], "start to reach its last step")
    assert mn1.hostname() == "mn"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    mn1.run("rm", "/run/attrd_updater.hangs")
    assert mn1.act(agent, "stop", NAMED).code == SUCCESS
    assert mn1.hostname() == "mn1"
    assert not mn1.has("10.11.0.10/24")


# --- announcements --------------------------------------------------------------------------


def test_announcements_repeat_in_the_background_and_stop_silences_them(agent, mn1, mn2, tmp_path):
    process, heard = listen(mn2, tmp_path)
    try:
        many = {**BOTH, "announcements": "30"}
        done = mn1.act(agent, "start", many)
        assert done.code == SUCCESS
        assert done.seconds < 2.5, "the repeats held up the start"
        source = hardware(mn1)
        first = {f"arp1 10.11.0.10 {source}", f"arp2 10.11.0.10 {source}", f"na fd11::10 {source}"}
        wait_until(lambda: first <= set(heard()), "the first announcement")
        wait_until(lambda: heard().count(f"na fd11::10 {source}") >= 3, "repeats")
        assert mn1.act(agent, "stop", many).code == SUCCESS
        token = "/run/xcat-hamn/tested/announcing"
        assert mn1.run("find", token, check=False) == ""
        wait_until(lambda: "xcat-mnidentity" not in commands_in(mn1), "the announcer's end")
        assert sum("na fd11::10" in line for line in heard()) < 30
    finally:
        process.kill()
        process.wait()


def commands_in(machine: Machine) -> str:
    """Return the command lines of all processes in the machine's network namespace."""
    wanted = os.readlink(f"/proc/{machine.pid}/ns/net")
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(directory / "ns/net") == wanted:
                found.append((directory / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return "\n".join(found)


def test_reload_announces_again_in_the_new_number(agent, mn1, mn2, tmp_path):
    assert mn1.act(agent, "start", {**BOTH, "announcements": "0"}).code == SUCCESS
    process, heard = listen(mn2, tmp_path)
    try:
        reloaded = {**BOTH, "announcements": "2"}
        assert mn1.act(agent, "reload-agent", reloaded).code == SUCCESS
        wait_until(lambda: sum("na fd11::10" in line for line in heard()) == 2, "two")
    finally:
        process.kill()
        process.wait()


# --- attributes -----------------------------------------------------------------------------


def test_the_attribute_changes_with_the_state_and_is_written_on_change_only(agent, mn1):
    quiet = {**BOTH, "check_facing": "false"}
    assert mn1.act(agent, "start", quiet).code == SUCCESS
    calls = mn1.attribute_calls()
    assert len(calls) == 1 and "active" in calls[0]
    for _ in range(3):
        mn1.act(agent, "monitor", quiet, **RECURRING)
    assert mn1.attribute_calls() == calls
    mn1.act(agent, "monitor", BOTH, **RECURRING)
    assert "warning" in mn1.attribute_calls()[-1]
    mn1.act(agent, "stop", BOTH)
    assert "--delete" in mn1.attribute_calls()[-1]


def test_the_warning_tells_which_address_xcat_would_choose(agent, mn1):
    done = mn1.act(agent, "start", BOTH, HA_debug="1")
    assert done.code == SUCCESS
    assert "xCAT's tools will write 10.11.0.11" in done.stderr


def test_no_warning_when_the_service_address_comes_first(agent, mn1):
    mn1.run("ip", "-4", "address", "flush", "dev", "eth0")
    done = mn1.act(agent, "start", BOTH, HA_debug="1")
    assert done.code == SUCCESS
    assert "WARNING" not in done.stderr
    assert "active" in mn1.attribute_calls()[-1]


# --- parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"addresses": "10.11.0.10"},
        {"addresses": "10.11.0.10/24@eth0", "hostname": "m n"},
        {"addresses": "10.11.0.10/24@eth0", "announcements": "many"},
        {"addresses": "10.11.0.10/24@eth0", "announcements": "-1"},
        {"addresses": "10.11.0.10/24@eth0", "duplicate_probe": "perhaps"},
    ],
)
def test_a_wrong_parameter_changes_nothing(agent, mn1, wrong):
    before = all_addresses(mn1)
    for action, code in (
        ("validate-all", CONFIGURED),
        ("start", CONFIGURED),
        ("monitor", NOT_RUNNING),
        ("stop", SUCCESS),
    ):
        done = mn1.act(agent, action, wrong)
        assert done.code == code, action
        assert bool(done.reason) == (code == CONFIGURED)
    assert all_addresses(mn1) == before
    assert mn1.run("find", "/run/xcat-hamn", check=False) == ""


def test_validation_of_syntax_does_not_look_at_the_machine(agent, mn1):
    elsewhere = {"addresses": "10.99.0.10/24@no-such-if"}
    assert mn1.act(agent, "validate-all", elsewhere).code == SUCCESS
    assert mn1.act(agent, "validate-all", elsewhere, OCF_CHECK_LEVEL="10").code == ARGS


def test_validation_of_the_machine(agent, mn1, mn2, tmp_path):
    def validate(parameters):
        return mn1.act(agent, "validate-all", parameters, OCF_CHECK_LEVEL="10")

    assert validate(BOTH).code == SUCCESS
    assert "no network of eth0" in validate({"addresses": "10.12.0.10/24@eth0"}).reason
    hosts = tmp_path / "hosts"
    hosts.write_text("10.11.0.11 mn\n")
    mn1.run("mount", "--bind", str(hosts), "/etc/hosts")
    assert "/etc/hosts gives mn the address 10.11.0.11" in validate(NAMED).reason
    hosts.write_text("10.11.0.10 mn.cluster.test mn\n")
    assert validate(NAMED).code == SUCCESS
    addresses(mn2, "fd11::10/64")
    assert "fd11::10 is held by another host" in validate(NAMED).reason
    assert not mn1.has("10.11.0.10/24")
    # While it runs here, its own addresses are no conflict.
    mn2.run("ip", "address", "del", "fd11::10/64", "dev", "eth0")
    assert mn1.act(agent, "start", NAMED).code == SUCCESS
    assert validate(NAMED).code == SUCCESS


def test_a_missing_tool_is_named(agent, mn1, tmp_path):
    absent = tmp_path / "absent"
    absent.touch(mode=0o644)
    for path in ("/usr/sbin/ip", "/usr/bin/ip"):
        if os.path.exists(path):
            mn1.run("mount", "--bind", str(absent), os.path.realpath(path))
    done = mn1.act(agent, "start", BOTH)
    assert done.code == 5
    assert "`ip` is not installed" in done.reason


def test_instances_side_by_side(agent, mn1):
    one = {"addresses": "10.11.0.10/24@eth0", "announcements": "1"}
    two = {"addresses": "10.11.0.20/24@eth0", "announcements": "1"}
    processes = [
        mn1.begin(agent, "start", parameters, OCF_RESOURCE_INSTANCE=instance)
        for instance, parameters in (("one", one), ("two", two))
    ]
    for process in processes:
        assert (process.communicate(timeout=30), process.returncode)[1] == SUCCESS
    assert mn1.act(agent, "stop", one, OCF_RESOURCE_INSTANCE="one").code == SUCCESS
    assert mn1.act(agent, "monitor", two, OCF_RESOURCE_INSTANCE="two", **RECURRING).code == SUCCESS
    assert mn1.has("10.11.0.20/24")


# --- the kernel's listing -------------------------------------------------------------------


def test_the_listing_agrees_with_iproute2(stage, mn1):
    """Every kind of link and address that an MN may have, against `ip -j`."""
    for command in (
        "link add br0 type bridge",
        "link set br0 up",
        "address add 192.0.2.1 peer 192.0.2.2/32 dev br0",
        "address add 2001:db8::1/128 dev lo nodad",
        "address add 10.11.0.99/24 dev eth0 label eth0:old",
        "address add 10.0.0.1/8 dev br0",
        "address add 10.0.0.2/8 dev br0",
    ):
        mn1.run("ip", *command.split())
    for kind in ("dummy0 type dummy", "vlan7 link eth0 type vlan id 7", "sit1 type sit"):
        mn1.run("ip", "link", "add", *kind.split(), check=False)  # where the kernel has them
    code = (
        f"import sys; sys.path.insert(0, {str(stage.python)!r})\n"
        "from xcat_hamn.identity.linux import LinuxNetwork\n"
        "from xcat_hamn.identity.addresses import shown\n"
        "seen = LinuxNetwork(None).snapshot()\n"
        "print([[l.name, l.up, l.carrier] for l in seen.links.values()])\n"
        "print([[h.interface, shown(h.address), h.prefix, h.secondary] for h in seen.held])\n"
    )
    links, held = mn1.run("/usr/bin/python3", "-IS", "-c", code).splitlines()
    listed = json.loads(mn1.run("ip", "-j", "address", "show"))
    assert eval(links) == [
        [one["ifname"], "UP" in one["flags"], "LOWER_UP" in one["flags"]] for one in listed
    ]
    assert eval(held) == [
        [one["ifname"], entry["local"], entry["prefixlen"], entry.get("secondary", False)]
        for one in listed
        for entry in one["addr_info"]
    ]
