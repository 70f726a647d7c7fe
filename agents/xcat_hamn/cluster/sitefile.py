"""Reading the site file: an INI file checked against one declaration.

The declaration (``site.SECTIONS``) is data; from it come the checks here, and the example file
and the table of the documentation in ``sitedoc``.  Every problem is one sentence with the file,
the line, the section and the key; all problems of a file are found in one go.
"""

from __future__ import annotations

import configparser
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from xcat_hamn.cluster.kinds import Kind
from xcat_hamn.errors import HamnError

DEFAULT_PATH = "/etc/xcat/hamn.conf"


@dataclass(frozen=True)
class Key:
    """One key of the site file.

    ``parameter`` is the agent's parameter that it fills (``xcat-pgsql.port``), if any; such a key
    stays out of the cluster configuration while the file does not give it, because the agent has
    the same default.  ``only`` names the value of the section's first key with which alone a
    ``required`` key must be given.
    """

    name: str
    kind: Kind
    help: str
    default: str = ""
    required: bool = False
    only: str = ""
    example: str = ""
    parameter: str = ""


@dataclass(frozen=True)
class Section:
    """One section of the site file with its keys, in the order of the example."""

    name: str
    help: str
    keys: Sequence[Key]

    def key(self, name: str) -> Key | None:
        """Return the key called ``name``, or None."""
        return next((key for key in self.keys if key.name == name), None)


class SiteError(HamnError):
    """The site file cannot be used; ``problems`` has one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


@dataclass(frozen=True)
class Site:
    """A checked site file: canonical texts by (section, key), and what was written in it."""

    path: str
    texts: Mapping[tuple[str, str], str]
    given: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def text(self, section: str, key: str) -> str:
        """Return the effective value: what the file gives, else the default."""
        return self.texts[section, key]

    def flag(self, section: str, key: str) -> bool:
        """Return a yes-or-no value."""
        return self.texts[section, key] == "true"

    def words(self, section: str, key: str) -> list[str]:
        """Return the words of a list."""
        return self.texts[section, key].split()

    def pairs(self, section: str, key: str) -> dict[str, str]:
        """Return a list of NAME=VALUE words as a mapping."""
        return dict(word.split("=", 1) for word in self.words(section, key))


def load(path: str, sections: Sequence[Section]) -> Site:
    """Read and check the file at ``path``.  Raises SiteError."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        raise SiteError(
            [
                f"{path}: there is no such site file: copy the example "
                "/usr/share/doc/xcat-hamn/hamn.conf.example there and adapt it"
            ]
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise SiteError([f"{path}: cannot be read ({reason}): make it readable text"]) from None
    return read(text, path, sections)


def read(text: str, path: str, sections: Sequence[Section]) -> Site:
    """Check the ``text`` of a site file; ``path`` only serves the sentences.  Raises SiteError."""
    parser = _parse(text, path)
    lines = _Lines(text, path)
    by_name = {section.name: section for section in sections}
    problems: list[str] = []
    mistyped: set[tuple[str, str]] = set()
    for sentence, meant in _unknown(parser, by_name, lines):
        problems.append(sentence)
        mistyped.add(meant)
    texts: dict[tuple[str, str], str] = {}
    given: set[tuple[str, str]] = set()
    for section in sections:
        found = parser[section.name] if parser.has_section(section.name) else {}
        choice = found.get(section.keys[0].name, section.keys[0].default).strip()
        for key in section.keys:
            place = (section.name, key.name)
            raw = " ".join(found.get(key.name, "").split())
            if not raw:
                if key.required and key.only in ("", choice):
                    # A mistyped name has its sentence already.
                    if not mistyped & {place, (section.name, "")}:
                        problems.append(_missing(section, key, lines))
                    continue
                raw = key.default
            else:
                given.add(place)
            try:
                texts[place] = key.kind.read(raw) if raw else ""
            except ValueError as wrong:
                problems.append(f"{lines.place(*place)}: {wrong}")
    if problems:
        raise SiteError(problems)
    return Site(path, texts, frozenset(given))


def _parse(text: str, path: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(
        interpolation=None,
        delimiters=("=",),
        inline_comment_prefixes=("#",),
        empty_lines_in_values=False,
        default_section="(no default section)",
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text, path)
    except configparser.MissingSectionHeaderError as problem:
        raise SiteError(
            [
                f"{path}, line {problem.lineno}: a key stands before the first [section]: "
                "put it under its section"
            ]
        ) from None
    except configparser.DuplicateOptionError as problem:
        raise SiteError(
            [
                f"{path}, line {problem.lineno}, [{problem.section}] {problem.option}: "
                "the key is given a second time: keep one of the two"
            ]
        ) from None
    except configparser.DuplicateSectionError as problem:
        raise SiteError(
            [
                f"{path}, line {problem.lineno}: the section [{problem.section}] begins a second "
                "time: join the two"
            ]
        ) from None
    except configparser.ParsingError as problem:
        line = problem.errors[0][0]
        raise SiteError(
            [f"{path}, line {line}: this is not a line of the form key = value: correct it"]
        ) from None
    return parser


class _Lines:
    """Where sections and keys stand in the text: configparser does not tell."""

    def __init__(self, text: str, path: str) -> None:
        self._path = path
        self._numbers: dict[tuple[str, str], int] = {}
        section = ""
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("[") and "]" in line:
                section = line[1 : line.index("]")]
                self._numbers.setdefault((section, ""), number)
            elif "=" in line and not line[:1].isspace() and line[:1] not in "#;":
                self._numbers.setdefault((section, line.split("=", 1)[0].strip()), number)

    def place(self, section: str, key: str = "") -> str:
        """Return the words that name a place, with the line where it is known."""
        number = self._numbers.get((section, key)) or self._numbers.get((section, ""))
        line = f", line {number}" if number else ""
        return f"{self._path}{line}, [{section}]{' ' + key if key else ''}"


def _unknown(
    parser: configparser.ConfigParser, sections: Mapping[str, Section], lines: _Lines
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield a sentence for each unknown name, and the place that was probably meant."""
    for name in parser.sections():
        if name not in sections:
            meant = _closest(name, list(sections))
            advice = _advice(meant, list(sections), "the sections are")
            yield f"{lines.place(name)}: there is no such section: {advice}", (meant, "")
            continue
        known = [key.name for key in sections[name].keys]
        for key in parser[name]:
            if key not in known:
                meant = _closest(key, known)
                advice = _advice(meant, known, f"the keys of [{name}] are")
                yield (
                    f"{lines.place(name, key)}: there is no such key: {advice}",
                    (name, meant or "?"),
                )


def _closest(word: str, known: Sequence[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, 1)), "")


def _advice(meant: str, known: Sequence[str], introduction: str) -> str:
    return f"did you mean {meant}?" if meant else f"remove it ({introduction} {', '.join(known)})"


def _missing(section: Section, key: Key, lines: _Lines) -> str:
    example = f", for example {key.name} = {key.example}" if key.example else ""
    return (
        f"{lines.place(section.name, key.name)}: it is not set and there is no safe default: "
        f"set it{example}"
    )
