"""The virtual BMC, asked by the stock fence_ipmilan from another node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from labkit import Lab
from labkit.bmc import PASSWORD, USER, Bmc


@pytest.fixture
def bmc(mended: Lab) -> Iterator[Bmc]:
    """Give the running controller of mn1."""
    made = mended.bmc("mn1")
    made.start()
    try:
        yield made
    finally:
        made.refuse(False)
        made.stop()


def ask(lab: Lab, bmc: Bmc, action: str, password: str = PASSWORD) -> tuple[int, str]:
    """Let mn2 ask the controller; return the exit code and what was printed."""
    command = ["fence_ipmilan", "--lanplus", f"--ip={bmc.address}", f"--username={USER}"]
    command += [f"--password={password}", f"--action={action}", "--power-timeout=10"]
    done = lab.node("mn2").run(command, check=False, timeout=60)
    print(done.stdout, done.stderr, bmc.log())
    return done.returncode, done.stdout + done.stderr


def test_power_is_real(mended: Lab, bmc: Bmc) -> None:
    mn1 = mended.node("mn1")
    first_boot, logged = mn1.init(), len(bmc.log())
    assert ask(mended, bmc, "status")[1].startswith("Status: ON")
    assert ask(mended, bmc, "off")[0] == 0
    assert not mn1.powered()
    code, said = ask(mended, bmc, "status")
    assert (code, "Status: OFF" in said) == (2, True)
    assert ask(mended, bmc, "on")[0] == 0
    mn1.wait_booted()
    assert mn1.init() != first_boot
    assert bmc.log()[logged:].split() == ["power", "off", "power", "on"]


def test_a_reboot_boots_the_node_again(mended: Lab, bmc: Bmc) -> None:
    mn1 = mended.node("mn1")
    before = mn1.init()
    assert ask(mended, bmc, "reboot")[0] == 0
    mn1.wait_booted()
    assert mn1.init() != before


def test_it_outlives_the_power_of_its_node(mended: Lab, bmc: Bmc) -> None:
    mended.crash("mn1")
    assert "Status: OFF" in ask(mended, bmc, "status")[1]
    # Off already: fence agents count that as success.
    assert ask(mended, bmc, "off")[0] == 0


def test_a_controller_that_refuses_changes_nothing(mended: Lab, bmc: Bmc) -> None:
    before = mended.node("mn1").init()
    bmc.refuse()
    assert ask(mended, bmc, "off")[0] != 0
    assert mended.node("mn1").init() == before
    assert "Status: ON" in ask(mended, bmc, "status")[1]
    bmc.refuse(False)
    assert ask(mended, bmc, "off")[0] == 0


def test_a_wrong_password_is_refused(mended: Lab, bmc: Bmc) -> None:
    assert ask(mended, bmc, "off", "wrong")[0] != 0
    assert mended.node("mn1").running()


def test_a_stopped_controller_answers_nobody(mended: Lab, bmc: Bmc) -> None:
    bmc.stop()
    assert ask(mended, bmc, "off")[0] != 0
    assert mended.node("mn1").running()
