"""What ``db2pd -db NAME -hadr`` says: one object for each standby and log stream.

Two layouts: lines of ``KEY = VALUE`` since Db2 10.1, columns before.  Dates are printed in the
server's locale and zone, so only the epoch in parentheses behind them counts.  A word that is not
known is kept as it stands; nobody may take it for a state that it resembles.
"""

from __future__ import annotations

from xcat_hamn.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PRIMARY, STANDBY, STANDARD = "PRIMARY", "STANDBY", "STANDARD"

PEER = "PEER"
DISCONNECTED_PEER = "DISCONNECTED_PEER"
REMOTE_CATCHUP = "REMOTE_CATCHUP"
REMOTE_CATCHUP_PENDING = "REMOTE_CATCHUP_PENDING"
LOCAL_CATCHUP = "LOCAL_CATCHUP"
DISCONNECTED = "DISCONNECTED"
#: HADR states, the strongest first.
STATES = (
    PEER,
    DISCONNECTED_PEER,
    REMOTE_CATCHUP,
    REMOTE_CATCHUP_PENDING,
    LOCAL_CATCHUP,
    DISCONNECTED,
)

CONNECTED, CONGESTED = "CONNECTED", "CONGESTED"
CONNECTIONS = (CONNECTED, CONGESTED, DISCONNECTED)
#: Modes in which the primary waits for its standby, so that there can be a peer window.
WAITING_MODES = ("SYNC", "NEARSYNC")

# What ``read_db2pd`` found.
ACTIVE = "active"
NOT_ACTIVATED = "not activated"
NOT_HADR = "HADR not active"

_LONGEST_NUMBER = 20  # digits; what is longer is garbage


class InstanceDown(CommandFailed):
    """The database manager does not run, or this is not its host or its user."""


class Busy(CommandFailed):
    """The structures changed while db2pd read them; the next call may succeed."""


class Hadr:
    """One standby's log stream, as the database that was asked sees it.

    ``role`` and ``state`` are empty when the output has none.  ``known``: the state is one that
    the documentation has.  ``connected_at``: when the connection was made, became congested or was
    lost.  Times are in seconds since the epoch, None when not printed or NULL; ``peer_window``,
    ``heartbeat_interval``, ``timeout``, ``replay_delay`` and ``peer_wait_limit`` in seconds;
    positions are (log file, page, byte position).  ``log_gap`` is a running average in bytes and
    says nothing of what is missing now.  ``fields`` has everything as it was printed, unknown keys
    included.
    """

    database: str = ""
    member: int | None = None
    role: str = ""
    state: str = ""
    known: bool = False
    connect: str = ""
    connected_at: int | None = None
    syncmode: str = ""
    flags: tuple[str, ...] = ()
    standby_id: int | None = None
    log_stream: int | None = None
    peer_window: int | None = None
    peer_window_end: int | None = None
    peer_wait_limit: int | None = None
    log_gap: int | None = None
    primary_log: tuple[str, int, int] | None = None
    standby_log: tuple[str, int, int] | None = None
    replay_log: tuple[str, int, int] | None = None
    replay_gap: int | None = None
    replay_delay: int | None = None
    replay_only: bool = False
    heartbeat_interval: int | None = None
    heartbeat_missed: int | None = None
    heartbeat_expected: int | None = None
    timeout: int | None = None
    since_last_received: int | None = None
    applications_left: int | None = None
    last_takeover: int | None = None
    local_host: str = ""
    local_instance: str = ""
    partner_host: str = ""
    partner_instance: str = ""
    partner_service: str = ""
    fields: Mapping[str, str] = {}

    def __init__(self, **values: object) -> None:
        """Take the fields by their names; the others are empty."""
        for name, value in values.items():
            if not hasattr(Hadr, name):
                raise TypeError(f"Hadr has no field {name}")
            setattr(self, name, value)

    @property
    def attached(self) -> bool:
        """Tell whether the pair is connected; a congested connection is slow, but there."""
        return self.connect in (CONNECTED, CONGESTED)

    @property
    def standby_host(self) -> str:
        """Return the host of the standby that this is about."""
        return self.partner_host if self.role == PRIMARY else self.local_host


def normal(word: str, known: Iterable[str]) -> str:
    """Return which of ``known`` words ``word`` is in any layout's spelling, else itself, stripped.

    db2pd since 10.1 prints REMOTE_CATCHUP, before it RemoteCatchup, a snapshot "Remote catchup".
    """
    bare = _bare(word)
    return next((one for one in known if _bare(one) == bare), word.strip())


def _bare(word: str) -> str:
    return "".join(c for c in word if c not in " _\t").upper()


def number_of(text: str | None) -> int | None:
    """Return the whole number that ``text`` begins with; None for NULL and for anything else."""
    word = (text or "").strip().partition(".")[0]
    digits = word[1:] if word.startswith("-") else word
    if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER:
        return int(word)
    return None


def epoch_of(text: str | None) -> int | None:
    """Return the epoch in the last parentheses of a printed time; None without one, and for 0."""
    _, opened, behind = (text or "").rpartition("(")
    digits, closed, _ = behind.partition(")")
    return (number_of(digits) or None) if opened and closed else None


def position_of(text: str | None) -> tuple[str, int, int] | None:
    """Return a log position printed as ``FILE, PAGE, POSITION``."""
    words = [word.strip() for word in (text or "").split(",")]
    if len(words) != 3:
        return None
    page, position = number_of(words[1]), number_of(words[2])
    return None if page is None or position is None else (words[0], page, position)


def standing(hadrs: Sequence[Hadr]) -> Hadr:
    """Return the one that speaks for this database: the weakest stream of its first standby.

    A primary names its principal standby first; a standby names itself alone.  Raises ValueError
    when there are none.
    """
    first = min(one.standby_id or 0 for one in hadrs)
    streams = [one for one in hadrs if (one.standby_id or 0) == first]
    return max(streams, key=_weakness)


def _weakness(one: Hadr) -> tuple[int, int]:
    state = STATES.index(one.state) if one.known else len(STATES)
    link = CONNECTIONS.index(one.connect) if one.connect in CONNECTIONS else len(CONNECTIONS)
    return state, link


def parse_db2pd(text: str, database: str = "") -> list[Hadr]:
    """Return what ``text`` says; empty when the database is not activated or is no HADR database.

    Raises what ``read_db2pd`` raises.
    """
    return read_db2pd(text, database)[1]


def read_db2pd(text: str, database: str = "") -> tuple[str, list[Hadr]]:
    """Return (ACTIVE, one object per standby and stream), or (NOT_ACTIVATED or NOT_HADR, nothing).

    With ``database``, only that one counts.  Raises InstanceDown, Busy, or CommandFailed for what
    is not db2pd's output.
    """
    said = " ".join(text.split())
    if "Unable to attach to database manager" in said:
        raise InstanceDown(
            "the Db2 instance does not run on this host (db2pd cannot attach to it): start it with "
            "db2start as the instance owner"
        )
    if "Changing data structure forced command termination" in said:
        raise Busy("db2pd was interrupted by a change in the database manager: call it again")
    hadrs = _parse_lines(text)
    if not hadrs and "HADR Information:" in said:
        from xcat_hamn.database.db2.columns import parse_columns

        hadrs = parse_columns(text)
    if hadrs:
        return ACTIVE, _only(hadrs, database)
    if "HADR is not active" in said:
        return NOT_HADR, []
    if "not activated on database" in said or "Option -hadr requires" in said:
        return NOT_ACTIVATED, []
    shown = said[:60] + ("..." if said[60:] else "") if said.isprintable() else "unreadable bytes"
    raise CommandFailed(
        f"db2pd -hadr printed no HADR block ({shown or 'nothing at all'}): run it by hand as the "
        "instance owner"
    )


def _only(hadrs: list[Hadr], database: str) -> list[Hadr]:
    if not database:
        return hadrs
    found = [one for one in hadrs if one.database.upper() in ("", database.upper())]
    if not found:
        raise CommandFailed(
            f"db2pd -hadr printed database {hadrs[0].database} instead of {database}: look at the "
            "name of the database in the cluster's configuration"
        )
    return found


def header_of(line: str) -> tuple[str, int | None] | None:
    """Return (database, member) of a line ``Database Member 0 -- Database X -- Active -- ...``."""
    parts = [part.split() for part in line.split(" -- ")]
    if len(parts) < 2 or len(parts[0]) < 3 or parts[0][0] != "Database" or len(parts[1]) < 2:
        return None
    return parts[1][1], number_of(parts[0][2])


def _parse_lines(text: str) -> list[Hadr]:
    """Return the blocks of ``KEY = VALUE`` lines; a key that comes again begins the next block."""
    found: list[Hadr] = []
    header: tuple[str, int | None] = ("", None)
    block: dict[str, str] = {}
    for line in text.splitlines():
        head = header_of(line)
        key, equals, value = line.partition("=")
        key = key.partition("(")[0].strip()
        if head is not None or key in block:
            _add(found, block, header)
            block = {}
            header = head or header
        if head is None and equals and key.replace(",", "_").isidentifier() and key.isupper():
            block[key] = value.strip()
    _add(found, block, header)
    return found


def _add(found: list[Hadr], block: Mapping[str, str], header: tuple[str, int | None]) -> None:
    if "HADR_ROLE" in block or "HADR_STATE" in block:
        found.append(_hadr(block, *header))


def _hadr(block: Mapping[str, str], database: str, member: int | None) -> Hadr:
    get = block.get
    role = normal(get("HADR_ROLE", ""), (PRIMARY, STANDBY))
    state = normal(get("HADR_STATE", ""), STATES)
    sides = ("PRIMARY", "STANDBY") if role == PRIMARY else ("STANDBY", "PRIMARY")
    local, partner = sides if role in (PRIMARY, STANDBY) else ("", "")
    left = get("TAKEOVER_APP_REMAINING_PRIMARY") or get("TAKEOVER_APP_REMAINING_STANDBY")
    return Hadr(
        database=database,
        member=member,
        role=role,
        state=state,
        known=state in STATES,
        connect=normal(get("HADR_CONNECT_STATUS", ""), CONNECTIONS),
        connected_at=epoch_of(get("HADR_CONNECT_STATUS_TIME")),
        syncmode=get("HADR_SYNCMODE", "").upper(),
        flags=tuple(get("HADR_FLAGS", "").split()),
        standby_id=number_of(get("STANDBY_ID")),
        log_stream=number_of(get("LOG_STREAM_ID")),
        peer_window=number_of(get("PEER_WINDOW")),
        peer_window_end=epoch_of(get("PEER_WINDOW_END")),
        peer_wait_limit=number_of(get("PEER_WAIT_LIMIT")),
        log_gap=number_of(get("HADR_LOG_GAP")),
        primary_log=position_of(get("PRIMARY_LOG_FILE,PAGE,POS")),
        standby_log=position_of(get("STANDBY_LOG_FILE,PAGE,POS")),
        replay_log=position_of(get("STANDBY_REPLAY_LOG_FILE,PAGE,POS")),
        replay_gap=number_of(get("STANDBY_RECV_REPLAY_GAP")),
        replay_delay=number_of(get("STANDBY_REPLAY_DELAY")),
        replay_only=get("STANDBY_REPLAY_ONLY_WINDOW_ACTIVE") == "Y",
        heartbeat_interval=number_of(get("HEARTBEAT_INTERVAL")),
        heartbeat_missed=number_of(get("HEARTBEAT_MISSED")),
        heartbeat_expected=number_of(get("HEARTBEAT_EXPECTED")),
        timeout=number_of(get("HADR_TIMEOUT")),
        since_last_received=number_of(get("TIME_SINCE_LAST_RECV")),
        applications_left=number_of(left),
        last_takeover=epoch_of(get("HADR_LAST_TAKEOVER_TIME")),
        local_host=get(f"{local}_MEMBER_HOST", ""),
        local_instance=get(f"{local}_INSTANCE", ""),
        partner_host=get(f"{partner}_MEMBER_HOST", ""),
        partner_instance=get(f"{partner}_INSTANCE", ""),
        fields=dict(block),
    )
