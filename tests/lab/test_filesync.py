"""The copy of files on the real cluster: a planned move loses nothing, and nothing it does is felt.

Real Pacemaker, PostgreSQL, sshd, rsync; xCAT is its stand-in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from db2.provision import trust
from labkit import CannotRun, Lab, Node, provision
from labkit.cluster import crm_mon

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
    lab = Lab(f"filesync-{os.getpid()}", release)
    try:
        lab.up(mine=True)
    except CannotRun as error:
        pytest.fail(str(error), pytrace=False)
    try:
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
    finally:
        lab.down()


def test_a_planned_move_loses_no_file_and_a_killed_copy_disturbs_nobody(copied: Lab) -> None:
    source = copied.node(provision.active_node(copied) or "mn1")
    target = copied.node("mn2" if source.name == "mn1" else "mn1")
    copied_file = ["test", "-e", "/install/autoinst/node"]
    target.wait_for(lambda: target.succeeds(*copied_file), timeout=60, what="the first copy")

    # The process is killed: its monitor starts it again, and nothing else happens.
    first = source.get(LOCK).strip()
    services = source.output("pgrep", "-o", "xcatd")
    source.run(["kill", "-KILL", first])
    source.run(["tee", "/install/meanwhile"], stdin="changed while nobody watched\n")
    target.wait_for(
        lambda: target.succeeds("test", "-e", "/install/meanwhile"), timeout=60, what="recovery"
    )
    assert source.get(LOCK).strip() != first
    assert source.output("pgrep", "-o", "xcatd") == services
    assert provision.active_node(copied) == source.name

    # The documented command, a moment after a change.
    source.run(["tee", "/install/late"], stdin="in the last second\n")
    source.run(["pcs", "resource", "move", "xcat-mn", target.name], timeout=120)
    assert target.get("/install/late") == "in the last second\n"
    provision.wait_active(copied, 60, target.name)
    target.wait_for(
        lambda: attributes(target, "xcat-files") == {target.name: "source", source.name: "replica"},
        timeout=60,
        what="the two roles in crm_mon",
    )
    # And now the other way round.
    target.run(["tee", "/install/back"], stdin="from the new source\n")
    source.wait_for(
        lambda: source.succeeds("test", "-e", "/install/back"), timeout=30, what="the way back"
    )
