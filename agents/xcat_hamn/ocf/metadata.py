"""Metadata in the form that ocf-tester, pcs and Pacemaker all accept.

OCF 1.1 knows ``reload-agent``, ``reloadable`` and ``unique-group``; ocf-tester still validates
against the DTD of 1.0.  The internal subset of the DOCTYPE overrides the three declarations that
differ (tried: ocf-tester 4.12, the OCF 1.1 RNG, pcs 0.11.5 and 0.12.0).

Pacemaker's own daemons validate nothing, and 3.0.0 logs an error for each declaration in an
internal subset ("new_private_data: Triggered fatal assertion"), so they get none.
"""

from __future__ import annotations

from xcat_hamn.ocf.declaration import CONTENT_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from xcat_hamn.ocf.declaration import Agent, Parameter

_HEAD = '<?xml version="1.0"?>\n'
DOCTYPE = """<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd" [
<!ATTLIST parameter unique-group CDATA #IMPLIED reloadable (1|0) #IMPLIED>
<!ATTLIST action name NMTOKEN #REQUIRED>
]>
"""
#: Set in the environment of everything that a Pacemaker daemon starts.
PACEMAKER = "PCMK_service"


def _described(parent: Element, shortdesc: str, longdesc: str) -> None:
    from xml.etree.ElementTree import SubElement

    for tag, text in (("longdesc", longdesc), ("shortdesc", shortdesc)):
        SubElement(parent, tag, lang="en").text = text


def _add_parameter(parent: Element, parameter: Parameter) -> None:
    from xml.etree.ElementTree import SubElement

    element = SubElement(parent, "parameter", name=parameter.name)
    if parameter.required:
        element.set("required", "1")
    if parameter.unique_group:
        element.set("unique-group", parameter.unique_group)
    element.set("reloadable", "1" if parameter.reloadable else "0")
    _described(element, parameter.shortdesc, parameter.longdesc)
    content = SubElement(element, "content", type=CONTENT_TYPE[parameter.kind])
    if parameter.default:
        content.set("default", parameter.default)


def metadata(agent: Agent, *, doctype: bool = True) -> str:
    """Return the agent's metadata as an XML document, to be validated if it has a ``doctype``."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    root = Element("resource-agent", name=agent.name, version=agent.version)
    SubElement(root, "version").text = "1.1"
    _described(root, agent.shortdesc, agent.longdesc)
    parameters = SubElement(root, "parameters")
    for parameter in agent.parameters:
        _add_parameter(parameters, parameter)
    actions = SubElement(root, "actions")
    for action in agent.actions:
        element = SubElement(actions, "action", name=action.name, timeout=f"{action.timeout}s")
        if action.interval:
            element.set("interval", f"{action.interval}s")
        if action.depth:
            element.set("depth", str(action.depth))
        if action.role:
            element.set("role", action.role)
    indent(root)
    return _HEAD + (DOCTYPE if doctype else "") + tostring(root, encoding="unicode") + "\n"
