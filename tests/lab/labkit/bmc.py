"""The virtual baseboard management controller (BMC) of one node: `bmc.py LAB NODE`.

It speaks IPMI 2.0 over LAN by pyghmi's server, on an address of its own on the lab's wire, so that
the stock fence_ipmilan switches lab nodes off and on for real. It runs outside the node and ends
with the lab. A power cut of the node (`Lab.crash`) leaves it alive, as on a machine with standby
power.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from labkit import host, network
from labkit.disk import ADDRESSES
from labkit.host import LabError, wait_for
from labkit.node import Node

USER, PASSWORD = "lab", "lab-bmc"
PORT = 623
#: IPMI completion code "command not supported in present state".
_REFUSED = 0xD5
_LONGEST_WAIT = 0.2


class Bmc:
    """The controller of node `node` in lab `lab`, whether it runs or not."""

    def __init__(self, lab: str, node: str) -> None:
        self.lab = lab
        self.node = node
        self.address = f"10.11.0.{ADDRESSES[node] + 10}"
        self._record = f"{host.STATE}/{lab}/{node}/bmc"
        self._refusal = f"{self._record}.refuses"

    def start(self) -> None:
        """Start it and wait until it answers requests; one that runs already stays."""
        if self.running():
            return
        network.add_address(self.lab, f"{self.address}/24")
        # Not this process's child: it outlives the command that started it.
        space = f"--net={network.path(self.lab, network.BRIDGE)}"
        apart = ["setsid", "--fork", "nsenter", space, "--"]
        with open(f"{self._record}.log", "ab") as log:
            subprocess.run(
                [*apart, "/usr/bin/python3", "-I", __file__, self.lab, self.node],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=host.environment({host.MARK: self.lab}),
                check=True,
                timeout=30,
            )
        try:
            wait_for(self.running, 20, 0.05, f"the BMC of {self.node}")
        except LabError as error:
            raise LabError(f"{error} {self.log()[-1500:]}") from None

    def stop(self) -> None:
        """End it: nobody answers at its address any more."""
        pid = self._pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not self.running(), 10, 0.02, f"the end of the BMC of {self.node}")

    def running(self) -> bool:
        """Return whether it answers requests."""
        return self._pid() is not None

    def refuse(self, refusing: bool = True) -> None:
        """Let it refuse all power commands from now on, or obey again."""
        if refusing:
            with open(self._refusal, "w", encoding="ascii"):
                return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._refusal)

    def refuses(self) -> bool:
        """Return whether it refuses power commands."""
        return os.path.exists(self._refusal)

    def log(self) -> str:
        """Return what it was asked and did, a line each."""
        try:
            with open(f"{self._record}.log", encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    def record(self) -> None:
        """Note that this process is the controller now."""
        own = os.getpid()
        with open(f"{self._record}.new", "w", encoding="ascii") as stream:
            stream.write(f"{own} {host.started(own)}\n")
        os.rename(f"{self._record}.new", self._record)

    def _pid(self) -> int | None:
        try:
            with open(self._record, encoding="ascii") as stream:
                pid, birth = stream.read().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if host.started(int(pid)) == birth else None


class Power:
    """The power switch of a node, as a controller sees it."""

    def __init__(self, lab: str, node: str) -> None:
        self._node = Node(lab, node)
        self._image = os.readlink(f"{host.STATE}/{lab}/image")

    def state(self) -> str:
        """Return `on` or `off`."""
        return "on" if self._node.powered() else "off"

    def off(self) -> None:
        """Take the power away, at once."""
        if not self._node.powered():
            return
        # A node that has just been switched on has no init for a moment.
        wait_for(
            lambda: self._node.running() or not self._node.powered(), 10, 0.02, "the node's init"
        )
        if self._node.running():
            self._node.crash()

    def on(self) -> None:
        """Give power; the node boots by itself."""
        if not self._node.powered():
            self._node.power_on(self._image)

    def cycle(self) -> None:
        """Take the power away and give it again."""
        self.off()
        self.on()


def serve(lab: str, node: str) -> None:
    """Answer requests until killed."""
    from pyghmi.ipmi import bmc as pyghmi_bmc

    me, power = Bmc(lab, node), Power(lab, node)

    class Server(pyghmi_bmc.Bmc):  # type: ignore[misc]
        def get_power_state(self) -> str:
            return power.state()

        def power_off(self) -> int:
            return _obey(me, "off", power.off)

        def power_on(self) -> int:
            return _obey(me, "on", power.on)

        def power_cycle(self) -> int:
            return _obey(me, "cycle", power.cycle)

        def power_reset(self) -> int:
            return _obey(me, "reset", power.cycle)

    server = Server({USER: PASSWORD}, port=PORT, address=me.address)
    me.record()
    # A packet that arrives between two waits of pyghmi is seen only at the end of the next one.
    server.listen(timeout=_LONGEST_WAIT)


def _obey(me: Bmc, command: str, action: Callable[[], None]) -> int:
    """Carry a power command out; return the IPMI completion code."""
    refused = me.refuses()
    print(f"power {command}{': refused' if refused else ''}", flush=True)
    if refused:
        return _REFUSED
    try:
        action()
    except LabError:
        traceback.print_exc()
        return 0xFF
    return 0


if __name__ == "__main__":
    serve(*sys.argv[1:])
