"""The tables that a SELECT prints through the ``db2`` command line."""

from __future__ import annotations


def parse_table(text: str) -> list[dict[str, str]]:
    """Return one dictionary per row, by the headings; empty without a table.

    Columns begin where the line of dashes says; trailing blanks may be missing.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines[1:], 1):
        if line.strip() and set(line.split()[0]) == {"-"} and not line.strip(" -"):
            spans = _spans(line)
            names = [_cell(lines[number - 1], start, end) for start, end in spans]
            return _rows(lines[number + 1 :], names, spans)
    return []


def _spans(dashes: str) -> list[tuple[int, int | None]]:
    starts = [i for i, c in enumerate(dashes) if c == "-" and (i == 0 or dashes[i - 1] == " ")]
    ends: list[int | None] = [*starts[1:], None]
    return list(zip(starts, ends))


def _cell(line: str, start: int, end: int | None) -> str:
    return line[start:end].strip()


def _rows(
    lines: list[str], names: list[str], spans: list[tuple[int, int | None]]
) -> list[dict[str, str]]:
    rows = []
    for line in lines:
        if not line.strip():
            break
        rows.append({name: _cell(line, *span) for name, span in zip(names, spans)})
    return rows
