"""OS deployment: the boot files of the nodes, which nodeset writes from xCAT's database."""

from __future__ import annotations

import os

from xcat_hamn.errors import HamnError
from xcat_hamn.services.service import BROKEN, HEALTHY, STOPPED, Service, State

#: Where the boot loaders that xCAT knows look for a node's file, below site.tftpdir.
_BOOT_DIRECTORIES = ("xcat/xnba/nodes", "pxelinux.cfg", "petitboot", "boot/grub2", "etc")
#: States that have no boot file of the node's own (source: xCAT 2.19's destiny.pm).
_WITHOUT_FILE = frozenset({"", "ondiscover"})


def expected(chain: list[dict[str, str]]) -> list[str]:
    """Return the nodes of the chain table for which ``nodeset enact`` writes a boot file."""
    return [
        row["node"]
        for row in chain
        if row.get("node") and row.get("currstate", "").split(" ")[0] not in _WITHOUT_FILE
    ]


def verdict(nodes: list[str], present: set[str]) -> State:
    """Judge the boot files found (``present``, names of nodes) against those expected."""
    missing = [node for node in nodes if node not in present]
    if not missing:
        return State(HEALTHY)
    shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
    return State(
        STOPPED if len(missing) == len(nodes) else HEALTHY,
        f"{len(missing)} of {len(nodes)} nodes have no boot file ({shown}): run nodeset for them",
    )


class OsDeploy(Service):
    """Boot files.  No daemon of its own: it "runs" where its start was the last thing done."""

    name = "osdeploy"
    tools = ("nodeset",)

    def running(self) -> bool:
        """Tell whether this instance was started here since the last boot."""
        return bool(self.ports.facts(self.name))

    def _nodes(self) -> list[str]:
        return expected(self.ports.xcat.table("chain"))

    def regenerate(self) -> None:
        """Write the boot files of every node again; no table is touched."""
        if self._nodes():
            self.ports.xcat.command("nodeset", "all", "enact")
        else:
            self.ports.log.info("osdeploy: no node has a state to boot into, nothing to write")

    def start(self) -> None:
        """Do nothing: xcatd runs the TFTP server, and HTTP serves on both management nodes."""

    def prove(self) -> None:
        """Find the boot files of the nodes that have a state."""
        nodes = self._nodes()
        top = self.ports.xcat.site().get("tftpdir") or "/tftpboot"
        found = verdict(nodes, _files(top))
        if found.word != HEALTHY:
            raise HamnError(found.reason)
        if found.reason:
            self.ports.log.warning(f"osdeploy: {found.reason}")
        self.ports.remember(self.name, {"nodes": str(len(nodes))})

    def state(self, *, deep: bool) -> State:
        """Return whether it was started here; ``deep`` looks at the boot files again."""
        if not self.running():
            return State(STOPPED, "its boot files were not written here since the last boot")
        if deep:
            try:
                self.prove()
            except HamnError as problem:
                return State(BROKEN, str(problem))
        return State(HEALTHY)

    def stop(self) -> None:
        """Forget the start; the files stay, for nobody boots from a node without the address."""
        self.ports.forget(self.name)


def _files(top: str) -> set[str]:
    found: set[str] = set()
    for directory in _BOOT_DIRECTORIES:
        path = f"{top}/{directory}"
        if os.path.isdir(path):
            found.update(os.listdir(path))
    return found
