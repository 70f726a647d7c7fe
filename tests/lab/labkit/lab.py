"""A whole lab: two management nodes and a compute node on one wire."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time

from labkit import cgroups, host, image, leftovers, network
from labkit.host import LabError, call, locked, say
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

    def build(self) -> str:
        """Return the directory of the image, which is built when it is missing."""
        host.require()
        return image.ensure(self.release)

    def up(self) -> None:
        """Boot all nodes on empty disks; what the lab of this name was before is removed.

        Raises LabError, with everything removed again, when a node does not boot.
        """
        built = self.build()
        with self._locked():
            self._clear()
            began = time.monotonic()
            try:
                os.makedirs(self.home)
                os.symlink(built, f"{self.home}/image")
                network.create(self.name)
                for node in self.nodes.values():
                    node.prepare()
                    node.power_on(built)
                for node in self.nodes.values():
                    node.wait_booted()
            except BaseException:
                self._clear()
                raise
        took = time.monotonic() - began
        say(f"{', '.join(self.nodes)} of lab '{self.name}' ({self.release}) are up, {took:.1f} s")

    def down(self) -> None:
        """Remove the lab: no process, mount, namespace, control group or file of it stays."""
        with self._locked():
            self._clear()

    def boot(self, name: str) -> None:
        """Power a node on, with the disk that it had, and wait until it has booted.

        Raises LabError when it is running, or when the lab is not up.
        """
        node = self.node(name)
        self._need_up()
        node.power_on(os.readlink(f"{self.home}/image"))
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

        def ended() -> bool:
            # Repeated, since a process may be starting another one at this very moment.
            found = leftovers.marked(self.name) + cgroups.members(self.name)
            leftovers.end(found)
            return not found

        wait_for(ended, 30, 0.02, f"the end of the processes of lab '{self.name}'")
        network.destroy(self.name)
        cgroups.remove(self.name)
        if os.path.isdir(self.home):
            for node in os.listdir(self.home):
                # Only a run of the lab without its own mount namespace would have left this one.
                merged = f"{self.home}/{node}/merged"
                if os.path.ismount(merged):
                    call(["umount", "--lazy", merged], check=False)
            shutil.rmtree(self.home)
