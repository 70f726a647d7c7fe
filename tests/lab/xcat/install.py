"""Puts the stand-in's files into a node: by its root directory, or one by one.

    deploy([lab.node("mn1"), lab.node("mn2")], "xcat")   # booted nodes; identical certificates
    install("/path/to/root")                             # below a node's root directory

As a program, in tests/lab: ``python3 -m xcat.install ROOT [SERVER-CN]``.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from .standin import LABEL, credentials
from .standin.credentials import File

PACKAGE = "/opt/xcat/lib/python/xcat_standin"
UNPACK = ["tar", "-C", "/", "-xf", "-"]
BIN = ("lsxcatd", "nodels", "mkdef", "chdef", "rmdef", "lsdef")
SBIN = (
    "xcatd",
    "tabdump",
    "chtab",
    "makedns",
    "makedhcp",
    "makeconservercf",
    "nodeset",
    "xcat-standin-initdb",
    "xcat-standin-credentials",
)

LAUNCHER = """\
#!/usr/bin/python3 -I
# {label}
import sys

sys.path.insert(0, "/opt/xcat/lib/python")
from xcat_standin.main import main

sys.exit(main("{command}", sys.argv[1:]))
"""

# The settings of the real unit (xCAT-server/etc/init.d/xcatd.service); only the text is ours.
UNIT = """\
[Unit]
Description=xCAT management service ({label})
After=network.target syslog.service

[Service]
EnvironmentFile=-/etc/sysconfig/xcat
Type=forking
PIDFile=/run/xcatd.pid
RuntimeDirectory=xcat
RuntimeDirectoryMode=0755
ExecStart=/usr/sbin/xcatd -p /run/xcatd.pid
ExecStop=/bin/kill -TERM $MAINPID
LimitNOFILE=16000
RemainAfterExit=no
Restart=on-failure
RestartSec=5s
TimeoutStartSec=600
TimeoutStopSec=30
KillMode=mixed

[Install]
WantedBy=multi-user.target
"""

# xCAT's own conserver package has this script and reads /etc/conserver.cf as root; Debian's
# daemon is brought to the same by an option, a drop-in and an alias of its unit.
INIT_SCRIPT = """\
#!/bin/sh
# {label}: stands for the script of xCAT's conserver package
exec systemctl "$1" conserver-server.service
"""
CONSERVER_OPTIONS = "# {label}\nOPTS='-p 782 -C /etc/conserver.cf'\nASROOT=1\n"
# xCAT's own client asks port 782 without being told; Debian's has 3109 in this system-wide file.
CONSOLE_CLIENT = """\
# {label}
config * {
  master localhost;
  port 782;
}
"""
CONSERVER_DROP_IN = """\
# {label}
[Service]
User=root
ExecStartPre=/bin/mkdir -p /var/log/consoles
"""
CONSOLE = """\
#!/bin/sh
# {label}: a console that echoes
echo "console of $1 ({label})"
exec cat
"""
PROFILE = """\
# {label}
export XCATROOT=/opt/xcat
export PATH=$PATH:/opt/xcat/bin:/opt/xcat/sbin
"""


def layout() -> list[File]:
    """Return every file of the stand-in, except certificates and databases."""
    files = [
        File(f"/opt/xcat/{folder}/{command}", _text(LAUNCHER, command), 0o755)
        for folder, commands in (("bin", BIN), ("sbin", SBIN))
        for command in commands
    ]
    files += [
        File("/usr/sbin/xcatd", "", 0, link="/opt/xcat/sbin/xcatd"),
        File("/usr/lib/systemd/system/xcatd.service", _text(UNIT), 0o644),
        File("/etc/profile.d/xcat.sh", _text(PROFILE), 0o644),
        File("/opt/xcat/share/xcat/cons/standin", _text(CONSOLE), 0o755),
        File("/etc/init.d/conserver", _text(INIT_SCRIPT), 0o755),
        File("/etc/conserver/server.conf", _text(CONSERVER_OPTIONS), 0o644),
        File("/etc/conserver/console.cf", _text(CONSOLE_CLIENT), 0o644),
        File(
            "/etc/systemd/system/conserver-server.service.d/xcat-standin.conf",
            _text(CONSERVER_DROP_IN),
            0o644,
        ),
        File(
            "/etc/systemd/system/conserver.service",
            "",
            0,
            link="/lib/systemd/system/conserver-server.service",
        ),
    ]
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "standin")
    for folder, _, names in os.walk(source):
        for name in sorted(names):
            if name.endswith(".py"):
                full = os.path.join(folder, name)
                with open(full, encoding="utf-8") as stream:
                    text = stream.read()
                files.append(File(f"{PACKAGE}/{os.path.relpath(full, source)}", text, 0o644))
    return files


def _text(template: str, command: str = "") -> str:
    return template.replace("{label}", LABEL).replace("{command}", command)


def install(root: str, files: list[File] | None = None) -> None:
    """Copy *files* (the layout unless told) below *root*. Raises OSError."""
    for file in layout() if files is None else files:
        target = root.rstrip("/") + file.path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.lexists(target):
            os.unlink(target)
        if file.link:
            os.symlink(file.link, target)
            continue
        with open(target, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), file.mode)
            stream.write(file.text)


def archive(files: list[File]) -> bytes:
    """Return *files* as a tar archive that holds no directories, so that none changes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for file in files:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            data = file.text.encode()
            entry.mode = file.mode
            if file.link:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.link
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return target.getvalue()


class Machine(Protocol):
    """What is asked of a booted node (labkit's Node)."""

    def run(self, command: Sequence[str], *, stdin: str | bytes | None = None) -> Any: ...


def deploy(nodes: Iterable[Machine], server_name: str) -> None:
    """Put the stand-in and one set of certificates into every node; starts nothing."""
    data = archive([*layout(), *credentials.create(server_name)])
    for node in nodes:
        node.run(UNPACK, stdin=data)
        node.run(["systemctl", "daemon-reload"])


if __name__ == "__main__":
    install(sys.argv[1])
    for common_name in sys.argv[2:3]:
        install(sys.argv[1], credentials.create(common_name))
