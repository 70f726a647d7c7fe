"""lsxcatd, tabdump, nodels; chtab works on the database by itself."""

from __future__ import annotations

import os

from .. import VERSION, system
from ..context import Context
from ..database import Database, DatabaseDownError, Row
from ..schema import TABLES
from ..wire import Reply


def lsxcatd(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """Tell about the daemon: -v, -t, -d, -a."""
    words = {"-v", "--version", "-t", "--type", "-d", "--database", "-a", "--all"}
    if not arguments or not set(arguments) <= words:
        reply.error("Usage: lsxcatd [-v|-h|-d|-t|-a]")
        return
    everything = bool({"-a", "--all"} & set(arguments))
    if everything or {"-v", "--version"} & set(arguments):
        reply.data([VERSION])
    if (everything or {"-t", "--type"} & set(arguments)) and os.path.exists(
        system.path("/etc/xCATMN")
    ):
        reply.data(["This is a Management Node"])
    if everything or {"-d", "--database"} & set(arguments):
        reply.data(context.database.location().describe())


def csv_lines(columns: list[str], rows: list[Row]) -> list[str]:
    """Return the lines of tabdump: a header, then quoted values; a missing value is empty."""
    lines = ["#" + ",".join(columns)]
    for row in rows:
        values = [
            '"' + row[name].replace('"', '""') + '"' if name in row else "" for name in columns
        ]
        lines.append(",".join(values))
    return lines


def tabdump(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """Print the tables' names, or one table as CSV."""
    if not arguments:
        reply.data(sorted(TABLES))
        return
    if len(arguments) > 1 or arguments[0].startswith("-"):
        reply.error("Usage: tabdump [table] (the stand-in knows no options)")
        return
    table = arguments[0]
    if table not in TABLES:
        reply.error(f"No such table: {table}")
        return
    reply.data(csv_lines(TABLES[table][0], context.database.rows(table)))


def nodels(context: Context, arguments: list[str], nodes: list[str], reply: Reply) -> None:
    """List nodes, with the values of ``table.column`` arguments."""
    tables = {}
    for argument in arguments:
        table, _, column = argument.partition(".")
        if column not in TABLES.get(table, ([], []))[0]:
            reply.error(f"{argument} not a valid table.column description")
            return
        tables[table] = context.database.by_node(table)
    for node in sorted(nodes if context.has_noderange else context.database.by_node("nodelist")):
        if not arguments:
            reply.node(node)
        for argument in arguments:
            table, _, column = argument.partition(".")
            value = tables[table].get(node, {}).get(column, "")
            reply.node(node, value, argument if len(arguments) > 1 else "")


def chtab(arguments: list[str]) -> int:
    """Change or delete rows: ``chtab key=domain site.value=x``, ``chtab -d node=n1 nodelist``."""
    delete = arguments[:1] == ["-d"]
    words = arguments[1:] if delete else arguments
    if len(words) < 2 or "=" not in words[0]:
        print("Usage: chtab [-d] keycolname=keyvalue[,...] table[.colname=newvalue] ...")
        return 1
    keys = dict(pair.partition("=")[::2] for pair in words[0].split(","))
    database = Database()
    try:
        for word in words[1:]:
            target, _, value = word.partition("=")
            table, _, column = target.partition(".")
            if delete:
                database.delete(table, **keys)
            else:
                database.put(table, keys, {column: value})
    except (DatabaseDownError, KeyError) as error:
        print(f"chtab: {error}")
        return 1
    return 0
