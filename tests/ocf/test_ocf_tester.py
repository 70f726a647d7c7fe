"""ocf-tester of resource-agents on the staged agents, in a small machine of its own.

An agent joins by an entry in ``AGENTS``; what it needs around it (a database, daemons) is set up
by its function, which returns the parameters.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from machines import Machine
from stage import REPOSITORY

TESTER = "/usr/sbin/ocf-tester"


def mnidentity(_machine: Machine) -> dict[str, str]:
    return {"addresses": "10.11.0.10/24@eth0 fd11::10/64@eth0", "hostname": "mn"}


AGENTS: dict[str, Callable[[Machine], dict[str, str]]] = {"xcat-mnidentity": mnidentity}


def ocf_tester(machine: Machine, agent: str, parameters: dict[str, str]) -> tuple[int, str]:
    """Run ocf-tester on ``agent`` in ``machine``; return its exit code and output."""
    options = [word for name, value in parameters.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(
        machine.enter(TESTER, "-v", "-n", "tested", *options, agent),
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "OCF_ROOT": "/usr/lib/ocf"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.skipif(not os.access(TESTER, os.X_OK), reason="needs the package resource-agents")
@pytest.mark.parametrize("name", AGENTS)
def test_ocf_tester_passes(stage, pair, name):
    machine = pair[0]
    code, output = ocf_tester(machine, stage.agent(name), AGENTS[name](machine))
    assert code == 0, output
    assert "passed all tests" in output


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
