"""Bringing the cluster's configuration in line with the site file: plan, then one atomic change."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from xcat_hamn.cluster import cib, fragments, levels
from xcat_hamn.cluster.difference import Change, changes, configuration, same_configuration
from xcat_hamn.cluster.pacemaker import CibChanged, InvalidConfiguration, Pacemaker
from xcat_hamn.cluster.simulate import Transition
from xcat_hamn.cluster.sitefile import Site, SiteError
from xcat_hamn.errors import HamnError

#: How often the change is tried again when somebody else changes the CIB at the same time.
ATTEMPTS = 5
NO_FENCING = (
    "no power device is configured ([fencing] devices = none): a lost management node is taken "
    "over on your word alone that it is off, even with failover = automatic, and if the word is "
    "wrong two nodes write to the database and answer at the service address: create a device "
    "(`pcs stonith create`) and name it in the site file"
)

#: Takes an agent's name and the parameters it would get; returns what can never be right.
CheckParameters = Callable[[str, "dict[str, str]"], Sequence[str]]
#: Takes the site; returns what this node lacks for it, in sentences that begin with the key.
CheckNode = Callable[[Site], Sequence[str]]


@dataclass(frozen=True)
class Plan:
    """What would be done: both CIBs, their difference, and what the cluster would make of it."""

    old: etree._Element
    new: etree._Element
    changes: Sequence[Change]
    transition: Transition
    warnings: Sequence[str]

    @property
    def changed(self) -> bool:
        """Tell whether the configuration differs from the live one at all."""
        return not same_configuration(self.old, self.new)


class Configurator:
    """The use case: one site file, one cluster."""

    def __init__(
        self,
        site: Site,
        pacemaker: Pacemaker,
        where: str,
        check: CheckParameters,
        check_node: CheckNode = lambda _site: (),
    ) -> None:
        self._site = site
        self._pacemaker = pacemaker
        self._where = where
        self._check = check
        self._check_node = check_node

    def plan(self) -> Plan:
        """Work out what would be done, changing nothing.

        Raises SiteError for a site file that does not fit the cluster, InvalidConfiguration for
        a result that Pacemaker refuses, and whatever ``Pacemaker`` raises.
        """
        filled = fragments.fragments_of(self._site, self._where)
        self._check_parameters(filled)
        live = cib.parse(self._pacemaker.query())
        self._check_cluster(live)
        new = cib.merge(live, filled, fragments.owned_ids(self._where))
        text = cib.serialize(new)
        self._pacemaker.verify(text)
        return Plan(
            live,
            new,
            changes(live, new),
            self._pacemaker.simulate(text),
            self._warnings(new),
        )

    def push(self, plan: Plan, say: Callable[[str], None]) -> Plan:
        """Carry ``plan`` out and return the plan that was carried out, read back.

        When somebody else changed the configuration meanwhile a new plan is made from it, and
        ``say`` is told so.  Raises HamnError after ATTEMPTS tries.
        """
        restless = False  # the status changes faster than a CIB can be read and patched
        for attempt in range(ATTEMPTS):
            if not plan.changed:
                return plan
            try:
                self._pacemaker.patch(
                    cib.serialize(plan.old), cib.serialize(_next(plan)), exact=not restless
                )
            except CibChanged as conflict:
                live = cib.parse(self._pacemaker.query())
                if same_configuration(plan.old, live):
                    # Only the status is newer: what was checked and shown still holds.
                    plan = _on_top_of(live, plan)
                    restless = attempt > 0
                else:
                    say(f"{conflict}: trying again with its new state")
                    plan = self.plan()
                    restless = False
                continue
            self._read_back()
            return plan
        raise HamnError(
            f"the cluster's configuration was changed by somebody else during each of {ATTEMPTS} "
            "attempts, so nothing was changed: find out who is at work (another administrator, "
            "another tool) and run this again"
        )

    def _read_back(self) -> None:
        if self.plan().changed:
            raise HamnError(
                "the change was accepted, but the cluster's configuration does not show it: "
                "look at `xcat-hamn configure --dry-run` for what is missing"
            )

    def _check_parameters(self, filled: Sequence[etree._Element]) -> None:
        problems = [
            f"{self._site.path}: {problem} (resource {resource.get('id')})"
            for fragment in filled
            for resource in fragment.iter("primitive")
            for problem in self._check(resource.get("type", ""), fragments.parameters_of(resource))
        ]
        if problems:
            raise SiteError(problems)

    def _check_cluster(self, live: etree._Element) -> None:
        old_schema = cib.too_old(live)
        if old_schema:
            raise InvalidConfiguration(old_schema)
        problems = []
        named = list(self._site.pairs("cluster", "nodes"))
        members = cib.node_names(live)
        for name in named:
            if name not in members:
                problems.append(
                    f"{self._site.path}, [cluster] nodes: the cluster has no node {name} (it has "
                    f"{', '.join(members) or 'none'}): use the names that `crm_node -l` prints, or "
                    "add the node with `pcs cluster node add`"
                )
        problems.extend(
            f"{self._site.path}, [cluster] nodes: the cluster also has the node {name}, and the "
            "role could go there: take it out of the cluster, or name it in place of another"
            for name in members
            if name not in named
        )
        devices = cib.fence_devices(live)
        problems.extend(
            f"{self._site.path}, [fencing] devices: the cluster has no fence device {name}: create "
            "it with `pcs stonith create`, or write none"
            for name in levels.devices(self._site)
            if name not in devices
        )
        problems.extend(f"{self._site.path}, {text}" for text in self._check_node(self._site))
        problems.extend(
            f"the cluster has the fencing level {level} for {node}, which would go round the "
            f"operator's gate: remove it with `pcs stonith level clear target {node}`, and name "
            f"its devices in {self._site.path}, [fencing] devices"
            for level, node in cib.foreign_levels(live, named, self._where_ids())
        )
        if problems:
            raise SiteError(problems)

    def _warnings(self, new: etree._Element) -> list[str]:
        warnings = [] if self._site.words("fencing", "devices") else [NO_FENCING]
        warnings.extend(
            f"{resource} was {what} by a command of the operator ({name}={value}) and stays so"
            for resource, name, value, what in cib.operators_settings(new, self._where_ids())
        )
        return warnings

    def _where_ids(self) -> frozenset[str]:
        return fragments.owned_ids(self._where)


def _on_top_of(live: etree._Element, plan: Plan) -> Plan:
    """Return ``plan`` for a live CIB that has the same configuration and another status."""
    new = copy.deepcopy(live)
    new.replace(configuration(new), copy.deepcopy(configuration(plan.new)))
    return replace(plan, old=live, new=new)


def _next(plan: Plan) -> etree._Element:
    """Return the new CIB with the version that follows the old one: a patch must have one."""
    new = copy.deepcopy(plan.new)
    new.set("epoch", str(int(plan.old.get("epoch", "0")) + 1))
    new.set("num_updates", "0")
    return new
