"""db2pd -hadr in the layouts of 9.7, 10.1 and 11.5."""

from __future__ import annotations

import time
from typing import Any

from .home import Home, read_json
from .messages import Refused, wrap
from .processes import process_start

#: Column at which the keys of 10.1 and later end (recorded).
KEY_WIDTH = 37
DOWN = """\
Unable to attach to database manager on member 0.
Please ensure the following are true:
   - db2start has been run for the member.
   - db2pd is being run on the same physical machine as the member.
   - DB2NODE environment variable setting is correct for the member
     or db2pd -mem setting is correct for the member.
Another possibility of this failure is the Virtual Address Space Randomization is currently \
enabled on this system.
"""
OLD_WORDS = {
    "PEER": "Peer",
    "DISCONNECTED_PEER": "DisconnectedPeer",
    "DISCONNECTED": "Disconnected",
    "REMOTE_CATCHUP": "RemoteCatchup",
    "REMOTE_CATCHUP_PENDING": "RemoteCatchupPending",
    "LOCAL_CATCHUP": "LocalCatchup",
}


def main(home: Home, arguments: list[str]) -> int:
    """Run db2pd."""
    home.journal(" ".join(["db2pd", *arguments]))
    try:
        fault = home.fault("db2pd")
    except Refused as refused:
        print(wrap(refused.text(home.release)))
        return 1
    if fault == "changing":
        print("Changing data structure forced command termination.")
        return 1
    if fault == "garbage":
        print("\x00\x7f?? HADR_ROLE == PRIM\nHADR_STATE PEER = (null)\n= = =")
        return 0
    content = read_json(home.shared_memory, {})
    if not content or process_start(content["pid"]) != content["start"]:
        print(DOWN)
        return 1
    words = [word.lower() for word in arguments]
    names = [
        arguments[i + 1].upper()
        for i, w in enumerate(words[:-1])
        if w in ("-db", "-d", "-database")
    ]
    if "-alldbs" in words:
        names = sorted(content["databases"])
    text = "".join(_database(home, name, content, "-hadr" in words) for name in names)
    if "-hadr" in words and not any(name in content["databases"] for name in names):
        text += "\nOption -hadr requires -db <database> or -alldbs option and active database.\n"
    print(text, end="")
    return 0


def _database(home: Home, name: str, content: dict[str, Any], asked: bool) -> str:
    described = content["databases"].get(name)
    if described is None:
        return (
            f"\nDatabase {name} not activated on database member 0 or this database name cannot be"
            " found in the local database directory.\n"
        )
    release, now = home.release, home.now()
    text = _header(name, described, release, now)
    if not asked:
        return text
    hadr = described["hadr"]
    if hadr is None:
        return text + "HADR Information:\nHADR is not active.\n"
    if release == "9.7":
        return text + columns(hadr)
    return text + keys(hadr, home, newest=release == "11.5")


def _header(name: str, described: dict[str, Any], release: str, now: float) -> str:
    status = "Standby" if described["role"] == "STANDBY" else "Active"
    up = max(int(time.time() - described["started"]), 0)
    shown = f"{up // 86400} days {up // 3600 % 24:02}:{up // 60 % 60:02}:{up % 60:02}"
    member = "Partition" if release == "9.7" else "Member"
    line = f"\nDatabase {member} 0 -- Database {name} -- {status} -- Up {shown}"
    local = time.localtime(now)
    if release == "10.1":
        line += time.strftime(" -- Date %m/%d/%Y %H:%M:%S", local)
    elif release == "11.5":
        line += time.strftime(" -- Date %Y-%m-%d-%H.%M.%S", local) + f"{now % 1:.6f}"[1:]
    return f"{line}\n\n"


def _moment(moment: Any, home: Home, *, fraction: bool = False) -> str:
    if moment is None:
        return "NULL"
    order = "%d-%m-%Y" if home.settings().get("date_order") == "dmy" else "%m/%d/%Y"
    part = f"{moment % 1:.6f}"[1:] if fraction else ".000000"
    text = time.strftime(f"{order} %H:%M:%S", time.localtime(moment))
    return f"{text}{part} ({int(moment)})"


def keys(hadr: dict[str, Any], home: Home, *, newest: bool) -> str:
    """Return the block of 10.1 and later."""
    primary, connected = hadr["role"] == "PRIMARY", hadr["connected"]
    here, there = hadr["local_host"], hadr["remote_host"]
    own, other = home.instance, hadr["remote_instance"]
    last = hadr["last_received"]
    waits = time.time() - hadr["wait_since"] if hadr["wait_since"] else 0
    buffers = connected and newest
    gone = hadr["standby_log"][2] == 0
    pairs: list[tuple[str, Any]] = [
        ("HADR_ROLE", hadr["role"]),
        ("REPLAY_TYPE", "PHYSICAL"),
        ("HADR_SYNCMODE", hadr["mode"]),
        ("STANDBY_ID", 1 if primary else 0),
        ("LOG_STREAM_ID", 0),
        ("HADR_STATE", hadr["state"]),
        ("HADR_FLAGS", "TCP_PROTOCOL" if connected else ""),
        ("PRIMARY_MEMBER_HOST", here if primary else there),
        ("PRIMARY_INSTANCE", own if primary else other),
        ("PRIMARY_MEMBER", 0),
        ("STANDBY_MEMBER_HOST", there if primary else here),
        ("STANDBY_INSTANCE", other if primary else own),
        ("STANDBY_MEMBER", 0),
        ("HADR_CONNECT_STATUS", status(hadr)),
        ("HADR_CONNECT_STATUS_TIME", _moment(hadr["connect_time"], home, fraction=True)),
        ("HEARTBEAT_INTERVAL(seconds)", hadr["interval"]),
        ("HEARTBEAT_MISSED", 0),
        ("HEARTBEAT_EXPECTED", hadr["expected"]),
        ("HADR_TIMEOUT(seconds)", hadr["timeout"]),
        ("TIME_SINCE_LAST_RECV(seconds)", int(time.time() - last) if last else 0),
        ("PEER_WAIT_LIMIT(seconds)", 0),
        ("LOG_HADR_WAIT_CUR(seconds)", f"{waits:.3f}"),
        ("LOG_HADR_WAIT_RECENT_AVG(seconds)", "0.000000"),
        ("LOG_HADR_WAIT_ACCUMULATED(seconds)", f"{hadr['waited']:.3f}"),
        ("LOG_HADR_WAIT_COUNT", hadr["waits"]),
        ("SOCK_SEND_BUF_REQUESTED,ACTUAL(bytes)", f"0, {87040 if buffers else 0}"),
        ("SOCK_RECV_BUF_REQUESTED,ACTUAL(bytes)", f"0, {369280 if buffers else 0}"),
        ("PRIMARY_LOG_FILE,PAGE,POS", _place(hadr["primary_log"])),
        ("STANDBY_LOG_FILE,PAGE,POS", _place(hadr["standby_log"])),
        ("HADR_LOG_GAP(bytes)", hadr["gap"]),
        ("STANDBY_REPLAY_LOG_FILE,PAGE,POS", _place(hadr["replay_log"])),
        ("STANDBY_RECV_REPLAY_GAP(bytes)", hadr["replay_gap"]),
        ("PRIMARY_LOG_TIME", _moment(hadr["primary_time"], home)),
        ("STANDBY_LOG_TIME", _moment(hadr["standby_time"], home)),
        ("STANDBY_REPLAY_LOG_TIME", _moment(hadr["standby_time"], home)),
        ("STANDBY_RECV_BUF_SIZE(pages)", 0 if gone else 512),
        ("STANDBY_RECV_BUF_PERCENT", 0),
        ("STANDBY_SPOOL_LIMIT(pages)", 13000),
        ("STANDBY_SPOOL_PERCENT", "NULL" if gone else 0),
        ("STANDBY_ERROR_TIME", "NULL"),
        ("PEER_WINDOW(seconds)", hadr["window"]),
        ("PEER_WINDOW_END", _moment(hadr["window_end"] and int(hadr["window_end"]), home)),
        ("READS_ON_STANDBY_ENABLED", "N"),
        ("HADR_LAST_TAKEOVER_TIME", _moment(hadr["last_takeover"], home, fraction=True)),
    ]
    left_out = set() if hadr["window"] else {"PEER_WINDOW_END"}
    if not newest:
        left_out |= {
            "HADR_FLAGS",
            "HEARTBEAT_MISSED",
            "HEARTBEAT_EXPECTED",
            "STANDBY_SPOOL_PERCENT",
            "STANDBY_ERROR_TIME",
            "HADR_LAST_TAKEOVER_TIME",
        }
    return "".join(f"{k.rjust(KEY_WIDTH)} = {v}\n" for k, v in pairs if k not in left_out)


def status(hadr: dict[str, Any]) -> str:
    """Return the word for the connection."""
    if hadr["congested"]:
        return "CONGESTED"
    return "CONNECTED" if hadr["connected"] else "DISCONNECTED"


def _place(values: list[Any]) -> str:
    return f"{values[0]}, {values[1]}, {values[2]}"


def columns(hadr: dict[str, Any]) -> str:
    """Return the pairs of lines of 9.7."""

    def moment(value: float) -> str:
        text = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(value))
        return f"{text} ({int(value)})"

    lines = [
        "HADR Information:",
        "Role    State                SyncMode HeartBeatsMissed   LogGapRunAvg (bytes)",
        f"{hadr['role'].capitalize():7} {OLD_WORDS[hadr['state']]:20}"
        f" {hadr['mode'].capitalize():8} {0:<18} {hadr['gap']}",
        "",
        f"{'ConnectStatus ConnectTime':51} Timeout",
        f"{status(hadr).capitalize():13} {moment(hadr['connect_time']):37} {hadr['timeout']}",
        "",
    ]
    if hadr["window"] and hadr["window_end"]:
        lines += [
            "PeerWindowEnd                         PeerWindow",
            f"{moment(hadr['window_end']):37} {hadr['window']}",
            "",
        ]
    lines += [
        f"{'LocalHost':40} LocalService",
        f"{hadr['local_host']:40} {hadr['local_service']}",
        "",
        f"{'RemoteHost':40} RemoteService      RemoteInstance",
        f"{hadr['remote_host']:40} {hadr['remote_service']:18} {hadr['remote_instance']}",
        "",
    ]
    for label, key in (("Primary", "primary_log"), ("StandBy", "standby_log")):
        file, page, position = hadr[key]
        lines += [f"{label}File  {label}Pg  {label}LSN", f"{file} {page:<10} 0x{position:016X}", ""]
    return "\n".join(lines)
