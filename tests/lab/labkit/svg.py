"""Draws timelines as one SVG file that needs nothing else: a panel per move, a row per resource.

The colors are told apart by color-blind eyes too, and the file follows the reader's light or dark
theme where the viewer knows themes (a browser does; without, it is light).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from labkit.timeline import Answer, Operation, Timeline, order

WIDTH = 1180
LEFT = 190
RIGHT = 150
ROW = 24
BAR = 14
MARGIN = 28

COLORS = {
    "stop": "#8894a3",
    "demote": "#d9902f",
    "promote": "#8a63c4",
    "start": "#2f7fc1",
    "failed": "#a63a1e",
    "answers": "#2e9e6b",
    "outage": "#d4405a",
}

STYLE = """
text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2a36; }
.title { font-size: 20px; font-weight: 600; }
.command { font: 600 15px ui-monospace, "DejaVu Sans Mono", monospace; }
.quiet { fill: #5d6b7a; }
.small { font-size: 11.5px; }
.node { font-weight: 600; }
.page { fill: #ffffff; }
.panel { fill: #f4f6f8; }
.grid { stroke: #d8dee5; stroke-width: 1; }
.typed { stroke: #5d6b7a; stroke-width: 1; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e3e8ee; }
  .quiet { fill: #9aa7b5; }
  .page { fill: #12171d; }
  .panel { fill: #1a2129; }
  .grid { stroke: #303a45; }
  .typed { stroke: #9aa7b5; }
}
"""

#: What a person calls the services that the prober asks.
QUESTIONS = {"dns": "DNS answer", "dhcp": "DHCP renewal", "xcatd": "xcatd request"}


class Scale(NamedTuple):
    """Where seconds after the command are drawn."""

    first: float
    last: float

    def x(self, seconds: float) -> float:
        """Return the horizontal position of a moment."""
        inside = min(max(seconds, self.first), self.last)
        share = (inside - self.first) / (self.last - self.first)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def step(span: float) -> int:
    """Return a distance of grid lines, in seconds, that gives at most fifteen of them."""
    return next((one for one in (1, 2, 5, 10, 20, 30, 60, 120, 300) if span / one <= 15), 600)


def duration(seconds: float) -> str:
    """Return a duration as a person reads it."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.0995 else f"{seconds:.2f} s"


def draw(
    timelines: Sequence[Timeline],
    resources: Sequence[str],
    title: str,
    facts: Mapping[str, str],
) -> str:
    """Return the drawing; `resources` is the order of the rows, `facts` go to the foot."""
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
    SubElement(root, "title").text = title
    SubElement(root, "style").text = STYLE
    page = SubElement(root, "rect", {"class": "page", "width": "100%", "height": "100%"})
    _text(root, MARGIN, 40, title, "title")
    failed = any(not one.ok for timeline in timelines for one in timeline.operations)
    y = _legend(root, 62, failed)
    # One scale for all, so that the lengths of two moves can be compared by eye.
    last = max((timeline.end - timeline.typed for timeline in timelines), default=1.0) + 1.0
    for timeline in timelines:
        y = _panel(root, y, timeline, resources, Scale(-1.0, last)) + 18
    for name, value in facts.items():
        _text(root, MARGIN, y + 8, f"{name}: {value}", "quiet small")
        y += 17
    height = f"{y + 14:.0f}"
    root.set("viewBox", f"0 0 {WIDTH} {height}")
    root.set("width", str(WIDTH))
    root.set("height", height)
    page.set("rx", "6")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _legend(root: Element, y: float, failed: bool) -> float:
    x: float = MARGIN
    for name, text in (
        ("stop", "stop"),
        ("demote", "demote"),
        ("promote", "promote"),
        ("start", "start"),
        ("failed", "failed"),
        ("answers", "a good answer"),
        ("outage", "no good answer"),
    ):
        if name == "failed" and not failed:
            continue
        _bar(root, x, y, 16, COLORS[name], thin=name == "answers")
        _text(root, x + 22, y + 11, text, "small")
        x += 22 + 7.2 * len(text) + 22
    return y + 34


def _panel(
    root: Element, top: float, timeline: Timeline, resources: Sequence[str], scale: Scale
) -> float:
    """Draw one move below `top`; return its lower edge."""
    rows = _rows(timeline, resources)
    height = 66 + ROW * len(rows) + 34
    box = {"x": MARGIN - 14, "y": top, "width": WIDTH - 2 * MARGIN + 28, "height": height}
    frame = SubElement(root, "rect", {"class": "panel", "rx": "6"})
    for name, value in box.items():
        frame.set(name, f"{value:.0f}")
    _text(root, MARGIN, top + 26, timeline.command, "command")
    _text(root, MARGIN, top + 46, _summary(timeline), "quiet")
    first, last = top + 62, top + 66 + ROW * len(rows)
    _grid(root, scale, first, last, timeline.returned - timeline.typed)
    y = first + 4
    for heading, name in rows:
        if not name:
            _text(root, MARGIN, y + 16, heading, "node")
        elif heading == "cn1":
            _text(root, MARGIN + 12, y + 16, QUESTIONS.get(name, name))
            _service(root, y, scale, timeline, name)
        else:
            _text(root, MARGIN + 12, y + 16, name)
            _resource(root, y, scale, timeline, heading, name)
        y += ROW
    return top + height


def _rows(timeline: Timeline, resources: Sequence[str]) -> list[tuple[str, str]]:
    """Return (node, resource or service) per row; a row without the second is a heading."""
    rows: list[tuple[str, str]] = []
    # What is stopped goes in reverse, so that both halves of a move read from top left downwards.
    for node, deed, names in (
        (timeline.source, "gives up", list(reversed(resources))),
        (timeline.target, "takes over", resources),
    ):
        rows.append((f"{node} {deed}", ""))
        rows += [(node, name) for name in order(timeline.operations, names, node)]
    rows.append(("as cn1 sees it", ""))
    return rows + [("cn1", name) for name in QUESTIONS]


def _summary(timeline: Timeline) -> str:
    parts = []
    for service, name in QUESTIONS.items():
        lasted = timeline.outage(service)
        said = "never came back" if lasted is None else f"{lasted:.1f} s"
        parts.append(f"{name.split()[0]} {said if lasted != 0 else 'none'}")
    began = min((operation.began for operation in timeline.operations), default=timeline.typed)
    ended = max((operation.ended for operation in timeline.operations), default=timeline.typed)
    return (
        f"{timeline.source} to {timeline.target}: first to last operation {ended - began:.1f} s; "
        f"outages: {', '.join(parts)}"
    )


def _grid(root: Element, scale: Scale, first: float, last: float, returned: float) -> None:
    apart = step(scale.last - scale.first)
    for seconds in range(0, int(scale.last) + 1, apart):
        x = scale.x(seconds)
        _line(root, x, first, last, "typed" if seconds == 0 else "grid")
        _text(root, x, last + 17, f"{seconds} s" if seconds else "typed", "quiet small", "middle")
    _line(root, scale.x(returned), first, last, "typed")
    _text(root, scale.x(returned) + 5, first + 12, "command returns", "quiet small")


def _resource(
    root: Element, y: float, scale: Scale, timeline: Timeline, node: str, name: str
) -> None:
    done = [one for one in timeline.operations if (one.node, one.resource) == (node, name)]
    for operation in done:
        began, ended = operation.began - timeline.typed, operation.ended - timeline.typed
        x = scale.x(began)
        color = COLORS[operation.action if operation.ok else "failed"]
        bar = _bar(root, x, y + 5, max(2.0, scale.x(ended) - x), color)
        hint = f"{name} {operation.action} on {node}: {operation.seconds:.3f} s, "
        SubElement(bar, "title").text = f"{hint}from {began:.3f} s; {operation.result}"
    if done:
        _text(root, scale.x(done[-1].ended - timeline.typed) + 6, y + 16, _label(done), "small")


def _label(done: Sequence[Operation]) -> str:
    return ", ".join(
        f"{one.action} {duration(one.seconds)}{'' if one.ok else ' failed'}" for one in done
    )


def _service(root: Element, y: float, scale: Scale, timeline: Timeline, service: str) -> None:
    mine = [answer for answer in timeline.answers if answer.probe == service]
    for answer in mine:
        _answer(root, y, scale, timeline, answer)
    longest, at = 0.0, 0.0
    for outage in timeline.outages:
        if outage.service != service:
            continue
        since = outage.since - timeline.typed
        until = scale.last if outage.until is None else outage.until - timeline.typed
        x, end = scale.x(since), scale.x(until)
        bar = _bar(root, x, y + 5, max(2.0, end - x), COLORS["outage"])
        lasted = "to the end" if outage.seconds is None else f"{outage.seconds:.1f} s"
        SubElement(bar, "title").text = f"no {QUESTIONS[service]}: {lasted}; {outage.why}"
        if until - since > longest:
            longest, at = until - since, (x + end) / 2
    if longest:
        _text(root, at, y + 16, f"{longest:.1f} s", "small", "middle").set(
            "style", "fill:#fff;font-weight:600"
        )


def _answer(root: Element, y: float, scale: Scale, timeline: Timeline, answer: Answer) -> None:
    seconds = answer.done - timeline.typed
    if answer.ok and scale.first <= seconds <= scale.last:
        mark = {"x": scale.x(seconds) - 0.8, "y": y + 7, "width": 1.6, "height": 10}
        shape = SubElement(root, "rect", {name: f"{value:.1f}" for name, value in mark.items()})
        shape.set("fill", COLORS["answers"])


def _bar(
    root: Element, x: float, y: float, width: float, color: str, *, thin: bool = False
) -> Element:
    shape = SubElement(root, "rect", {"fill": color, "rx": "2"})
    high = 6 if thin else BAR
    places = {"x": x, "y": y + (BAR - high) / 2, "width": width, "height": high}
    for name, value in places.items():
        shape.set(name, f"{value:.1f}")
    return shape


def _line(root: Element, x: float, y1: float, y2: float, kind: str) -> None:
    ends = {"x1": x, "x2": x, "y1": y1, "y2": y2}
    SubElement(root, "line", {"class": kind, **{k: f"{v:.1f}" for k, v in ends.items()}})


def _text(
    root: Element, x: float, y: float, text: str, kind: str = "", anchor: str = ""
) -> Element:
    words = SubElement(root, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}"})
    if kind:
        words.set("class", kind)
    if anchor:
        words.set("text-anchor", anchor)
    words.text = text
    return words
