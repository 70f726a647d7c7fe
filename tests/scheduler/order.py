"""What a transition is compared with: the order of R 8.0."""

from __future__ import annotations

GROUP = ("xcat-mnidentity", "xcat-xcatd", "xcat-netsvcs", "xcat-osdeploy")


def done(transition):
    """Return what acts, in order, without the starts and stops of fence devices."""
    return [
        (step.operation, step.resource, step.node)
        for step in transition.actions()
        if not step.resource.startswith(("xcat-gate", "bmc-"))
    ]


def stops(node):
    return [("stop", resource, node) for resource in reversed(GROUP)]


def starts(node):
    return [("start", resource, node) for resource in GROUP]


def takeover(old, new):
    """Return R 8.0 from a living primary, as the one order that is right."""
    return [
        *stops(old),
        ("demote", "xcat-db", old),
        ("promote", "xcat-db", new),
        *starts(new),
    ]


def where(transition):
    """Return the node of each member of the role, and of the primary database."""
    found = {r: [n for n, _role in transition.placement.get(r, ())] for r in GROUP}
    database = transition.placement["xcat-db"]
    found["primary"] = [node for node, role in database if role == "Promoted"]
    return found


def all_on(node):
    return {resource: [node] for resource in (*GROUP, "primary")}
