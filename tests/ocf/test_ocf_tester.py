"""ocf-tester of resource-agents on the staged agents, in a small machine of its own.

An agent joins by an entry in ``AGENTS``; what it needs around it (a database, daemons) is set up
by its function, which returns the parameters.  xcat-pgsql joins in test_pgsql_real.py, on a machine
with a database.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from machines import Machine
from stage import REPOSITORY
from tester import needs_tester, ocf_tester


def mnidentity(_machine: Machine) -> dict[str, str]:
    return {"addresses": "10.11.0.10/24@eth0 fd11::10/64@eth0", "hostname": "mn"}


def filesync(machine: Machine) -> dict[str, str]:
    """Nobody answers at the other node's address: the copy waits, and the role goes on."""
    for directory in ("/var/lib", "/var/log"):
        machine.run("mount", "-t", "tmpfs", "tmpfs", directory)
    return {"nodes": f"{machine.name}=127.0.0.1 other=127.0.0.2"}


AGENTS: dict[str, Callable[[Machine], dict[str, str]]] = {
    "xcat-mnidentity": mnidentity,
    "xcat-filesync": filesync,
}


def processes(word: str) -> list[str]:
    """Return the command lines that name ``word``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += [text] if word in text else []
    return found


@needs_tester
@pytest.mark.parametrize("name", AGENTS)
def test_ocf_tester_passes(stage, pair, name):
    machine = pair[0]
    code, output = ocf_tester(machine, stage.agent(name), AGENTS[name](machine))
    assert code == 0, output
    assert "passed all tests" in output
    # The announcer of addresses says it several times, and ends by itself.
    deadline = time.monotonic() + 30
    while processes(str(stage.root)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes(str(stage.root)) == []


@pytest.mark.parametrize("path", sorted((REPOSITORY / "heartbeat").iterdir()), ids=lambda p: p.name)
def test_metadata_for_anybody_with_nothing_in_the_environment(stage, path: Path):
    """As pcs, crm_resource and ocf-tester ask for it: an unprivileged user, no variables."""
    command = [stage.agent(path.name), "meta-data"]
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*(prefix if os.geteuid() == 0 else []), *command],
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f'name="{path.name}"' in done.stdout
