"""The cluster of a scenario, and questions to it: what Pacemaker, the databases and /proc say."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

from labkit import cluster, provision
from labkit.host import LabError
from labkit.lab import Lab
from labkit.node import Node, wait_for

from scenariokit import databases

MEMBERS = cluster.MEMBERS
GROUP = "xcat-mn"
#: One look at the cluster costs 30 ms of a processor.
LOOK_SECONDS = 0.3


class NotSeen(LabError):
    """Something that a scenario promises did not come; the text says what, and what was there."""


class World:
    """mn1, mn2 and cn1 with a configured cluster."""

    def __init__(self, lab: Lab, database: str = "postgresql") -> None:
        self.lab = lab
        self.database = databases.of(lab, database)

    def node(self, name: str) -> Node:
        """Return a node by its name."""
        return self.lab.node(name)

    @staticmethod
    def other(name: str) -> str:
        """Return the other management node."""
        return MEMBERS[1] if name == MEMBERS[0] else MEMBERS[0]

    def running(self) -> list[Node]:
        """Return the management nodes that have power."""
        return [node for node in map(self.node, MEMBERS) if node.running()]

    # -- the cluster ------------------------------------------------------------------------

    def status(self, viewer: str) -> ElementTree.Element | None:
        """Return crm_mon's XML as a node sees the cluster, None while it sees none."""
        node = self.node(viewer)
        return cluster.crm_mon(node) if node.running() else None

    def attributes(self, of: str, viewer: str) -> dict[str, str]:
        """Return the attributes of node `of`."""
        status = self.status(viewer)
        if status is None:
            return {}
        found = status.iterfind(f"node_attributes/node[@name='{of}']/attribute")
        return {one.get("name", ""): one.get("value", "") for one in found}

    def role_on(self, viewer: str) -> str | None:
        """Return the node on which the whole role is active, None when there is none."""
        return provision.active_node(self.lab, viewer) if self.node(viewer).running() else None

    def may_take_over(self, name: str, viewer: str) -> bool:
        """Tell whether a node is a standby to which the role could be moved now."""
        words = self.attributes(name, viewer)
        score = words.get("master-xcat-db", "")
        return (
            words.get("xcat-db") == "standby"
            and not words.get("xcat-db-limit")
            and (score == "INFINITY" or (score.isdigit() and int(score) > 0))
        )

    def is_settled(self, active: str) -> bool:
        """Tell whether a node has the role and the other one could take it over."""
        return (
            self.role_on(active) == active
            and self.attributes(active, active).get("xcat-db") == "primary"
            and self.may_take_over(self.other(active), active)
        )

    def online(self, name: str, viewer: str) -> bool:
        """Tell whether a node is a healthy member, as `viewer` sees it."""
        node = self.node(viewer)
        return node.running() and name in cluster.online(node)

    # -- processes and data -------------------------------------------------------------------

    def pids(self, daemon: str, on: str) -> list[str]:
        """Return the processes of a daemon; of the database the one above all others."""
        node = self.node(on)
        if daemon == "database":
            return self.database.pids(node)
        return node.run(["pgrep", "-x", daemon], check=False).stdout.split()

    def takes_writes(self, name: str) -> bool | None:
        """Tell whether the database of a node takes writes; None when it does not answer."""
        return self.database.takes_writes(self.node(name))

    def sql(self, name: str, statement: str) -> str:
        """Return what a statement gives on a node, as text."""
        return self.database.sql(self.node(name), statement)

    # -- waiting ------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], object], within: float, what: str) -> None:
        """Wait for a condition; raises NotSeen with the state of the cluster."""
        try:
            wait_for(condition, within, LOOK_SECONDS, what)
        except LabError as problem:
            raise NotSeen(f"{problem}\n{self.shown()}") from None

    def wait_role(self, name: str, within: float) -> None:
        """Wait until the whole role is active on a node."""
        self.wait(lambda: self.role_on(name) == name, within, f"the role on {name}")

    def wait_settled(self, name: str, within: float) -> None:
        """Wait until a node has the role and the other one could take it over."""
        what = f"the role on {name}, and {self.other(name)} to be a ready standby"
        self.wait(lambda: self.is_settled(name), within, what)

    def wait_any_settled(self, within: float) -> str:
        """Wait until either node has the role and the other is ready; return it."""
        found: list[str] = []

        def look() -> bool:
            found[:] = [name for name in MEMBERS if self.is_settled(name)]
            return bool(found)

        self.wait(look, within, "the role on one node, and the other to be a ready standby")
        return found[0]

    def wait_attribute(self, name: str, of: str, pattern: str, on: str, within: float) -> str:
        """Wait for a value of an attribute that matches a pattern; none at all matches ''."""

        def value() -> str:
            return self.attributes(of, on).get(name, "")

        def matches() -> bool:
            found = value()
            return bool(re.search(pattern, found)) if pattern else found == ""

        self.wait(matches, within, f"{name} of {of} to be '{pattern}'")
        return value()

    def shown(self) -> str:
        """Return what crm_mon shows on every node that has power, and its database's last words."""
        parts = []
        for node in self.running():
            for command in (
                ["crm_mon", "-1", "-A", "-r", "-f", "-m", "2"],
                self.database.last_words(12),
            ):
                try:
                    said = node.run(command, check=False, timeout=20)
                except LabError as problem:
                    parts.append(str(problem))
                    continue
                parts.append(f"--- {' '.join(command)} on {node.name}\n{said.stdout}{said.stderr}")
        return "\n".join(parts)
