"""``xcat-hamn setup database`` on two booted nodes: real ssh, rsync, systemd, and the stand-ins.

No Db2 is run here: see db2/README.md for what its stand-in keeps of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from db2 import provision as db2
from labkit import Lab, Node, provision
from labkit.engines import COMPUTE_NODE, INIT
from labkit.own import own_lab
from xcat import install
from xcat.standin import credentials

pytestmark = pytest.mark.lab

SITE = """\
[cluster]
nodes = mn1=10.11.0.11 mn2=10.11.0.12
[identity]
addresses = 10.11.0.10/24@eth0
[database]
engine = db2
instance = xcatdb
[fencing]
devices = none
"""
PASSWORD = "not-on-a-command-line"
BACKUPS = f"{db2.HOME}/backup"


class Nodes:
    """Two nodes as requirement 3.0 and 4.0 leave them; mn1 has the database."""

    def __init__(self, lab: Lab) -> None:
        self.mn1, self.mn2 = lab.node("mn1"), lab.node("mn2")
        package = provision.package()
        files = [
            install.archive(install.layout()),
            install.archive(credentials.create("xcatmn")),
        ]
        for node in self.both:
            provision.install_package([node], package)
            for archive in files:
                node.run(install.UNPACK, stdin=archive)
            node.run(["systemctl", "daemon-reload"])
            db2.install(node, PASSWORD)
            node.put("/etc/xcat/hamn.conf", SITE)
        db2.fill(self.mn1, INIT, [COMPUTE_NODE])
        db2.trust(self.mn1, {"10.11.0.12": self.mn2})

    @property
    def both(self) -> tuple[Node, Node]:
        return self.mn1, self.mn2

    def setup(self, *options: str, node: Node | None = None) -> tuple[int, str]:
        """Run the verb; return its exit code and all that it printed."""
        argv = ["xcat-hamn", "setup", "database", *options]
        done = (node or self.mn1).run(argv, check=False, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def fault(self, node: Node, command: str, text: str) -> None:
        path = f"{db2.HOME}/sqllib/standin/faults/{command}"
        if text:
            node.put(path, text, owner="xcatdb:xcatdb")
        else:
            node.run(["rm", "-f", path])

    def state(self, node: Node) -> str:
        said = node.run(db2.as_owner("db2pd", "-db", "xcatdb", "-hadr"), check=False).stdout
        pairs = dict(line.split(" = ", 1) for line in said.splitlines() if " = " in line)
        found = {name.strip(): value.strip() for name, value in pairs.items()}
        return f"{found.get('HADR_ROLE')}/{found.get('HADR_STATE')}"

    def asked(self) -> list[str]:
        """Return what was asked of the instance on either node."""
        log = f"{db2.HOME}/sqllib/db2dump/standin-commands.log"
        return [node.get(log) for node in self.both]


@pytest.fixture(scope="module")
def nodes(release: str) -> Iterator[Nodes]:
    with own_lab("setup", release) as lab:
        yield Nodes(lab)


def test_from_two_instances_to_a_pair(nodes: Nodes) -> None:
    """One life of a pair: planned, broken, gone on with, proven, and left alone."""
    code, said = nodes.setup("--dry-run")
    assert code == 0, said
    assert "root@10.11.0.12:/var/lib/db2/backup/" in said
    assert "55001" not in nodes.mn1.get("/etc/services")

    # The restore breaks: the next call goes on there, with the image that was copied.
    nodes.mn1.run(db2.as_owner("db2start"))
    nodes.mn1.run(["systemctl", "start", "xcatd"])
    nodes.fault(nodes.mn2, "restore", "refuse SQL1035N")
    code, said = nodes.setup()
    assert code == 1, said
    assert "could not restore XCATDB on mn2 (requirement 5.1.4)" in said, said
    nodes.fault(nodes.mn2, "restore", "")
    images = nodes.mn2.output("ls", BACKUPS)
    code, said = nodes.setup()
    assert code == 0, said
    assert nodes.mn2.output("ls", BACKUPS) == images
    assert "back XCATDB up on mn1: done already" in said

    assert [nodes.state(node) for node in nodes.both] == ["PRIMARY/PEER", "STANDBY/PEER"]
    for node in nodes.both:
        assert "DB2_HADR_1\t55001/tcp" in node.get("/etc/services")
        assert not node.succeeds("pgrep", "^xcatd")
    assert not any(PASSWORD in asked for asked in nodes.asked())

    # What the other one has is what was in the first one.
    shown = ["/opt/xcat/bin/lsdef", "-t", "node", "-o", "cn1", "-i", "ip"]
    found = nodes.mn1.run(shown, env={"XCATBYPASS": "1"}).stdout
    assert "10.11.0.101" in found
    before = nodes.asked()
    code, said = nodes.setup("--json")
    assert code == 0, said
    assert not json.loads(said)["changed"]
    for now, then in zip(nodes.asked(), before):
        since = now[len(then) :]
        words = ("UPDATE", "DEACTIVATE", "TAKEOVER", "BACKUP DB")
        assert "db2pd" in since
        assert not any(word in since for word in words), since


def test_a_bar_on_a_terminal(nodes: Nodes) -> None:
    """The standby is restored anew from a backup of the primary, which serves meanwhile."""
    verb = "xcat-hamn setup database --restore --yes --no-test"
    argv = ["script", "--quiet", "--return", "--command", verb, "/dev/null"]
    done = nodes.mn1.run(argv, check=False, timeout=120, env={"TERM": "xterm"})
    assert done.returncode == 0, done.stdout
    assert "BACKUP DB XCATDB ONLINE" in done.stdout
    assert "━" in done.stdout
    assert [nodes.state(node) for node in nodes.both] == ["PRIMARY/PEER", "STANDBY/PEER"]


def test_a_node_that_is_not_known_is_not_talked_to(nodes: Nodes) -> None:
    code, said = nodes.setup(node=nodes.mn2)
    assert code == 1
    assert "its host key is not known: compare it" in said
