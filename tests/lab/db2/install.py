"""Puts the Db2 stand-in into a node, and makes an instance of a user.

    archive(layout())                       # the installation, /opt/ibm/db2/standin: a tar archive
    create_instance(home, "xcatdb", ...)    # sqllib in a user's home; in a node: standin's db2icrt

As a program, below a node: ``/opt/ibm/db2/standin/instance/db2icrt INSTANCE [HOME]``, as root.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import sys
import tarfile
from typing import Any, NamedTuple

PREFIX = "/opt/ibm/db2/standin"
HERE = os.path.dirname(os.path.abspath(__file__))
LABEL = "Db2 stand-in: test double, not Db2"
BIN = (
    "db2 db2pd db2gcf db2level db2ilist db2set db2iauto db2start db2stop db2_kill db2nkill db2nps"
).split()
ADM = "db2start db2stop db2gcf db2set db2level db2ilist db2iauto db2icrt".split()

LAUNCHER = """\
#!/usr/bin/python3 -IS
# {label}
import sys

sys.path.insert(0, "{library}")
from db2_standin.main import main

sys.exit(main(sys.argv[0] if "/" in sys.argv[0] else __file__, sys.argv[1:]))
"""
CREATOR = """\
#!/usr/bin/python3 -I
# {label}
import sys

sys.path.insert(0, "{library}")
from db2_install import {function}

sys.exit({function}(sys.argv[1:]))
"""
REGISTRY = f"{PREFIX}/instances.json"
#: What starts instances at boot on a real system, unless db2iauto -off is said.
UNIT = """\
[Unit]
Description=Db2 fault monitor coordinator ({label})
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
ExecStart={prefix}/bin/db2fmcd

[Install]
WantedBy=multi-user.target
"""
PROFILE = """\
# {label}
DB2INSTANCE={instance}
INSTHOME={home}
PATH={home}/sqllib/bin:{home}/sqllib/adm:/usr/sbin:/usr/bin:/sbin:/bin
export DB2INSTANCE INSTHOME PATH
"""


class File(NamedTuple):
    """A file to install."""

    path: str
    text: str
    mode: int


def modules() -> list[File]:
    """Return the modules of the stand-in, as files of the package db2_standin."""
    library, source = f"{PREFIX}/lib", f"{HERE}/standin"
    files = []
    for name in sorted(os.listdir(source)):
        if name.endswith(".py"):
            with open(f"{source}/{name}", encoding="utf-8") as stream:
                files.append(File(f"{library}/db2_standin/{name}", stream.read(), 0o644))
    with open(__file__, encoding="utf-8") as stream:
        files.append(File(f"{library}/db2_install.py", stream.read(), 0o644))
    return files


def launcher(library: str) -> str:
    """Return the text of an executable."""
    return LAUNCHER.format(label=LABEL, library=library)


def layout() -> list[File]:
    """Return the installation."""
    library = f"{PREFIX}/lib"
    files = modules()
    files += [File(f"{PREFIX}/bin/{name}", launcher(library), 0o755) for name in BIN]
    files += [File(f"{PREFIX}/adm/{name}", launcher(library), 0o755) for name in ADM[:-1]]
    for path, function in (("instance/db2icrt", "main"), ("bin/db2fmcd", "start_at_boot")):
        text = CREATOR.format(label=LABEL, library=library, function=function)
        files.append(File(f"{PREFIX}/{path}", text, 0o755))
    unit = UNIT.format(label=LABEL, prefix=PREFIX)
    files.append(File("/usr/lib/systemd/system/db2fmcd.service", unit, 0o644))
    return files


def archive(files: list[File]) -> bytes:
    """Return files as a tar archive that holds no directories."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for file in files:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            data = file.text.encode()
            entry.mode, entry.size = file.mode, len(data)
            tar.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def _put(path: str, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(descriptor, mode)
        stream.write(text)


def create_instance(
    home: str,
    instance: str,
    *,
    host: str | None = None,
    library: str = f"{PREFIX}/lib",
    owner: str | None = None,
    passwords: dict[str, str] | None = None,
    **settings: Any,
) -> None:
    """Make `home`/sqllib of a user; `settings` are those of standin/home.py.  Raises OSError."""
    sqllib = f"{home}/sqllib"
    for folder in ("bin", "adm", "db2dump", "standin/faults"):
        os.makedirs(f"{sqllib}/{folder}", exist_ok=True)
    for folder, names in (("bin", BIN), ("adm", ADM[:-1])):
        for name in names:
            _put(f"{sqllib}/{folder}/{name}", launcher(library), 0o755)
    profile = PROFILE.format(label=LABEL, instance=instance, home=home)
    _put(f"{sqllib}/db2profile", profile, 0o755)
    _put(f"{sqllib}/db2nodes.cfg", f"0 {host or socket.gethostname()} 0\n", 0o644)
    _put(f"{sqllib}/standin/settings.json", json.dumps({"instance": instance, **settings}), 0o644)
    _put(f"{sqllib}/standin/passwords.json", json.dumps(passwords or {}), 0o600)
    os.makedirs(f"{home}/{instance}/NODE0000", exist_ok=True)
    if owner:
        shutil.chown(f"{home}/{instance}", owner)
        for folder, _, names in [*os.walk(f"{home}/{instance}"), *os.walk(sqllib)]:
            shutil.chown(folder, owner)
            for name in names:
                shutil.chown(f"{folder}/{name}", owner)


def _registered() -> dict[str, str]:
    try:
        with open(REGISTRY, encoding="utf-8") as stream:
            return dict(json.load(stream))
    except FileNotFoundError:
        return {}


def main(arguments: list[str]) -> int:
    """Run db2icrt: make an instance of an existing user.  Its programs are compiled for speed."""
    import compileall
    import pwd

    if not arguments or arguments[0].startswith("-"):
        print("usage: db2icrt INSTANCE [HOME]   (stand-in)")
        return 1
    entry = pwd.getpwnam(arguments[0])
    home = arguments[1] if arguments[1:] else entry.pw_dir
    create_instance(home, arguments[0], owner=arguments[0])
    compileall.compile_dir(f"{PREFIX}/lib", quiet=1)
    _put(REGISTRY, json.dumps({**_registered(), arguments[0]: home}), 0o644)
    print("DBI1070I  Program db2icrt completed successfully.")
    return 0


def start_at_boot(_arguments: list[str]) -> int:
    """Start the instances that db2iauto -on was said of."""
    import subprocess

    for instance, home in _registered().items():
        try:
            with open(f"{home}/sqllib/standin/registry.json", encoding="utf-8") as stream:
                values = json.load(stream)
        except FileNotFoundError:
            continue
        if values.get("DB2AUTOSTART") == "YES":
            command = ["runuser", "-u", instance, "--", f"{home}/sqllib/adm/db2start"]
            subprocess.run(command, check=False, timeout=60)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
