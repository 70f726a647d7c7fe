"""What is checked of a Db2 HADR database."""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.instance import Instance
from xcat_hamn.database.db2.sql import Sql
from xcat_hamn.errors import CommandFailed
from xcat_hamn.verify.checks import Outcome, Step

_STANDBY = "a standby takes no connections (SQL1776N): ask on the primary's node"


class Db2:
    """The checks of one database; SQL goes through ibm_db where it is, else through `db2`."""

    def __init__(self, instance: Instance, sql: Sql) -> None:
        self._instance = instance
        self._sql = sql
        self._found = hadr.Hadr()

    def steps(self) -> list[Step]:
        """Return the checks in their order."""
        return [
            ("role", self._role),
            ("pair", self._pair),
            ("read", self._read),
            ("write", self._write),
        ]

    @property
    def writable(self) -> bool:
        """Tell whether this database is the one that takes writes."""
        return self._found.role == hadr.PRIMARY

    def _role(self) -> tuple[Outcome, str]:
        condition, found = self._instance.look()
        name = self._instance.database
        if found is None:
            raise CommandFailed(
                f"database {name} of instance {self._instance.name} is no active HADR database "
                f"({condition}): see `xcat-hamn explain` for why"
            )
        if found.role not in (hadr.PRIMARY, hadr.STANDBY):
            raise CommandFailed(f"db2pd says role {found.role or '(none)'}: look at `db2pd -hadr`")
        self._found = found
        return Outcome.OK, f"{name} is the {found.role.lower()}, in state {found.state}"

    def _read(self) -> tuple[Outcome, str]:
        if not self.writable:
            return Outcome.SKIPPED, _STANDBY
        self._sql.read()
        return Outcome.OK, f"SQL reads, through {self._sql.via}"

    def _write(self) -> tuple[Outcome, str]:
        if not self.writable:
            return Outcome.SKIPPED, _STANDBY
        self._sql.write()
        return Outcome.OK, (
            f"a table of xcat-hamn's own was written, read back and dropped, through "
            f"{self._sql.via}"
        )

    def _pair(self) -> tuple[Outcome, str]:
        found = self._found
        where = "its standby" if self.writable else "the primary"
        if not found.attached:
            return Outcome.WARNING, (
                f"{where} is not connected (state {found.state}): see `xcat-hamn explain`"
            )
        normal = hadr.REMOTE_CATCHUP if found.syncmode == "SUPERASYNC" else hadr.PEER
        if found.state != normal:
            return Outcome.WARNING, (
                f"{where} is connected, and the pair is in {found.state}, not yet in {normal}: "
                "wait, and look again"
            )
        return Outcome.OK, f"connected to {where}, in {found.state}, {found.syncmode}"
