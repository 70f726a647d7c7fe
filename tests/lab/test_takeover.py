"""The operator's takeover after a loss that costs data: refused, consented to, interrupted, done.

There is no power device (the operator's word is all there is), so the primary commits alone after
its standby's silence, and nobody on the survivor can know whether it did.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest
from labkit import Lab, Node, provision
from labkit.own import own_lab

pytestmark = pytest.mark.lab
GATED = "-INFINITY"
ACCEPT = ["xcat-hamn", "takeover", "mn2", "--accept-data-loss", "--yes"]
MOVE = ["pcs", "resource", "move", "xcat-mn", "mn2"]
LOSS, INTERRUPTED = 107, 130


@pytest.fixture(scope="module")
def mn2(release: str) -> Iterator[Node]:
    """Give the node that is left after the primary, mn1, was lost."""
    with own_lab("takeover", release) as lab:
        provision.configured(lab)
        node = lab.node("mn2")
        ready = "mn2 to be a ready standby"
        node.wait_for(lambda: attribute(node, "xcat-db") == "standby", 60, 0.5, ready)
        lab.crash("mn1")
        node.wait_for(lambda: attribute(node, "xcat-gate") != "", 60, 0.5, "the gate to wait")
        node.wait_for(lambda: score(node) == GATED, 30, 0.5, "mn2 to notice the loss")
        yield node


def score(node: Node) -> str:
    command = ["crm_attribute", "--promotion=xcat-db", f"--node={node.name}", "--query", "--quiet"]
    return node.run(command, check=False).stdout.strip()


def attribute(node: Node, name: str) -> str:
    command = ["attrd_updater", "--query", f"--name={name}", f"--node={node.name}"]
    return node.run(command, check=False).stdout.partition('value="')[2].partition('"')[0]


def consent(node: Node) -> str:
    return attribute(node, "xcat-db-consent")


def left_behind(node: Node) -> list[str]:
    """Return what a takeover must not leave: constraints of a move, a consent."""
    text = node.output("cibadmin", "--query", "--scope=constraints")
    return [word for word in text.split() if "cli-" in word] + [consent(node)] * bool(consent(node))


def ends(node: Node, process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    """Send a signal to the tool in the node; return its exit code and what it printed."""
    pid = node.output("pgrep", "--oldest", "--full", "xcat-hamn takeover")
    node.run(["kill", f"-{number}", pid])
    said, complained = process.communicate(timeout=60)
    return process.returncode, said + complained


def test_a_takeover_that_loses_data_takes_consent_in_so_many_words(mn2: Node) -> None:
    # The ordinary command does not lose data, and leaves nothing.
    refused = mn2.run(MOVE, check=False)
    assert refused.returncode != 0, refused
    assert left_behind(mn2) == []

    asked = mn2.run(["xcat-hamn", "takeover", "mn2", "--json"], check=False)
    assert asked.returncode == LOSS, asked
    told = json.loads(asked.stdout)
    assert "may have committed what is not here" in told["sentence"]
    assert told["loss"]["last_contact"] is not None
    assert "make sure that it is off" in told["gate"]
    assert score(mn2) == GATED
    assert left_behind(mn2) == []

    # Interrupted while the database has not acted on the consent yet.
    process = mn2.popen(ACCEPT)
    mn2.wait_for(lambda: consent(mn2) != "", 20, 0.05, "the consent")
    code, said = ends(mn2, process, signal.SIGINT)
    assert code == INTERRUPTED, said
    assert left_behind(mn2) == []

    done = mn2.run(ACCEPT, check=False, timeout=180)
    assert done.returncode == 0, done
    assert left_behind(mn2) == []
    assert provision.active_node(Lab(mn2.lab), "mn2") == "mn2"
    again = mn2.run(ACCEPT)
    assert "mn2 is the management node already" in again.stdout
