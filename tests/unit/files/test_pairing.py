"""xcat-hamn setup files between two nodes of one machine, each with OpenSSH's own server."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from two_nodes import RECEIVER, ROOT, Node, Server, can_run
from xcat_hamn.cli import exits
from xcat_hamn.cli.setup_files import Work
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.errors import NodeError
from xcat_hamn.files import pairing
from xcat_hamn.files.pairing import Side
from xcat_hamn.files.promotion import become_source
from xcat_hamn.files.transfer import SshTransfer
from xcat_hamn.system.remote import Remote, Unreachable
from xcat_hamn.system.runner import Runner

#: Stands in for xcat-hamn on the other node: the same question, with this test's places.
TOOL = """\
import json, sys
sys.path[:0] = [{agents!r}, {tests!r}]
from test_pairing import side
from xcat_hamn.cli.setup_files import Work
from xcat_hamn.cli.terminal import Terminal
from xcat_hamn.system.runner import Runner
assert sys.argv[1:] == ["--check", "--json", "--file", "/etc/xcat/hamn.conf"]
sides = [side(*words, Runner()) for words in {sides!r}]
work = Work(sides, "", Terminal(quiet=True))
work.ask_from_here()
print(json.dumps(work.as_json()))
"""


def side(name: str, under: str, port: int, runner: Runner) -> Side:
    """Return the side of a node whose places are below ``under``."""
    from xcat_hamn.files.places import Places

    sshd = f"{under}.sshd"
    return Side(name, "127.0.0.1", runner, Places(under), f"{under}.receive", sshd,
                f"{sshd}/authorized_keys", port)  # fmt: skip


class Two:
    """Two nodes that know nothing of each other; the administrator may log in to mn2."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.nodes = {name: Node(name, top) for name in ("mn1", "mn2")}
        self.servers = {name: Server(top / f"{name}.sshd") for name in self.nodes}
        for name, server in self.servers.items():
            public = Path(f"{server.key}.pub")
            public.rename(server.directory / "ssh_host_ed25519_key.pub")
            receive = top / f"{name}.receive"
            words = f'{sys.executable} -IS {RECEIVER} --under {self.nodes[name].under} "$@"'
            receive.write_text(f"#!/bin/sh\nexec {words}\n")
            receive.chmod(0o755)
        self._administrator()
        self.runner = Runner()
        self.remote = Remote("127.0.0.1", str(top), self._options)

    def _administrator(self) -> None:
        server = self.servers["mn2"]
        server.root_login = "prohibit-password"
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.top / "admin")]
        subprocess.run(argv, check=True, timeout=30)
        self.admin_line = (self.top / "admin.pub").read_text()
        server.authorized.write_text(self.admin_line)
        host_key = (server.directory / "ssh_host_ed25519_key.pub").read_text()
        (self.top / "known").write_text(f"[127.0.0.1]:{server.port} {host_key}")
        self._options = {
            "Port": str(server.port), "IdentityFile": str(self.top / "admin"),
            "IdentitiesOnly": "yes", "UserKnownHostsFile": str(self.top / "known"),
        }  # fmt: skip

    def sides(self) -> list[Side]:
        doors = {"mn1": self.runner, "mn2": self.remote}
        return [side(*self.words(name), door) for name, door in doors.items()]

    def words(self, name: str) -> tuple[str, str, int]:
        return name, str(self.nodes[name].under), self.servers[name].port

    def work(self) -> Work:
        words = {
            "agents": str(ROOT / "agents"), "tests": str(Path(__file__).parent),
            "sides": [self.words("mn2"), self.words("mn1")],
        }  # fmt: skip
        tool = self.top / "tool.py"
        tool.write_text(TOOL.format(**words))
        return Work(self.sides(), "/etc/xcat/hamn.conf", Terminal(), [sys.executable, str(tool)])

    def run(self) -> dict[str, object]:
        work = self.work()
        work.go()
        return work.as_json()

    def stop(self) -> None:
        self.remote.close()
        for server in self.servers.values():
            server.stop()


@pytest.fixture
def two() -> Iterator[Two]:
    why = can_run()
    if why:
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="xcat-files-") as top:
        made = Two(Path(top))
        try:
            for server in made.servers.values():
                server.start()
            yield made
        finally:
            made.stop()


def everything(two: Two) -> dict[str, bytes]:
    """Return all files of both nodes but what servers write."""
    found = {}
    for path in sorted(two.top.rglob("*")):
        if path.is_file() and path.name not in ("log", "pid", "tool.py"):
            found[str(path)] = path.read_bytes()
    return found


def test_two_strangers_copy_files_afterwards_both_ways(two, capsys):
    told = two.run()
    assert told["changed"] is True
    assert {step["done"] for step in told["steps"]} == {"now"}
    assert [(one["from"], one["to"], one["ok"]) for one in told["answers"]] == [
        ("mn1", "mn2", True),
        ("mn2", "mn1", True),
    ]
    assert told["exit_code"] == exits.OK
    assert "mn1 and mn2 can copy files to each other." in capsys.readouterr().out

    for here, there in (("mn1", "mn2"), ("mn2", "mn1")):
        source, replica = two.nodes[here], two.nodes[there]
        source.write(f"install/from-{here}", f"{here}\n")
        become_source(source.places, here, *([] if here == "mn1" else [seen(two)]))
        transfer = SshTransfer(
            here, there, "127.0.0.1", source.places, Runner(), port=two.servers[there].port
        )
        result = transfer.full(source.set("install"))
        transfer.close()
        assert result.ok, result.sentence
        assert replica.path(f"install/from-{here}").read_text() == f"{here}\n"


def seen(two):
    from xcat_hamn.files import epoch

    return epoch.read(two.nodes["mn1"].places.epoch)


def test_a_second_time_nothing_is_changed_and_other_lines_stay(two):
    authorized = two.servers["mn2"].authorized
    two.run()
    authorized.write_text(authorized.read_text() + "# the administrator's own\n")
    before = everything(two)
    told = two.run()
    assert told["changed"] is False
    assert {step["done"] for step in told["steps"]} == {"before"}
    assert all(one["ok"] for one in told["answers"])
    assert everything(two) == before
    lines = authorized.read_text().splitlines()
    assert lines[0] == two.admin_line.strip()
    assert lines[1].startswith("restrict,command=")
    for node in two.nodes.values():
        assert Path(node.places.keys).stat().st_mode & 0o777 == 0o700
        assert (Path(node.places.keys) / "id").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_changes_nothing_and_says_what_is_missing(two, capsys):
    before = everything(two)
    work = two.work()
    work.rehearse()
    assert {step["done"] for step in work.as_json()["steps"]} == {"no"}
    assert everything(two) == before
    assert "8 of 8 steps are to be done" in capsys.readouterr().out
    two.run()
    work = two.work()
    work.rehearse()
    assert "0 of 8 steps are to be done" in capsys.readouterr().out


def test_a_node_that_was_installed_anew_is_known_again_by_its_new_host_key(two):
    two.run()
    server = two.servers["mn2"]
    server.stop()
    two.remote.close()
    public = server.directory / "ssh_host_ed25519_key.pub"
    server.key.unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(server.key)], check=True
    )
    Path(f"{server.key}.pub").replace(public)
    server.start()
    # The administrator's own ssh comes first: nothing is taken on trust.
    with pytest.raises(Unreachable, match="ssh-keygen -R"):
        two.run()
    (two.top / "known").write_text(f"[127.0.0.1]:{server.port} {public.read_text()}")
    told = two.run()
    assert [step["step"].split(" (")[0] for step in told["steps"] if step["done"] == "now"] == [
        "the host keys of mn2 are known"
    ]
    assert all(one["ok"] for one in told["answers"])


def test_what_does_not_answer_is_said_in_one_sentence_for_each_way(two, capsys):
    two.run()
    capsys.readouterr()
    two.servers["mn1"].stop()
    told = two.run()
    assert told["exit_code"] == exits.FAILED
    assert [one["kind"] for one in told["answers"]] == ["ok", "unreachable"]
    said = capsys.readouterr().err
    assert "xcat-hamn: mn2 asks mn1: mn1 does not answer" in said


def test_a_key_that_sshd_refuses_is_named(two, capsys):
    two.run()
    server = two.servers["mn1"]
    server.stop()
    server.root_login = "no"
    server.start()
    told = two.run()
    assert [one["kind"] for one in told["answers"]] == ["ok", "refused-key"]
    assert "PermitRootLogin" in capsys.readouterr().err


def test_a_tool_that_is_not_there_or_too_old_is_said(two):
    work = two.work()
    work._question = ["/nowhere/xcat-hamn"]
    with pytest.raises(Exception, match="is not installed on"):
        work.go()
    work._question = ["echo", '{"errors": ["there is no option --check"]}']
    work.go()
    assert work.code == exits.FAILED
    told = json.loads(json.dumps(work.as_json()))["answers"][-1]
    assert "there is no option --check" in told["sentence"]
    assert "install the same version" in told["sentence"]


def test_without_the_package_on_the_other_node_nothing_is_changed(two):
    (two.top / "mn2.receive").unlink()
    before = everything(two)
    with pytest.raises(NodeError, match="is not on mn2: install the package xcat-hamn"):
        two.run()
    assert everything(two) == before


def test_definitions_that_differ_are_named(two):
    assert pairing.differences(two.sides())  # each of the two has a tree of its own
    for node in two.nodes.values():
        node.define("[set one]\npaths = /nowhere/at/all\n")
    assert pairing.differences(two.sides()) == []
    site = Path(two.nodes["mn2"].places.definitions[-1])
    (site / "own.conf").write_text("[values]\n")
    (sentence,) = pairing.differences(two.sides())
    assert sentence.startswith("/etc/xcat/hamn.d/own.conf is not the same on mn1 and mn2")
