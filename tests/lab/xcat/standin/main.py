"""The entry points of the installed commands."""

from __future__ import annotations


def main(command: str, arguments: list[str]) -> int:
    """Run *command* with its words; return the exit code."""
    if command == "xcatd":
        from . import daemon

        return daemon.main(arguments)
    if command == "chtab":
        from .commands.tables import chtab

        return chtab(arguments)
    if command == "xcat-standin-credentials":
        from . import credentials

        return credentials.main(arguments)
    if command == "xcat-standin-initdb":
        from . import initdb

        return initdb.main(arguments)
    from . import client

    return client.main(command, arguments)
