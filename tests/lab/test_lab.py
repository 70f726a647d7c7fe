"""The lab keeps its own promises: power, cable, commands, and that nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from labkit import CommandFailed, Lab, LabError, cgroups, host, image, leftovers, network, wait_for
from labkit.lab import remove_orphans

COMMAND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab")


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command `lab` as a person would."""
    ended: subprocess.CompletedProcess[str] = subprocess.run(
        ["/usr/bin/python3", COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,  # type: ignore[call-overload]
    )
    return ended


def traces(name: str) -> list[str]:
    """Return all that carries the name of this lab on the host."""
    of_lab = leftovers.of_lab(name)
    found = [f"process {pid}" for pid in host.processes() if of_lab(pid)]
    found += [f"namespace {one}" for one in network.names(name)]
    for mount in cgroups.mounts():
        found += [f"group {one}" for one in os.listdir(mount) if one.startswith(f"xcatlab.{name}.")]
    with open("/proc/self/mounts", encoding="utf-8") as stream:
        found += [line for line in stream if f"/{name}/" in line or f"xcatlab.{name}." in line]
    for folder in (host.STATE, "/run", "/run/systemd/nspawn", "/tmp"):
        with contextlib.suppress(FileNotFoundError):
            for one in os.listdir(folder):
                if one in (name, f"{name}.new", f"{name}.lock") or f"xcatlab-{name}" in one:
                    found.append(f"file {folder}/{one}")
    return found


@pytest.fixture
def other(release: str) -> Iterator[Lab]:
    """Give a lab that is not up, beside the shared one."""
    beside = Lab(f"test-{os.getpid()}-b", release)
    yield beside
    beside.down()


# -- commands in nodes ----------------------------------------------------------------------


def test_nodes_are_named_and_reach_each_other_by_both_protocols(lab: Lab) -> None:
    for node in lab.nodes.values():
        assert node.output("hostname") == node.name
        assert node.output("hostname", "--fqdn") == f"{node.name}.cluster.test"
        for peer in lab.nodes.values():
            node.run(["ping", "-c1", "-W2", peer.ipv4])
            node.run(["ping", "-c1", "-W2", peer.ipv6])


def test_nothing_failed_while_booting(lab: Lab) -> None:
    for node in lab.nodes.values():
        assert node.output("systemctl", "--failed", "--no-legend") == ""


def test_exec_passes_input_output_and_code_on(lab: Lab) -> None:
    script = "cat; echo bad >&2; exit 7"
    ended = run("--name", lab.name, "exec", "cn1", "sh", "-c", script, input="good\n")
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "good\n", "bad\n")


def test_exec_ends_a_command_that_takes_too_long(lab: Lab) -> None:
    slow = ["exec", "--timeout", "0.5", "cn1", "sleep", "4711"]
    assert run("--name", lab.name, *slow).returncode == 124
    with pytest.raises(CommandFailed, match="did not end in time"):
        lab.node("cn1").run(["sleep", "4711"], timeout=0.5)
    lab.node("cn1").wait_for(["sh", "-c", "! pgrep -f '^sleep 4711'"], 5)


def test_commands_do_not_inherit_the_callers_environment(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCF_ROOT", "/somewhere")
    seen = lab.node("mn1").run(["env"], env={"WANTED": "yes"}).stdout.split()
    assert "WANTED=yes" in seen
    assert not [one for one in seen if one.startswith("OCF_ROOT")]


def test_files_arrive_with_content_owner_and_mode(lab: Lab) -> None:
    node = lab.node("mn1")
    node.put("/tmp/deep/er/file", b"one\0two", 0o640, "postgres:postgres")
    assert node.get("/tmp/deep/er/file") == "one\0two"
    shown = node.output("stat", "-c", "%a %U:%G", "/tmp/deep/er/file")
    assert shown == "640 postgres:postgres"


# -- power and cable ------------------------------------------------------------------------


def test_a_crash_is_silent_and_the_disk_survives_it(mended: Lab) -> None:
    """A peer of a machine without power hears nothing, not even the end of a connection."""
    victim, peer = mended.node("mn1"), mended.node("cn1")
    victim.put("/root/kept", "before\n")
    victim.run(["ip", "address", "add", "10.11.0.10/24", "dev", "eth0"])
    boot = victim.get("/proc/sys/kernel/random/boot_id")
    init = victim.init()
    listening = ("import socket, sys; s = socket.create_connection((sys.argv[1], 22)); s.recv(99);"
                 "print('open', flush=True); s.settimeout(2.5); print(s.recv(99))")  # fmt: skip
    client = peer.popen(["python3", "-c", listening, victim.ipv4])
    assert client.stdout is not None
    assert client.stdout.readline() == "open\n"
    mended.crash("mn1")
    assert not victim.running()
    said, complaint = client.communicate(timeout=20)
    assert said == "", "the peer heard the connection end"
    assert "TimeoutError" in complaint
    assert not peer.succeeds("ping", "-c1", "-W1", victim.ipv4)
    assert not peer.succeeds("ping", "-c1", "-W1", "10.11.0.10")
    assert "Startup finished" in victim.journal()
    mended.boot("mn1")
    assert victim.get("/root/kept") == "before\n"
    assert victim.init() != init
    assert victim.get("/etc/machine-id") != peer.get("/etc/machine-id")
    peer.wait_for(["ping", "-c1", "-W1", victim.ipv4], 10)
    peer.wait_for(["ping", "-c1", "-W1", victim.ipv6], 10)
    assert "10.11.0.10/" not in victim.output("ip", "address"), "an address outlived the power"
    assert boot  # the kernel is the host's, so its boot id does not tell the boots apart


def test_a_reboot_from_inside_forgets_added_addresses(mended: Lab) -> None:
    node = mended.node("mn2")
    node.run(["ip", "address", "add", "10.11.0.10/24", "dev", "eth0"])
    first = node.init()
    node.run(["systemctl", "reboot"], check=False)
    wait_for(lambda: node.init() not in (None, first), 30, what="the next init")
    node.wait_booted()
    assert "10.11.0.10/" not in node.output("ip", "address")
    mended.node("cn1").wait_for(["ping", "-c1", "-W1", node.ipv4], 10)


def test_a_cut_cable_loses_the_carrier_until_it_is_healed(mended: Lab) -> None:
    node, peer = mended.node("mn2"), mended.node("mn1")
    mended.cut("mn2")
    node.wait_for(lambda: node.get("/sys/class/net/eth0/carrier").strip() == "0", 5)
    assert not peer.succeeds("ping", "-c1", "-W1", node.ipv4)
    mended.heal("mn2")
    peer.wait_for(["ping", "-c1", "-W1", node.ipv4], 10)


# -- the cluster ----------------------------------------------------------------------------


def test_the_cluster_obeys_pcs_resource_move(cluster: Lab) -> None:
    node = cluster.node("mn1")
    node.run(["pcs", "property", "set", "stonith-enabled=false"])
    node.run(["pcs", "resource", "create", "try", "ocf:heartbeat:Dummy", "--wait=30"])
    at = node.output("crm_resource", "--locate", "--resource=try").split()[-1]
    to = "mn2" if at == "mn1" else "mn1"
    node.run(["pcs", "resource", "move", "try", to], timeout=90)
    assert node.output("crm_resource", "--locate", "--resource=try").split()[-1] == to
    assert "rsc_location" not in node.output("cibadmin", "--query", "--scope=constraints")


def test_the_cluster_keeps_the_default_timers(cluster: Lab) -> None:
    node = cluster.node("mn1")
    assert "dc-deadtime" not in node.output("cibadmin", "--query", "--scope=crm_config")
    assert "token" not in node.get("/etc/corosync/corosync.conf")
    status = node.output("pcs", "cluster", "status")
    assert "mn1: Online" in status
    assert "mn2: Online" in status


# -- nothing stays behind -------------------------------------------------------------------


def test_two_labs_share_no_wire_and_one_leaves_no_trace(lab: Lab, other: Lab) -> None:
    other.up()
    lab.node("cn1").put("/root/mine", "the first lab's\n")
    assert not other.node("cn1").succeeds("test", "-e", "/root/mine")
    # The same addresses live in both labs; each hears its own node only.
    lab.cut("mn2")
    assert other.node("cn1").succeeds("ping", "-c1", "-W2", "10.11.0.12")
    assert not lab.node("cn1").succeeds("ping", "-c1", "-W1", "10.11.0.12")
    lab.heal("mn2")
    other.down()
    assert traces(other.name) == []
    assert lab.node("cn1").get("/root/mine") == "the first lab's\n"


def test_ups_that_were_killed_do_not_hinder_the_next(lab: Lab, other: Lab) -> None:
    command = [COMMAND, "--release", other.release, "--name", other.name, "up"]
    for after in (0.1, 0.3, 0.6, 1.5):
        killed = subprocess.Popen(["/usr/bin/python3", *command], stderr=subprocess.DEVNULL)
        time.sleep(after)
        killed.kill()
        killed.wait()
    other.up()
    assert [node.output("hostname") for node in other.nodes.values()] == ["mn1", "mn2", "cn1"]
    other.down()
    assert traces(other.name) == []


def test_ctrl_c_during_up_leaves_nothing(lab: Lab, other: Lab) -> None:
    command = [COMMAND, "--release", other.release, "--name", other.name, "up"]
    booting = subprocess.Popen(["/usr/bin/python3", *command], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len([one for one in traces(other.name) if "process" in one]) > 5, 20)
    booting.send_signal(signal.SIGINT)
    _, said = booting.communicate(timeout=30)
    assert booting.returncode == 130
    assert said == "lab: interrupted\n"
    assert traces(other.name) == []


def test_a_lab_of_a_dead_test_run_is_removed(
    release: str, capfd: pytest.CaptureFixture[str]
) -> None:
    name = f"test-{os.getpid()}-dead"
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from labkit import Lab\n"
        "Lab(sys.argv[2], sys.argv[3]).up(mine=True); os._exit(9)"
    )
    argv = ["/usr/bin/python3", "-c", script, os.path.dirname(COMMAND), name, release]
    assert subprocess.run(argv, check=False).returncode == 9
    assert traces(name) != []
    remove_orphans()
    assert traces(name) == []
    assert f"removing lab '{name}', whose owner is dead" in capfd.readouterr().err


def test_a_removal_never_reaches_through_a_mount(tmp_path: pathlib.Path) -> None:
    """An interrupted image build once had the host's own folders below what was removed."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "precious").write_text("kept")
    (tmp_path / "image" / "dev").mkdir(parents=True)
    host.call(["mount", "--bind", str(tmp_path / "host"), str(tmp_path / "image" / "dev")])
    host.remove_tree(str(tmp_path / "image"))
    assert not (tmp_path / "image").exists()
    assert (tmp_path / "host" / "precious").read_text() == "kept"


def test_a_build_that_was_killed_is_ended_and_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(host, "CACHE", str(tmp_path))
    os.makedirs(f"{tmp_path}/.nowhere.new/root")
    env = host.environment({host.MARK: "build.nowhere"})
    orphan = subprocess.Popen(["sleep", "60"], env=env)
    leftovers.end_build("nowhere")
    assert orphan.wait(5) == -signal.SIGKILL
    assert os.listdir(tmp_path) == []


# -- one sentence ---------------------------------------------------------------------------


def test_without_root_there_is_one_sentence_and_code_77() -> None:
    ended = run("up", user=65534, group=65534)
    assert ended.returncode == 77
    assert ended.stderr == "lab: The lab boots whole machines and needs root: run it as root.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--name", "Bad Name", "up"], "'Bad Name' cannot be a lab's name"),
        (["--name", "nobody", "crash", "mn1"], "The lab 'nobody' is not up"),
        (["--name", "nobody", "exec", "mn1", "true"], "mn1 of lab 'nobody' is not running"),
        (["--name", "nobody", "exec", "mn9", "true"], "There is no node 'mn9'"),
    ],
)
def test_a_wrong_request_gets_one_sentence(arguments: list[str], sentence: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_running_node_cannot_be_booted_again(lab: Lab) -> None:
    before = lab.node("cn1").init()
    with pytest.raises(LabError, match="running already"):
        lab.boot("cn1")
    assert lab.node("cn1").init() == before


def test_the_image_is_named_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.key("bookworm")
    assert before == image.key("bookworm")
    assert before != image.key("trixie")
    monkeypatch.setattr(image, "PACKAGES", [*image.PACKAGES, "one-more"])
    assert before != image.key("bookworm")
