"""``db2pd -hadr`` up to Db2 9.7: a line of headings above a line of values, pair after pair.

Runs of blanks may have been lost on the way (tickets, wikis), so columns are not counted: a value
line is read by its words, and by what can contain blanks in it, which is only the time.
"""

from __future__ import annotations

from xcat_hamn.database.db2 import hadr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def parse_columns(text: str) -> list[hadr.Hadr]:
    """Return one object for each ``HADR Information:`` that has a role; never raises."""
    found: list[hadr.Hadr] = []
    header: tuple[str, int | None] = ("", None)
    fields: dict[str, str] = {}
    heading = ""
    for line in text.splitlines():
        head = hadr.header_of(line)
        if head is not None or line.strip() == "HADR Information:":
            _add(found, fields, header)
            fields, heading = {}, ""
            header = head or header
        elif heading:
            fields.update(_HEADINGS[heading](line))
            heading = ""
        else:
            first = line.split()[:1]
            heading = first[0] if first and first[0] in _HEADINGS else ""
    _add(found, fields, header)
    return found


def _role(line: str) -> dict[str, str]:
    words = line.split()
    if len(words) < 2:
        return {}
    if len(words) < 5:
        return {"Role": words[0], "State": words[1]}
    return {
        "Role": words[0],
        "State": " ".join(words[1:-3]),
        "SyncMode": words[-3],
        "HeartBeatsMissed": words[-2],
        "LogGapRunAvg": words[-1],
    }


def _connection(line: str) -> dict[str, str]:
    word, _, rest = line.strip().partition(" ")
    return {"ConnectStatus": word, **_time_and_number(rest, "ConnectTime", "Timeout")}


def _window(line: str) -> dict[str, str]:
    return _time_and_number(line, "PeerWindowEnd", "PeerWindow")


def _time_and_number(text: str, time: str, number: str) -> dict[str, str]:
    before, closed, behind = text.rpartition(")")
    return {time: before.strip() + closed, number: behind.strip()}


def _words(*names: str) -> Callable[[str], dict[str, str]]:
    def read(line: str) -> dict[str, str]:
        words = line.split()
        return dict(zip(names, words)) if len(words) >= len(names) else {}

    return read


#: First heading of a line -> what reads the line below it.
_HEADINGS: dict[str, Callable[[str], dict[str, str]]] = {
    "Role": _role,
    "ConnectStatus": _connection,
    "PeerWindowEnd": _window,
    "LocalHost": _words("LocalHost", "LocalService"),
    "RemoteHost": _words("RemoteHost", "RemoteService", "RemoteInstance"),
    "PrimaryFile": _words("PrimaryFile", "PrimaryPg", "PrimaryLSN"),
    "StandByFile": _words("StandByFile", "StandByPg", "StandByLSN"),
}


def _add(found: list[hadr.Hadr], fields: dict[str, str], header: tuple[str, int | None]) -> None:
    if "Role" not in fields:
        return
    get = fields.get
    role = hadr.normal(fields["Role"], (hadr.PRIMARY, hadr.STANDBY))
    state = hadr.normal(get("State", ""), hadr.STATES)
    found.append(
        hadr.Hadr(
            database=header[0],
            member=header[1],
            role=role,
            state=state,
            known=state in hadr.STATES,
            connect=hadr.normal(get("ConnectStatus", ""), hadr.CONNECTIONS),
            connected_at=hadr.epoch_of(get("ConnectTime")),
            syncmode=get("SyncMode", "").upper(),
            peer_window=hadr.number_of(get("PeerWindow")),
            peer_window_end=hadr.epoch_of(get("PeerWindowEnd")),
            log_gap=hadr.number_of(get("LogGapRunAvg")),
            heartbeat_missed=hadr.number_of(get("HeartBeatsMissed")),
            timeout=hadr.number_of(get("Timeout")),
            primary_log=_position(fields, "Primary"),
            standby_log=_position(fields, "StandBy"),
            local_host=get("LocalHost", ""),
            partner_host=get("RemoteHost", ""),
            partner_instance=get("RemoteInstance", ""),
            partner_service=get("RemoteService", ""),
            fields=dict(fields),
        )
    )


def _position(fields: dict[str, str], side: str) -> tuple[str, int, int] | None:
    page = hadr.number_of(fields.get(f"{side}Pg"))
    sequence = hexadecimal(fields.get(f"{side}LSN", ""))
    return None if page is None or sequence is None else (fields[f"{side}File"], page, sequence)


def hexadecimal(text: str) -> int | None:
    """Return the number that a log sequence number is, with or without its 0x."""
    digits = text.strip().lower()
    digits = digits[2:] if digits.startswith("0x") else digits
    if not digits or len(digits) > 32 or any(c not in "0123456789abcdef" for c in digits):
        return None
    return int(digits, 16)
