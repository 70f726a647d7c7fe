"""ocf-tester of resource-agents, run inside a machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

import pytest
from machines import Machine

TESTER = "/usr/sbin/ocf-tester"
needs_tester = pytest.mark.skipif(
    not os.access(TESTER, os.X_OK), reason="needs ocf-tester of the package resource-agents"
)


def ocf_tester(machine: Machine, agent: str, parameters: Mapping[str, str]) -> tuple[int, str]:
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
