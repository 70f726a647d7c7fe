"""What a person sees: the drawing, and the lines of a log."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from labkit import demo, showing, svg
from labkit.timeline import Answer, Operation, Outage, Timeline
from labkit.timeline_checks import RESOURCES
from rich.console import Console

T = 1795363265.0
SVG = "{http://www.w3.org/2000/svg}"


def move(result: str = "ok") -> Timeline:
    operations = [
        Operation("mn1", "xcat-xcatd", "stop", T + 1, T + 1.5),
        Operation("mn1", "xcat-db", "demote", T + 2, T + 3),
        Operation("mn2", "xcat-db", "promote", T + 3, T + 3.5),
        Operation("mn2", "xcat-xcatd", "start", T + 4, T + 4.04, result),
    ]
    outages = [Outage("dns", T + 1, T + 5, "lost"), Outage("dhcp", T + 2, None, "lost & <found>")]
    answers = [Answer("dns", T + n, T + n, n, n not in (2, 3, 4)) for n in range(7)]
    command = "pcs resource move xcat-mn mn2"
    return Timeline(command, "mn1", "mn2", T, T + 6, operations, outages, answers)


def drawn(*timelines: Timeline) -> ElementTree.Element:
    text = svg.draw(timelines, RESOURCES, "A move", {"xCAT": "a stand-in"})
    return ElementTree.fromstring(text)


def texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def test_the_drawing_names_every_step_with_its_length() -> None:
    found = texts(drawn(move()))
    for label in ("stop 0.50 s", "demote 1.00 s", "promote 0.50 s", "start 40 ms", "4.0 s"):
        assert label in found
    assert "xCAT: a stand-in" in found


def test_the_side_that_gives_up_reads_in_the_order_of_its_stops() -> None:
    found = texts(drawn(move()))
    rows = [text for text in found if text in ("xcat-xcatd", "xcat-db")]
    assert rows == ["xcat-xcatd", "xcat-db", "xcat-db", "xcat-xcatd"]


def test_a_failure_is_seen_in_the_drawing() -> None:
    fills = [one.get("fill") for one in drawn(move("error (x)")).iter(f"{SVG}rect")]
    assert svg.COLORS["failed"] in fills
    fills = [one.get("fill") for one in drawn(move()).iter(f"{SVG}rect")]
    assert svg.COLORS["failed"] not in fills


def test_bars_stand_where_the_scale_says() -> None:
    bars = {
        (hint.text or "").partition(":")[0]: bar
        for bar in drawn(move()).iter(f"{SVG}rect")
        for hint in bar.iter(f"{SVG}title")
    }
    demote, promote = bars["xcat-db demote on mn1"], bars["xcat-db promote on mn2"]
    ends = float(demote.get("x", 0)) + float(demote.get("width", 0))
    assert abs(ends - float(promote.get("x", 0))) < 0.3
    ratio = float(demote.get("width", 0)) / float(promote.get("width", 1))
    assert 1.95 < ratio < 2.05


def test_nothing_is_drawn_outside_the_page() -> None:
    root = drawn(move(), move())
    _, _, width, height = (float(word) for word in root.get("viewBox", "").split())
    for one in root.iter(f"{SVG}rect"):
        if one.get("x"):
            assert 0 <= float(one.get("x", 0)) <= width - float(one.get("width", 0))
            assert 0 <= float(one.get("y", 0)) <= height - float(one.get("height", 0))


def test_the_grid_never_crowds() -> None:
    for span in (1, 14, 31, 100, 500, 3000):
        assert span / svg.step(span) <= 15


CRM_MON = """\
Node List:
  * Online: [ mn1 mn2 ]

Active Resources:
  * Clone Set: xcat-db-clone [xcat-db] (promotable):
    * Promoted: [ mn1 ]

Node Attributes:
  * Node: mn1:
    * xcat-db : primary
  * Node: mn2:
    * xcat-db : standby"""


def test_a_log_says_whose_attribute_has_changed() -> None:
    lines = showing.named_lines(CRM_MON)
    assert "  mn1 xcat-db : primary" in lines
    assert "  mn2 xcat-db : standby" in lines


def test_a_log_prints_only_what_is_new() -> None:
    console = Console(width=100, record=True, force_terminal=False, file=open("/dev/null", "w"))  # noqa: SIM115
    with showing.Terminal(console).live(CRM_MON) as frame:
        frame(CRM_MON, 0.1, {})
        frame(CRM_MON.replace("Promoted: [ mn1 ]", "Demoting mn1"), 1.2, {})
    assert console.export_text() == "   1.2 s    Demoting mn1\n"


def test_the_table_fits_a_narrow_terminal() -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(showing.operations_table(move(), console.width))
    text = console.export_text()
    assert "no DHCP renewal" in text
    assert "to the end" in text
    assert len(text.splitlines()) == 2 + 4 + 2  # nothing was wrapped


def test_a_debian_version_is_shown_as_upstreams() -> None:
    assert demo.upstream("bind9 1:9.18.49-1~deb12u3") == "bind9 9.18.49"
    assert demo.upstream("postgresql-15 15.20-0+deb12u1") == "postgresql-15 15.20"


@pytest.mark.parametrize("name", ["RELEASE", "DATABASE"])
def test_an_unknown_environment_is_refused_with_a_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "sarge")
    assert demo.main([]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"demo: {name} is 'sarge', which is none of ")
