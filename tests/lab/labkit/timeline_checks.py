"""What a move of the role has to show; a pure function from a timeline to sentences."""

from __future__ import annotations

from collections.abc import Iterator

from labkit.timeline import Timeline

#: The resources of the cluster, in the order of R 8.0.
RESOURCES = ("xcat-db", "xcat-mnidentity", "xcat-xcatd", "xcat-netsvcs", "xcat-osdeploy")

#: The services that a compute node asks, in the order in which a person reads them.
SERVICES = ("dns", "dhcp", "xcatd")


def complaints(found: Timeline) -> Iterator[str]:
    """Give a sentence for each thing that a move had to show and did not."""
    wanted = [(found.source, name, "stop") for name in reversed(RESOURCES[1:])]
    wanted += [(found.source, RESOURCES[0], "demote"), (found.target, RESOURCES[0], "promote")]
    wanted += [(found.target, name, "start") for name in RESOURCES[1:]]
    times = {(one.node, one.resource, one.action): one for one in found.operations if one.ok}
    last = 0.0
    for key in wanted:
        node, name, action = key
        if key not in times:
            yield f"Pacemaker has logged no successful {action} of {name} on {node}."
        elif times[key].ended < last:
            yield f"The {action} of {name} on {node} came before its turn."
        else:
            last = times[key].ended
    for one in found.operations:
        if not one.ok:
            yield f"The {one.action} of {one.resource} failed on {one.node}: {one.result}"
    for service in SERVICES:
        if found.outage(service) is None:
            yield f"Service {service} did not answer again after the move to {found.target}."
        elif not found.outage(service):
            yield f"cn1 saw no outage of {service}: either it was not asked, or nothing moved."
