"""Reading XML that Pacemaker's tools or our own package wrote: no entities, no network."""

from __future__ import annotations

from lxml import etree


def parse(text: str, *, comments: bool = True) -> etree._Element:
    """Return the root of ``text``, without its indentation.  Raises etree.XMLSyntaxError."""
    parser = etree.XMLParser(
        remove_blank_text=True,
        remove_comments=not comments,
        resolve_entities=False,
        no_network=True,
        huge_tree=True,
    )
    return etree.fromstring(text.encode(), parser)  # noqa: S320 - with the parser above
