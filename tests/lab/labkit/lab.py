"""A whole lab: two management nodes and a compute node on one wire."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Sequence

from labkit import cgroups, host, image, leftovers, network
from labkit.bmc import Bmc
from labkit.host import LabError, locked, say
from labkit.node import ADDRESSES, Node, wait_for

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class Lab:
    """The lab called `name`, whether it is up or not; making the object changes nothing.

    Raises LabError for a name that is no lower-case word of letters, digits and dashes.
    """

    def __init__(self, name: str = "lab", release: str = "bookworm") -> None:
        if not _NAME.fullmatch(name):
            raise LabError(
                f"'{name}' cannot be a lab's name: use up to 31 lower-case letters, digits, dashes."
            )
        if release not in image.RELEASES:
            raise LabError(f"There is no release '{release}': use {' or '.join(image.RELEASES)}.")
        self.name = name
        self.release = release
        self.home = f"{host.STATE}/{name}"
        self.nodes = {node: Node(name, node) for node in ADDRESSES}

    def node(self, name: str) -> Node:
        """Return the node called `name`; raises LabError when there is none."""
        try:
            return self.nodes[name]
        except KeyError:
            raise LabError(f"There is no node '{name}': use {', '.join(self.nodes)}.") from None

    def bmc(self, name: str) -> Bmc:
        """Return the virtual management controller of a node; start() switches it on."""
        return Bmc(self.name, self.node(name).name)

    def build(self) -> str:
        """Return the directory of the image, which is built when it is missing."""
        host.require()
        return image.ensure(self.release)

    def up(self, *, mine: bool = False, bmcs: Sequence[str] = ()) -> None:
        """Boot all nodes on empty disks; what the lab of this name was before is removed.

        The nodes in `bmcs` get a virtual management controller (BMC). With `mine` the lab ends
        with this process: if that is killed before it could call down(), the next lab on this host
        removes it. Raises LabError, with everything removed again, when a node does not boot.
        """
        built = self.build()
        remove_orphans()
        with self._locked():
            self._clear()
            began = time.monotonic()
            try:
                self._found(built, mine)
                host.make_room(instances=40)
                network.create(self.name)
                for node in self.nodes.values():
                    node.prepare()
                    node.power_on(built)
                for name in bmcs:
                    self.bmc(name).start()
                for node in self.nodes.values():
                    node.wait_booted()
            except BaseException:
                self._clear()
                raise
        took = time.monotonic() - began
        say(f"{', '.join(self.nodes)} of lab '{self.name}' ({self.release}) are up, {took:.1f} s")

    def _found(self, built: str, mine: bool) -> None:
        """Make the lab's directory, by a rename, so that it never lacks its owner."""
        new = f"{self.home}.new"
        os.makedirs(new)
        host.require_overlay(f"{new}/trial")
        os.symlink(built, f"{new}/image")
        if mine:
            with open(f"{new}/owner", "w", encoding="ascii") as stream:
                stream.write(f"{os.getpid()} {host.started(os.getpid())}\n")
        os.rename(new, self.home)

    def down(self) -> None:
        """Remove the lab: no process, mount, namespace, control group or file of it stays."""
        with self._locked():
            self._clear()
        with contextlib.suppress(OSError):
            os.rmdir(host.STATE)

    def mend(self) -> None:
        """Plug every cable in and boot every node that is off, on the disk that it had."""
        self._need_up()
        plugged = network.ports(self.name)
        off = [node for node in self.nodes.values() if not node.running()]
        for node in self.nodes.values():
            if node.running() and not plugged.get(node.name):
                node.heal()
        for node in off:
            node.power_on(self.current_image())
        for node in off:
            node.wait_booted()

    def boot(self, name: str) -> None:
        """Power a node on, with the disk that it had, and wait until it has booted.

        Raises LabError when it is running, or when the lab is not up.
        """
        node = self.node(name)
        self._need_up()
        node.power_on(self.current_image())
        node.wait_booted()

    def crash(self, name: str) -> None:
        """Take a node's power away."""
        self._need_up()
        self.node(name).crash()

    def cut(self, name: str) -> None:
        """Pull a node's network cable."""
        self._need_up()
        self.node(name).cut()

    def heal(self, name: str) -> None:
        """Plug a node's network cable in again."""
        self._need_up()
        self.node(name).heal()

    def is_up(self) -> bool:
        """Return whether the lab exists, even if its nodes have crashed."""
        return os.path.islink(f"{self.home}/image")

    def current_image(self) -> str:
        """Return the image on which this lab stands."""
        return os.readlink(f"{self.home}/image")

    def _need_up(self) -> None:
        if not self.is_up():
            raise LabError(f"The lab '{self.name}' is not up: run 'lab --name {self.name} up'.")

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        waiting = f"waiting for another command that works on lab '{self.name}'"
        return locked(f"{host.STATE}/{self.name}.lock", waiting)

    def _clear(self) -> None:
        """Remove whatever carries this lab's name, also what a killed run has left half-made."""

        mine = leftovers.of_lab(self.name)
        # Repeated, since a process may be starting another one at this very moment.
        processes = f"the end of the processes of lab '{self.name}'"
        wait_for(lambda: leftovers.end(mine), 30, 0.02, processes)
        network.destroy(self.name)
        cgroups.remove(self.name)
        for home in (self.home, f"{self.home}.new"):
            host.remove_tree(home)


def remove_orphans() -> None:
    """Remove the labs that were made with `mine` by processes that are dead now."""
    for name in leftovers.orphans():
        say(f"removing lab '{name}', whose owner is dead")
        Lab(name).down()
