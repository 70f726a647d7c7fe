"""Reading file sets from INI files: those of the package, then the site's, key by key over them."""

from __future__ import annotations

import configparser
import glob
import os
import pwd
import re
import sys
from collections.abc import Mapping, Sequence

from xcat_hamn.files.patterns import problem as pattern_problem
from xcat_hamn.files.sets import FileSet, Root, Sets

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
#: A label travels inside a command: nothing in it may need quoting.
_LABEL = re.compile(r"[/~{][A-Za-z0-9/._@+~{}-]*")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_KEYS = {
    "paths", "exclude", "delete", "schedule", "max_age", "importance", "as_one", "owners",
    "platform", "merge", "snapshot", "keep", "bandwidth", "enabled",
}  # fmt: skip
_WORDS = {
    "owners": ("name", "number"),
    "platform": ("any", "linux", "aix"),
    "merge": ("", "hosts", "resolv"),
    "snapshot": ("", "sqlite"),
}


class _Wrong(Exception):
    """A value cannot be used; the message says why, after the section's name."""


def load(directories: Sequence[str], values: Mapping[str, str] | None = None) -> Sets:
    """Read every ``*.conf`` of ``directories``; a set with a problem is left out, with a sentence.

    ``values`` override those of the files.  Sets that are switched off, or of another platform,
    are left out silently.
    """
    parser = _parser()
    problems = []
    for directory in directories:
        for path in sorted(glob.glob(f"{glob.escape(directory)}/*.conf")):
            try:
                one_file = _parser()  # a file with a mistake in it does not count in part
                with open(path, encoding="utf-8") as stream:
                    one_file.read_file(stream, path)
                parser.read_dict(one_file)
            except (OSError, UnicodeDecodeError, configparser.Error) as problem:
                said = " ".join(str(problem).split())
                problems.append(f"{path} cannot be used ({said}): correct it or take it away")
    known = {name: text.strip() for name, text in _section(parser, "values").items()}
    known.update(values or {})
    sets: list[FileSet] = []
    for title in parser.sections():
        kind, _, name = title.partition(" ")
        if title == "values":
            continue
        try:
            if kind != "set" or not _NAME.fullmatch(name):
                raise _Wrong("a section is [values] or [set NAME], with NAME of a to z, 0 to 9, -")
            one = _read(name, _section(parser, title), known)
        except _Wrong as problem:
            problems.append(f"[{title}] of the file sets: {problem}")
            continue
        if one.enabled and one.platform in ("any", "aix" if sys.platform == "aix" else "linux"):
            sets.append(one)
    sets.sort(key=lambda one: (one.importance, one.name))
    return Sets(tuple(sets), tuple(problems), known)


def _parser() -> configparser.ConfigParser:
    return configparser.ConfigParser(
        interpolation=None, comment_prefixes=("#", ";"), default_section="\0"
    )


def _section(parser: configparser.ConfigParser, title: str) -> dict[str, str]:
    return dict(parser.items(title)) if parser.has_section(title) else {}


def _read(name: str, given: Mapping[str, str], values: Mapping[str, str]) -> FileSet:
    for key in given:
        if key not in _KEYS:
            raise _Wrong(f'there is no key "{key}"; the keys are {", ".join(sorted(_KEYS))}')
    for key, words in _WORDS.items():
        if given.get(key, words[0]) not in words:
            raise _Wrong(f"{key} is one of {', '.join(word or 'nothing' for word in words)}")
    lines = [line.strip() for line in given.get("paths", "").splitlines() if line.strip()]
    if not lines:
        raise _Wrong("it has no paths: name at least one directory")
    keep = frozenset(given.get("keep", "links acls xattrs").split())
    if not keep <= {"links", "acls", "xattrs"}:
        raise _Wrong("keep is made of links, acls and xattrs")
    one = FileSet(
        name=name,
        roots=tuple(_root(line, values) for line in lines),
        excludes=_patterns("exclude", given.get("exclude", "").split()),
        delete=_flag(given, "delete", True),
        schedule=_schedule(given.get("schedule", "01:00").strip()),
        max_age=_seconds(given.get("max_age", "10m").strip()),
        importance=_number("importance", given.get("importance", "50")),
        as_one=_flag(given, "as_one", False),
        owners=given.get("owners", "name"),
        platform=given.get("platform", "any"),
        merge=given.get("merge", ""),
        snapshot=given.get("snapshot", ""),
        keep=keep,
        bandwidth=_number("bandwidth", given.get("bandwidth", "0")),
        enabled=_flag(given, "enabled", True),
    )
    if one.merge and not (len(one.roots) == 1 and len(one.roots[0].only) == 1):
        raise _Wrong("a set that is merged is one file: give one line DIRECTORY: NAME")
    if len({root.label for root in one.roots}) != len(one.roots):
        raise _Wrong("the same path stands in it twice")
    return one


def _root(line: str, values: Mapping[str, str]) -> Root:
    label, _, names = line.partition(":")
    label = label.strip()
    if len(label) > 1:
        label = label.rstrip("/")
    if not _LABEL.fullmatch(label) or ".." in label.split("/"):
        raise _Wrong(
            f'"{label}" cannot be a path: it is absolute, ~USER/... or {{VALUE}}/..., without ".." '
            "and without blanks and other characters that a command would have to quote"
        )
    only = _patterns("a name of a path", names.split())
    if any("/" in name or "**" in name for name in only):
        raise _Wrong(f'"{line}": what stands behind the colon are names without a slash')
    return Root(label, _expanded(label, values), only)


def _expanded(label: str, values: Mapping[str, str]) -> str:
    """Return the real directory that ``label`` names on this node, "" when it names none here."""
    path = label
    for found in re.findall(r"\{([^{}]*)\}", label):
        if found not in values:
            raise _Wrong(f'"{label}": [values] gives no "{found}"')
        path = path.replace("{" + found + "}", values[found])
    if path.startswith("~"):
        user, slash, rest = path[1:].partition("/")
        try:
            path = pwd.getpwnam(user).pw_dir.rstrip("/") + slash + rest
        except KeyError:
            return ""
    if not path.startswith("/") or "{" in path or ".." in path.split("/"):
        raise _Wrong(f'"{label}" is no absolute path ({path})')
    # The links of the path itself are this node's own affair, and are resolved once, here: what
    # is refused by name is refused by its real name.
    real = os.path.realpath(path)
    if not real.isprintable() or real != real.strip():
        raise _Wrong(f'"{label}" leads to a directory whose name no configuration file can hold')
    return real


def _patterns(what: str, patterns: Sequence[str]) -> tuple[str, ...]:
    for pattern in patterns:
        if why := pattern_problem(pattern):
            raise _Wrong(f'{what} "{pattern}" cannot be used: {why}')
    return tuple(patterns)


def _flag(given: Mapping[str, str], key: str, default: bool) -> bool:
    word = given.get(key, "yes" if default else "no").strip().lower()
    if word not in ("yes", "no", "true", "false", "on", "off"):
        raise _Wrong(f"{key} is yes or no")
    return word in ("yes", "true", "on")


def _number(key: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text.strip()):
        raise _Wrong(f"{key} is a number, 0 or more")
    return int(text)


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd]?)", text)
    if not found:
        raise _Wrong("max_age is a time such as 90s, 10m, 2h or 1d")
    return int(found[1]) * _UNITS[found[2] or "s"]


def _schedule(text: str) -> str:
    if text and not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise _Wrong("schedule is a time of the day such as 01:00, or nothing")
    return text
