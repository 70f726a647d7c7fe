"""What the cluster would do: the transition that crm_simulate works out, as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from xcat_hamn.cluster import xml
from xcat_hamn.errors import HamnError


@dataclass(frozen=True)
class Step:
    """One action on one node, in the order in which crm_simulate ran them; interval in ms."""

    operation: str
    resource: str
    node: str
    interval: int = 0

    @property
    def probes(self) -> bool:
        """Tell whether the step only looks whether the resource is active."""
        return self.operation == "monitor" and self.interval == 0

    @property
    def acts(self) -> bool:
        """Tell whether the step changes something (monitors and their cancelling do not)."""
        return self.operation not in ("monitor", "cancel")


@dataclass(frozen=True)
class Transition:
    """The steps, and where each resource ends: (node, role) pairs by resource."""

    steps: Sequence[Step]
    placement: dict[str, tuple[tuple[str, str], ...]]

    def actions(self) -> list[Step]:
        """Return the steps that change something."""
        return [step for step in self.steps if step.acts]

    def probed_nodes(self) -> list[str]:
        """Return the nodes on which resources are looked for first."""
        return sorted({step.node for step in self.steps if step.probes})


def read_transition(text: str) -> Transition:
    """Return the transition in ``crm_simulate --simulate --output-as=xml`` output.

    Raises HamnError when the text is something else.
    """
    try:
        root = xml.parse(text)
    except etree.XMLSyntaxError as problem:
        raise HamnError(
            f"crm_simulate gave no readable answer ({problem}): run it by hand to see why"
        ) from None
    steps = tuple(_steps(root))
    placement: dict[str, tuple[tuple[str, str], ...]] = {}
    for resource in root.iterfind("revised_cluster_status/resources//resource"):
        name = _instance(resource.get("id", ""))
        role = resource.get("role", "")
        places = ((node.get("name", ""), role) for node in resource.iterfind("node"))
        placement[name] = tuple(sorted((*placement.get(name, ()), *places)))
    return Transition(steps, placement)


def _steps(root: etree._Element) -> Iterator[Step]:
    for action in root.iterfind("transition/*"):
        node = action.get("node", "")
        if action.tag == "rsc_action":
            resource, interval = _instance(action.get("resource", "")), action.get("interval", "0")
            yield Step(action.get("op", ""), resource, node, int(interval))
        elif action.tag == "fencing_action":
            yield Step("fence", f"({action.get('op', '')})", action.get("target", ""))


def _instance(name: str) -> str:
    """Return the resource's own name: instances of a clone are counted (``xcat-db:0``)."""
    return name.partition(":")[0]
