"""The copy of files on the real cluster: what moves lose (nothing), and what a dead source had.

Real Pacemaker, PostgreSQL, sshd, rsync; xCAT is its stand-in.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from db2.provision import trust
from labkit import Lab, Node, provision
from labkit.cluster import crm_mon, online, start
from labkit.own import own_lab

pytestmark = pytest.mark.lab

LOCK = "/run/xcat-hamn/xcat-files/files.lock"


def attributes(node: Node, name: str) -> dict[str, str]:
    """Return attribute `name` of every node, as `node` shows it."""
    status = crm_mon(node)
    found = {}
    for one in status.iterfind(".//node_attributes/node") if status is not None else ():
        for attribute in one.iterfind(f"attribute[@name='{name}']"):
            found[one.get("name", "")] = attribute.get("value", "")
    return found


@pytest.fixture(scope="module")
def copied(release: str) -> Iterator[Lab]:
    """Give a lab with the role on mn1 and [files] enabled."""
    with own_lab("filesync", release) as lab:
        provision.management_nodes(lab)
        mn1, mn2 = lab.node("mn1"), lab.node("mn2")
        for node in (mn1, mn2):
            node.run(["tee", "-a", provision.SITE_FILE], stdin="\n[files]\nenabled = yes\n")
            node.run(["mkdir", "-p", "/install", "/tftpboot"])
        refused = mn1.run(["xcat-hamn", "configure"], check=False, timeout=120)
        assert refused.returncode != 0
        assert "run `xcat-hamn setup files`" in " ".join(refused.stderr.split())
        trust(mn1, {"10.11.0.12": mn2})
        mn1.run(["xcat-hamn", "setup", "files"], timeout=120)
        mn1.run(["mkdir", "-p", "/install/autoinst"])
        mn1.run(["tee", "/install/autoinst/node"], stdin="1\n")
        mn1.run(["xcat-hamn", "configure"], timeout=120)
        provision.wait_active(lab, 180)
        yield lab


def pair(lab: Lab) -> tuple[Node, Node]:
    """Return the node with the role, and the other one."""
    name = provision.wait_active(lab, 60)
    other = next(member for member in provision.MEMBERS if member != name)
    return lab.node(name), lab.node(other)


def wait_for_file(node: Node, path: str, what: str, timeout: float = 60) -> None:
    node.wait_for(lambda: node.succeeds("test", "-e", path), timeout=timeout, what=what)


def wait_for_roles(source: Node, replica: Node) -> None:
    wanted = {source.name: "source", replica.name: "replica"}
    source.wait_for(
        lambda: attributes(source, "xcat-files") == wanted, timeout=60, what="roles in crm_mon"
    )


def test_a_planned_move_loses_no_file_and_a_killed_copy_disturbs_nobody(copied: Lab) -> None:
    source, target = pair(copied)
    wait_for_file(target, "/install/autoinst/node", "the first copy")

    # The process is killed: its monitor starts it again, and nothing else happens.
    first = source.get(LOCK).strip()
    services = source.output("pgrep", "-o", "xcatd")
    source.run(["kill", "-KILL", first])
    source.run(["tee", "/install/meanwhile"], stdin="changed while nobody watched\n")
    wait_for_file(target, "/install/meanwhile", "the copy after the kill")
    assert source.get(LOCK).strip() != first
    assert source.output("pgrep", "-o", "xcatd") == services
    assert provision.active_node(copied) == source.name

    # The documented command, a moment after a change.
    source.run(["tee", "/install/late"], stdin="in the last second\n")
    source.run(["pcs", "resource", "move", "xcat-mn", target.name], timeout=120)
    assert target.get("/install/late") == "in the last second\n"
    provision.wait_active(copied, 60, target.name)
    wait_for_roles(target, source)
    # And now the other way round.
    target.run(["tee", "/install/back"], stdin="from the new source\n")
    wait_for_file(source, "/install/back", "the way back")


def test_what_a_dead_source_never_delivered_is_kept_and_overwrites_nothing(copied: Lab) -> None:
    source, survivor = pair(copied)
    wait_for_roles(source, survivor)
    door = "/root/.ssh/authorized_keys"
    survivor.run(["cp", "-p", door, "/root/door"])
    survivor.run(["sed", "-i", f"/xcat-filesync {source.name}$/d", door])
    hang_up = (
        "for one in /run/xcat-hamn/files/ssh-*.session.conf; do ssh -F $one -O exit peer; done"
    )
    source.run(["sh", "-c", hang_up], check=False)
    source.run(["tee", "/install/undelivered"], stdin="only here\n")
    source.run(["sync"])
    copied.crash(source.name)
    survivor.run(["mv", "/root/door", door])
    survivor.wait_for(
        lambda: source.name not in online(survivor), timeout=60, what="the source to be lost"
    )
    accept = ["xcat-hamn", "takeover", survivor.name, "--accept-data-loss", "--yes"]
    survivor.run(accept, timeout=120)
    survivor.run(["tee", "/install/newer"], stdin="of the new source\n")

    copied.boot(source.name)
    start(source)
    wait_for_file(source, "/install/newer", "the new source's files on the old one", 90)
    assert not source.succeeds("test", "-e", "/install/undelivered")
    kept = source.output("sh", "-c", "cat /var/lib/xcat-hamn/aside/install.*/install/undelivered")
    assert kept == "only here"
    assert not survivor.succeeds("test", "-e", "/install/undelivered")
    wait_for_roles(survivor, source)
    epochs = [node.get("/var/lib/xcat-hamn/files/epoch") for node in (source, survivor)]
    assert epochs[0] == epochs[1]
    assert f"node={survivor.name}\n" in epochs[0]
