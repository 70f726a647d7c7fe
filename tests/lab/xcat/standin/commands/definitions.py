"""mkdef, chdef, rmdef, lsdef for nodes, site, networks, osimages and policies."""

from __future__ import annotations

from typing import NamedTuple

from ..context import Context
from ..database import Database, Row
from ..schema import NODE_ATTRIBUTES, NODE_TABLES, OBJECT_TABLES, TABLES
from ..wire import Reply

SITE = "clustersite"


class Words(NamedTuple):
    """A command line: type, object names, attributes, single-letter options."""

    kind: str
    names: list[str]
    attributes: Row
    options: set[str]
    shown: list[str]


def parse(arguments: list[str]) -> Words:
    """Read ``[-t TYPE] [-o NAMES] [NAMES] [-i ATTRS] [-f|-l|-c|-m|-p] [attr=value ...]``."""
    kind, names, shown = "node", [], []
    attributes: Row = {}
    options: set[str] = set()
    rest = iter(arguments)
    for word in rest:
        if word in ("-t", "-o", "-i"):
            value = next(rest, "")
            if word == "-t":
                kind = value
            elif word == "-o":
                names += value.split(",")
            else:
                shown += value.split(",")
        elif word.startswith("-"):
            options.add(word)
        elif "=" in word:
            name, _, value = word.partition("=")
            attributes[name] = value
        else:
            names += word.split(",")
    if kind not in ("node", "site", *OBJECT_TABLES):
        raise ValueError(f"Type '{kind}' is not a valid xCAT object type.")
    return Words(kind, [SITE] if kind == "site" else names, attributes, options, shown)


def load(database: Database, kind: str) -> dict[str, Row]:
    """Return the definitions of a type: name -> attributes."""
    if kind == "site":
        return {SITE: database.site()}
    if kind in OBJECT_TABLES:
        table, name = OBJECT_TABLES[kind]
        return {
            row[name]: {key: value for key, value in row.items() if key != name}
            for row in database.rows(table)
            if name in row
        }
    tables = {table: database.by_node(table) for table in NODE_TABLES}
    return {
        node: {
            attribute: tables[table][node][column]
            for attribute, (table, column) in NODE_ATTRIBUTES.items()
            if column in tables[table].get(node, {})
        }
        for node in tables["nodelist"]
    }


def _store(database: Database, words: Words, name: str, existing: Row) -> None:
    if words.kind == "site":
        for key, value in words.attributes.items():
            if value:
                database.put("site", {"key": key}, {"value": value})
            else:
                database.delete("site", key=key)
    elif words.kind in OBJECT_TABLES:
        table, column = OBJECT_TABLES[words.kind]
        row = {**existing, column: name, **words.attributes}
        unknown = set(words.attributes) - set(TABLES[table][0])
        if unknown:
            _invalid(sorted(unknown)[0], words.kind)
        keys = {key: row.get(key, "") for key in TABLES[table][1]}
        database.put(table, keys, {key: row[key] for key in row if key not in keys})
    else:
        for attribute in words.attributes:
            if attribute not in NODE_ATTRIBUTES:
                _invalid(attribute, "node")
        for table in NODE_TABLES:
            values = {
                NODE_ATTRIBUTES[attribute][1]: value
                for attribute, value in words.attributes.items()
                if NODE_ATTRIBUTES[attribute][0] == table
            }
            if values:
                database.put(table, {"node": name}, values)


def _invalid(attribute: str, kind: str) -> None:
    raise ValueError(f"'{attribute}' is not a valid attribute name for an object type of '{kind}'.")


def _define(context: Context, arguments: list[str], reply: Reply, create: bool) -> None:
    words = parse(arguments)
    if not words.names:
        reply.error("No object names were provided.")
        return
    known = load(context.database, words.kind)
    changed = 0
    for name in words.names:
        if create and name in known and words.kind != "site" and "-f" not in words.options:
            reply.error(
                f"A definition for '{name}' already exists. No changes will be made."
                "  Run again with '-f' option to force replace."
            )
            continue
        if words.kind == "node" and name not in known and not words.attributes.get("groups"):
            reply.error(
                f"Attribute 'groups' is not specified for node '{name}',"
                " skipping to the next node."
            )
            continue
        _store(context.database, words, name, known.get(name, {}))
        changed += 1
    if reply.failed:
        reply.error(
            "One or more errors occured when attempting to create or modify xCAT object"
            " definitions."
        )
    # Whether the database took it is not looked at: the real one does not either (measured).
    if changed:
        reply.info(f"{changed} object definitions have been created or modified.")


def mkdef(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """Create definitions."""
    _define(context, arguments, reply, create=True)


def chdef(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """Change (or create) definitions."""
    _define(context, arguments, reply, create=False)


def rmdef(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """Remove definitions."""
    words = parse(arguments)
    if not words.names or words.kind == "site":
        reply.error("No object names were provided.")
        return
    known = load(context.database, words.kind)
    removed = 0
    for name in words.names:
        if name not in known:
            reply.error(f"Could not find an object named '{name}' of type '{words.kind}'.")
            continue
        if words.kind == "node":
            for table in NODE_TABLES:
                context.database.delete(table, node=name)
        else:
            table, column = OBJECT_TABLES[words.kind]
            context.database.delete(table, **{column: name})
        removed += 1
    if removed:
        reply.info(f"{removed} object definitions have been removed.")
    else:
        reply.info("No objects have been removed from the xCAT database.")


def lsdef(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """List definitions: names only, or the attributes of named ones (-l, -i, -c)."""
    words = parse(arguments)
    known = load(context.database, words.kind)
    if not words.names and not {"-l"} & words.options and not words.shown:
        reply.info(*[f"{name}  ({words.kind})" for name in sorted(known)])
        return
    for name in sorted(words.names or known):
        if name not in known:
            reply.error(f"Could not find an object named '{name}' of type '{words.kind}'.")
            continue
        shown = {
            attribute: known[name].get(attribute, "")
            for attribute in (words.shown or sorted(known[name]))
        }
        if "-c" in words.options:
            reply.info(*[f"{name}: {key}={value}" for key, value in shown.items()])
        else:
            lines = [f"    {key}={value}" for key, value in shown.items()]
            reply.info(f"Object name: {name}", *lines)
