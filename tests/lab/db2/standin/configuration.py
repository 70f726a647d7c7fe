"""Configuration parameters of databases and of the instance, and how GET ... CFG prints them."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

#: Width up to the equals sign of GET DB CFG (recorded).
WIDTH = 56

PARAMETERS = {
    # name: (label, default)
    "LOGFILSIZ": ("Log file size (4KB)", "1000"),
    "LOGPRIMARY": ("Number of primary log files", "13"),
    "LOGSECOND": ("Number of secondary log files", "12"),
    "INDEXREC": ("Index re-creation time and redo index build", "SYSTEM (RESTART)"),
    "TRACKMOD": ("Track modified pages", "NO"),
    "LOGRETAIN": ("Log retain for recovery enabled", "OFF"),
    "LOGARCHMETH1": ("First log archive method", "OFF"),
    "LOGINDEXBUILD": ("Log pages during index build enabled", "OFF"),
    "BLOCKNONLOGGED": ("Block non logged operations", "NO"),
    "HADR_LOCAL_HOST": ("HADR local host name", ""),
    "HADR_LOCAL_SVC": ("HADR local service name", ""),
    "HADR_REMOTE_HOST": ("HADR remote host name", ""),
    "HADR_REMOTE_SVC": ("HADR remote service name", ""),
    "HADR_REMOTE_INST": ("HADR instance name of remote server", ""),
    "HADR_TIMEOUT": ("HADR timeout value", "120"),
    "HADR_TARGET_LIST": ("HADR target list", ""),
    "HADR_SYNCMODE": ("HADR log write synchronization mode", "NEARSYNC"),
    "HADR_SPOOL_LIMIT": ("HADR spool log data limit (4KB)", "AUTOMATIC(52000)"),
    "HADR_REPLAY_DELAY": ("HADR log replay delay (seconds)", "0"),
    "HADR_PEER_WINDOW": ("HADR peer window duration (seconds)", "0"),
    "HADR_SSL_LABEL": ("HADR SSL certificate label", ""),
    "HADR_SSL_HOST_VAL": ("HADR SSL Hostname Validation", "OFF"),
}
#: Parameters that a release does not have.
MISSING = {
    "9.7": {
        "HADR_TARGET_LIST",
        "HADR_SPOOL_LIMIT",
        "HADR_REPLAY_DELAY",
        "HADR_SSL_LABEL",
        "HADR_SSL_HOST_VAL",
    },
    "10.1": {"LOGRETAIN", "HADR_SSL_LABEL", "HADR_SSL_HOST_VAL"},
    "11.5": {"LOGRETAIN"},
}
NUMBERS = {"HADR_TIMEOUT": (1, 4294967295), "HADR_PEER_WINDOW": (0, 4294967295)}
WORDS = {"HADR_SYNCMODE": {"SYNC", "NEARSYNC", "ASYNC", "SUPERASYNC"}}
REQUIRED = (
    "HADR_LOCAL_HOST",
    "HADR_LOCAL_SVC",
    "HADR_REMOTE_HOST",
    "HADR_REMOTE_SVC",
    "HADR_REMOTE_INST",
)


def known(name: str, release: str) -> bool:
    """Tell whether a release has a parameter."""
    return name in PARAMETERS and name not in MISSING[release]


def acceptable(name: str, value: str) -> bool:
    """Tell whether a parameter may have a value."""
    if name in NUMBERS:
        low, high = NUMBERS[name]
        return value.isdigit() and low <= int(value) <= high
    return name not in WORDS or value.upper() in WORDS[name]


class Config(dict[str, str]):
    """The values of a database; a parameter that was never set has its default."""

    def __missing__(self, name: str) -> str:
        return PARAMETERS[name][1]

    def archives(self) -> bool:
        """Tell whether logs are kept: not circular logging."""
        return self["LOGARCHMETH1"].upper() not in ("OFF", "") or self["LOGRETAIN"].upper() in (
            "ON",
            "RECOVERY",
        )

    def seconds(self, name: str) -> int:
        """Return a duration."""
        return int(self[name])


def line(label: str, name: str, value: object) -> str:
    """Return one line of GET DB CFG."""
    if name:
        return f" {label}{f'({name})'.rjust(WIDTH - 1 - len(label))} = {value}".rstrip()
    return f" {label.ljust(WIDTH - 1)} = {value}".rstrip()


def hadr_lines(config: Config, role: str, release: str) -> list[str]:
    """Return the block of HADR in GET DB CFG."""
    lines = [line("HADR database role", "", role)]
    for name, (label, _) in PARAMETERS.items():
        if name.startswith("HADR_") and known(name, release):
            text = line(label, name, config[name])
            # recorded: an empty target list keeps the blank after its equals sign
            lines.append(f"{text} " if name == "HADR_TARGET_LIST" and not config[name] else text)
    return lines


class Resolution(NamedTuple):
    """An address and port, each None when its name means nothing."""

    host: str | None
    port: int | None


def resolve(host: str, service: str) -> Resolution:
    """Resolve a host name and a service name or number."""
    return Resolution(address(host), service_port(service))


def address(host: str) -> str | None:
    """Return the address of a host name, None without."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return None


def service_port(service: str) -> int | None:
    """Return the port of a service name or number, None without."""
    if service.isdigit():
        return int(service)
    try:
        return socket.getservbyname(service, "tcp")
    except OSError:
        return None


def is_local(host: str) -> bool:
    """Tell whether a name or address belongs to this host."""
    found = address(host)
    if found is None:
        return False
    family = socket.AF_INET6 if ":" in found else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((found, 0))
        except OSError:
            return False
    return True


def start_hadr_reason(config: Config, instance: str, manager: dict[str, Any]) -> int | None:
    """Return the reason code of SQL1768N that forbids to start HADR, None when nothing does."""
    if not config.archives():
        return 1
    if any(not config[name] for name in REQUIRED):
        return 8
    if not is_local(config["HADR_LOCAL_HOST"]):
        return 4
    port = service_port(config["HADR_LOCAL_SVC"])
    if port is None:
        return 5
    if service_port(config["HADR_REMOTE_SVC"]) is None:
        return 6
    local, remote = address(config["HADR_LOCAL_HOST"]), address(config["HADR_REMOTE_HOST"])
    if remote is None:
        return 12
    if (":" in str(local)) != (":" in remote):
        return 11
    client = service_port(str(manager.get("SVCENAME", "")) or "0")
    if client and port in (client, client + 1):
        return 21
    first, last = service_port(f"DB2_{instance}"), service_port(f"DB2_{instance}_END")
    if first and last and first <= port <= last:
        return 22
    return None
