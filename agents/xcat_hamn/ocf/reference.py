"""The agents' reference in docs/: written from the same declarations as the metadata."""

from __future__ import annotations

from xcat_hamn.ocf.declaration import Agent, Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _parameter(parameter: Parameter) -> str:
    if parameter.required:
        default = "*required*"
    else:
        default = f"`{parameter.default}`" if parameter.default else ""
    reload = " Takes effect without a restart." if parameter.reloadable else ""
    words = f" One or more of: {', '.join(parameter.choices)}." if parameter.choices else ""
    text = _cell(parameter.longdesc + words + reload)
    return f"| `{parameter.name}` | {parameter.kind} | {default} | {text} |"


def _section(agent: Agent) -> list[str]:
    lines = [f"## ocf:heartbeat:{agent.name}", "", agent.longdesc, ""]
    lines += ["| parameter | type | default | meaning |", "|---|---|---|---|"]
    lines += [_parameter(parameter) for parameter in agent.parameters]
    lines += ["", "| action | timeout | interval | role |", "|---|---|---|---|"]
    for action in agent.actions:
        interval = f"{action.interval} s" if action.interval else ""
        lines.append(f"| {action.name} | {action.timeout} s | {interval} | {action.role} |")
    return [*lines, ""]


def agents_page(agents: Sequence[Agent]) -> str:
    """Return docs/agents.md."""
    lines = [
        "# The resource agents",
        "",
        "This page is generated from the agents' declarations in `agents/xcat_hamn/agents/`.",
        "",
        "Every agent: exit codes as OCF 1.1 defines them, 6 only from start and validate-all; one "
        "line of exit reason that says what, why and what to do; its own deadline at 90 % of the "
        "operation's timeout; a transcript of every command in "
        "`/var/lib/heartbeat/trace_ra/AGENT/` while `trace_ra=1` is set.",
        "",
    ]
    for agent in agents:
        lines += _section(agent)
    return "\n".join(lines).rstrip() + "\n"
