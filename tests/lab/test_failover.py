"""The documented failover as `make demo` shows it, and that command's own promises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from labkit import Lab, LabError, wait_for
from labkit.own import own_lab
from labkit.scenario import Scenario
from labkit.showing import Quiet

pytestmark = pytest.mark.lab

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo")


@pytest.fixture(scope="module")
def lab(release: str) -> Iterator[Lab]:
    """Give a lab of its own: the scenario begins with bare nodes."""
    with own_lab("failover", release) as made:
        yield made


def test_the_role_moves_there_and_back_by_the_one_command(lab: Lab) -> None:
    """R 5.1.9 and 8.0: every step in its order, and what was defined is there on the other node."""
    show = Quiet()
    try:
        moves = Scenario(lab, show).run()
    except LabError as problem:
        pytest.fail("\n".join([*show.said, str(problem)]), pytrace=False)
    assert [(one.command, one.source) for one in moves] == [
        ("pcs resource move xcat-mn mn2", "mn1"),
        ("pcs resource move xcat-mn mn1", "mn2"),
    ]


def test_an_interrupted_demo_leaves_nothing(release: str) -> None:
    name = f"demo-{os.getpid()}"
    made = Lab(name, release)
    command = ["/usr/bin/python3", DEMO, f"--name={name}", f"--release={release}"]
    demo = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        wait_for(lambda: made.node("mn1").running(), 60, what="the demo's first node")
        os.killpg(demo.pid, signal.SIGINT)
        said, _ = demo.communicate(timeout=60)
    finally:
        demo.kill()
        demo.wait()
        was_up = os.path.exists(made.home)
        made.down()
    assert demo.returncode == 130, said
    assert not was_up
    assert said.strip().endswith("demo: interrupted")
