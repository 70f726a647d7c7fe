"""What the agents declare, for checking the parameters that a site file would give them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from xcat_hamn.ocf.declaration import Agent
from xcat_hamn.ocf.parameters import PREFIX, Values


def agent(name: str) -> Agent | None:
    """Return the declaration of agent ``name`` (``xcat-pgsql``), or None when it is not ours."""
    module = f"xcat_hamn.agents.{name.partition('-')[2]}"
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    declared: Agent = found.AGENT
    return declared


def problems_with(name: str, parameters: Mapping[str, str]) -> list[str]:
    """Return one sentence for each parameter of agent ``name`` that can never be right."""
    declared = agent(name)
    if declared is None:
        return []
    known = {parameter.name for parameter in declared.parameters}
    unknown = [
        f"agent {name} has no parameter {parameter}: reinstall xcat-hamn, its files do not match"
        for parameter in parameters
        if parameter not in known
    ]
    return unknown + Values(declared, {PREFIX + k: v for k, v in parameters.items()}).problems
