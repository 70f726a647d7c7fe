"""The ``HADR Status`` block of ``db2 get snapshot for db on NAME``.

Deprecated since 10.1, and a primary shows its principal standby only; here for old releases and
for saved outputs.
"""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.columns import hexadecimal
from xcat_hamn.errors import CommandFailed


def parse_snapshot(text: str) -> hadr.Hadr | None:
    """Return what the block says, None when the database's snapshot has no such block.

    Raises CommandFailed for what is not a snapshot.
    """
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip() == "HADR Status"), None)
    if start is None:
        if any(line.lstrip().startswith("Snapshot timestamp") for line in lines):
            return None
        raise CommandFailed(
            "`db2 get snapshot for db` printed no snapshot of a database: run it by hand as the "
            "instance owner"
        )
    fields: dict[str, str] = {}
    for line in lines[start + 1 :]:
        # An LSN's heading has no blank before its "=", a path's value may have one in it.
        key, equals, value = line.partition("=")
        if not equals:
            break
        fields[" ".join(key.split()).lower()] = value.strip()
    return _hadr(fields)


def _hadr(fields: dict[str, str]) -> hadr.Hadr:
    get = fields.get
    state = hadr.normal(get("state", ""), hadr.STATES)
    connect, _, since = get("connection status", "").partition(",")
    return hadr.Hadr(
        role=hadr.normal(get("role", ""), (hadr.PRIMARY, hadr.STANDBY, hadr.STANDARD)),
        state=state,
        known=state in hadr.STATES,
        connect=hadr.normal(connect, hadr.CONNECTIONS),
        connected_at=hadr.epoch_of(since),
        syncmode=get("synchronization mode", "").upper(),
        peer_window=hadr.number_of(get("peer window (seconds)")),
        peer_window_end=hadr.epoch_of(get("peer window end")),
        log_gap=hadr.number_of(get("log gap running average(bytes)")),
        # The heading differs between releases.
        heartbeat_missed=hadr.number_of(get("heartbeats missed", get("heartbeat missed"))),
        timeout=hadr.number_of(get("timeout(seconds)")),
        primary_log=_position(get("primary log position(file, page, lsn)", "")),
        standby_log=_position(get("standby log position(file, page, lsn)", "")),
        local_host=get("local host", ""),
        partner_host=get("remote host", ""),
        partner_instance=get("remote instance", ""),
        partner_service=get("remote service", ""),
        fields=fields,
    )


def _position(text: str) -> tuple[str, int, int] | None:
    words = [word.strip() for word in text.split(",")]
    if len(words) != 3:
        return None
    page, sequence = hadr.number_of(words[1]), hexadecimal(words[2])
    return None if page is None or sequence is None else (words[0], page, sequence)
