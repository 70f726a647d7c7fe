"""The other executables of an instance: db2start, db2stop, db2gcf, db2level, db2set and more."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time

from . import LABEL
from .client import ask
from .home import Home, read_json, read_text, write_json
from .messages import Refused, exit_code, message, wrap
from .processes import process_start

INSTALLATION = "/opt/ibm/db2/standin"
LEVELS = {"9.7": "9.7.0.11", "10.1": "10.1.0.6", "11.5": "11.5.9.0"}


def daemon_pid(home: Home) -> int:
    """Return the pid of the instance's daemon, 0 while it is down."""
    content = read_json(home.shared_memory, {})
    pid = int(content.get("pid", 0))
    return pid if pid and process_start(pid) == content["start"] != "" else 0


def _line(home: Home, code: str) -> str:
    moment = time.localtime(home.now())
    return f"{time.strftime('%m/%d/%Y %H:%M:%S', moment)}     0   0   {message(code, state=False)}"


def _host_of_nodes(home: Home) -> str:
    """Return the host in db2nodes.cfg.  Raises Refused."""
    lines = read_text(home.nodes).splitlines()
    if not lines:
        raise Refused("SQL6031N", 0, 3)
    words = lines[0].split()
    if len(words) < 2 or not words[0].isdigit():
        raise Refused("SQL6031N", 1, 4)
    from . import configuration

    if not configuration.is_local(words[1]):
        raise Refused("SQL6031N", 1, 10)
    return words[1]


def start(home: Home) -> str:
    """Start the instance; return the code of what was done.  Raises Refused."""
    home.check_authority()
    home.fault("db2start")
    if daemon_pid(home):
        raise Refused("SQL1026N")
    _host_of_nodes(home)
    from . import daemon

    if not daemon.start(home):
        raise Refused("SQL1042C")
    return "SQL1063N"


def stop(home: Home, *, force: bool) -> str:
    """Stop the instance; return the code of what was done.  Raises Refused."""
    home.check_authority()
    home.fault("db2stop")
    pid = daemon_pid(home)
    reply = ask(home, {"verb": "stop", "force": force}) if pid else None
    if reply is None:
        raise Refused("SQL1032N")
    if reply["rc"]:
        raise Refused(reply["code"])
    while process_start(pid):
        time.sleep(0.01)
    return "SQL1064N"


def through_clp(home: Home, words: list[str]) -> int:
    """Run `db2 db2start` and `db2 db2stop`: only the summary is printed."""
    try:
        code = start(home) if words[0] == "DB2START" else stop(home, force="FORCE" in words)
    except Refused as refused:
        print(wrap(refused.text(home.release)))
        return exit_code(refused.code)
    print(message(code))
    return 0


def db2start(home: Home, arguments: list[str]) -> int:
    """Run db2start."""
    home.journal(" ".join(["db2start", *arguments]))
    return _start_or_stop(home, starting=True, force=False)


def db2stop(home: Home, arguments: list[str]) -> int:
    """Run db2stop."""
    home.journal(" ".join(["db2stop", *arguments]))
    return _start_or_stop(home, starting=False, force="force" in [a.lower() for a in arguments])


def _start_or_stop(home: Home, *, starting: bool, force: bool) -> int:
    try:
        code = start(home) if starting else stop(home, force=force)
    except Refused as refused:
        if refused.code in ("SQL1026N", "SQL1032N", "SQL1025N"):
            print(_line(home, refused.code))
        print(wrap(refused.text(home.release)))
        return 1 if refused.code in ("SQL1026N", "SQL1032N") else exit_code(refused.code)
    print(_line(home, code))
    print(message(code))
    return 0


def db2_kill(home: Home, _arguments: list[str]) -> int:
    """Kill the daemon: a crash, to the partner too."""
    home.journal("db2_kill")
    pid = daemon_pid(home)
    if pid:
        os.kill(pid, signal.SIGKILL)
        while process_start(pid):
            time.sleep(0.01)
    return 0


def db2nps(home: Home, _arguments: list[str]) -> int:
    """List the processes; the real ones are several, the stand-in's daemon stands for all."""
    pid = daemon_pid(home)
    print("Node 0")
    print("     UID        PID       PPID  C    STIME     TTY     TIME CMD")
    for name in ("db2wdog", "db2sysc", "db2ckpwd", "db2vend", "db2acd") if pid else ():
        print(f"{home.owner():>8} {pid:>10}          1  0    00:00       ? 00:00:00 {name} 0")
    return 0


def db2gcf(home: Home, arguments: list[str]) -> int:
    """Run db2gcf: -u start, -d stop, -k kill, -s status, -o info, -c clean up."""
    home.journal(" ".join(["db2gcf", *arguments]))
    home.fault("db2gcf")
    actions = "".join(a[1:] for a in arguments if a[0] == "-" and a[1:] in tuple("udksoc"))
    pid = daemon_pid(home)
    if actions == "s":
        print(f"\nInstance  : {home.instance}\nDB2 State : {'Available' if pid else 'Operable'}")
        return 0 if pid else 1
    if actions == "u":
        return _gcf_start(home)
    if actions == "d":
        with contextlib.suppress(Refused):
            stop(home, force=True)
    if actions == "k":
        db2_kill(home, [])
    if not actions:
        print("db2gcf: one of -u -d -k -s -o -c is needed")
        return 1
    print(f"\nInstance  : {home.instance}\nDB2 {'Stop' if actions in 'dk' else 'State'} : Success")
    return 0


def _gcf_start(home: Home) -> int:
    """Put this host's name of now into db2nodes.cfg and start the instance."""
    lines = read_text(home.nodes).splitlines() or ["0 x 0"]
    words = lines[0].split()
    words[1:2] = [socket.gethostname()]
    with open(home.nodes, "w", encoding="utf-8") as stream:
        stream.write(" ".join(words) + "\n")
    try:
        start(home)
    except Refused as refused:
        if refused.code != "SQL1026N":
            print(f"\nInstance  : {home.instance}\nDB2 Start : Failed")
            print(wrap(refused.text(home.release)))
            return 1
    print(f"\nInstance  : {home.instance}\nDB2 Start : Success")
    return 0


def db2level(home: Home, _arguments: list[str]) -> int:
    """Run db2level."""
    level = LEVELS[home.release]
    release = "SQL" + "".join(p.rjust(2, "0") for p in level.split(".")[:3])
    text = (
        f'DB21085I  This instance or install (instance name, where applicable: "{home.instance}")'
        f' uses "64" bits and DB2 code release "{release}" with level identifier "00000000".'
    )
    tokens = f'Informational tokens are "DB2 v{level}", "standin", "STANDIN", and Fix Pack "0".'
    print(f'{wrap(text)}\n{wrap(tokens)}\nProduct is installed at "{INSTALLATION}".\n({LABEL})')
    return 0


def db2ilist(home: Home, _arguments: list[str]) -> int:
    """Run db2ilist."""
    print(home.instance)
    return 0


def db2set(home: Home, arguments: list[str]) -> int:
    """Run db2set: show all, show one, set one, unset one."""
    values = home.registry()
    words = [a for a in arguments if not a.startswith("-")]
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            if name.upper() in values:
                print(values[name.upper()])
            else:
                print("DBI1303W Variable not set.")
            continue
        values[name.upper()] = value
        if not value:
            del values[name.upper()]
        write_json(f"{home.own}/registry.json", values)
    if not words:
        for name, value in sorted(values.items()):
            print(f"[i] {name}={value}")
    return 0


def db2iauto(home: Home, arguments: list[str]) -> int:
    """Run db2iauto: whether the instance starts at boot."""
    if len(arguments) != 2 or arguments[0] not in ("-on", "-off"):
        print("DBI1001I  Usage: db2iauto -on | -off InstName")
        return 1
    if arguments[1] != home.instance:
        print(f"DBI1281E  The instance {arguments[1]} could not be found.")
        return 1
    return db2set(home, [f"DB2AUTOSTART={'YES' if arguments[0] == '-on' else ''}"])
