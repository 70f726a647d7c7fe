"""Daemons are found by what the kernel says of them, not by what a unit claims."""

from __future__ import annotations

import pytest
from xcat_hamn.services.processes import Processes, control_group, is_named, parse_stat


@pytest.mark.parametrize(
    ("comm", "names", "same"),
    [
        ("named", ("named",), True),
        ("xcatd", ("xcatd",), True),
        ("xcatd: SSL list", ("xcatd",), True),
        ("xcatd SSL: tabd", ("xcatd",), True),
        ("named-checkconf", ("named",), False),
        ("dhcpd6", ("dhcpd",), False),
        ("rename", ("named", "dhcpd"), False),
        ("kea-dhcp4", ("dhcpd", "kea-dhcp4"), True),
    ],
)
def test_a_daemon_is_told_by_its_name(comm, names, same):
    assert is_named(comm, names) is same


def test_a_process_may_call_itself_anything():
    assert parse_stat("17 (a) R (b) S 1 17 17 0 -1") == ("a) R (b", "S")


@pytest.mark.parametrize(
    ("init", "root"),
    [
        ("0::/init.scope\n", "/sys/fs/cgroup"),
        ("0::/machine.slice/mn1/init.scope\n", "/sys/fs/cgroup/machine.slice/mn1"),
        (
            "5:pids:/init.scope\n1:name=systemd:/init.scope\n0::/init.scope\n",
            "/sys/fs/cgroup/systemd",
        ),
        ("1:name=systemd:/\n0::/\n", ""),
        ("", ""),
    ],
)
def test_where_systemd_keeps_its_groups(init, root):
    assert control_group(init) == root


@pytest.fixture
def proc(tmp_path):
    """A /proc with processes: pid -> (comm, state, pid namespace)."""

    def make(table):
        for pid, (comm, state, namespace) in {**table, "self": ("x", "R", "1")}.items():
            folder = tmp_path / str(pid)
            (folder / "ns").mkdir(parents=True)
            (folder / "stat").write_text(f"{pid} ({comm}) {state} 1 1\n")
            (folder / "ns" / "pid").symlink_to(f"pid:[{namespace}]")
        (tmp_path / "uptime").write_text("1 1\n")
        return Processes(str(tmp_path))

    return make


def test_a_container_s_daemon_and_a_dead_one_are_not_ours(proc):
    processes = proc(
        {
            "10": ("dhcpd", "S", "1"),
            "11": ("dhcpd", "S", "2"),
            "12": ("dhcpd", "Z", "1"),
            "13": ("named", "S", "1"),
        }
    )
    assert [one.pid for one in processes.anywhere(("dhcpd",))] == [10]
    assert [one.pid for one in processes.of(("no-such-unit",), ("dhcpd",))] == [10]


def test_a_suspended_daemon_is_told(proc):
    (found,) = proc({"10": ("dhcpd", "T", "1")}).anywhere(("dhcpd",))
    assert found.suspended
