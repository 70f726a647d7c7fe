"""A machine with a PostgreSQL server of its own, and a stand-in for the cluster's attributes.

Each has its own processes, which all end with it; /var/lib, /var/log and /run are its own as well,
so that the data directory has the same path on every machine, as the agent demands.
"""

from __future__ import annotations

import glob
import os
import subprocess
from pathlib import Path

from machines import Machine, wait_until

PGDATA = "/var/lib/postgresql/main"
SOCKETS = "/run/postgresql"
BINDIR = max(glob.glob("/usr/lib/postgresql/*/bin"), default="")
ADDRESSES = {"mn1": "10.11.0.11", "mn2": "10.11.0.12"}
#: Ends with the test process, and all processes of the machine with it; its children need no wait.
INIT = [
    "/usr/bin/python3",
    "-c",
    "from signal import *\nsignal(SIGCHLD, SIG_IGN)\nwhile True: pause()",
]
UNSHARE = "unshare --mount --net --uts --ipc --pid --fork --kill-child --mount-proc".split()

#: Stand-ins for Pacemaker's tools: files in a directory that all machines see are the attributes.
STORE = """#!/bin/sh
store={store}
[ -e $store/hangs ] && exec sleep 60
[ -e $store/down ] && echo 'Could not connect to attrd: Connection refused' >&2 && exit 102
node=$(uname -n) action= name= value=
while [ $# -gt 0 ]; do
    case $1 in
        --query) action=query ;;
        --delete) action=delete ;;
        --update=*) action=update value=${{1#--update=}} ;;
        --name) name=$2; shift ;;
        --promotion) name=master-$2; shift ;;
        --node) node=$2; shift ;;
        --private) ;;
        --all) node=* ;;
        *) echo "the stand-in does not know $1" >&2; exit 64 ;;
    esac
    shift
done
file=$store/$name@$node
case $action in
    update) printf %s "$value" > "$file.new" && mv "$file.new" "$file" ;;
    delete) [ ! -e "$file" ] || : > "$file" ;;
    query)
        set -- $store/$name@$node
        [ -e "$1" ] || {{ echo "attribute does not exist" >&2; exit 78; }}
        for file; do
            echo "name=\\"$name\\" host=\\"${{file##*@}}\\" value=\\"$(cat "$file")\\""
        done ;;
esac
"""
TOOLS = ("/usr/sbin/attrd_updater", "/usr/sbin/crm_attribute")

CONFIGURATION = """
listen_addresses = '*'
unix_socket_directories = '/run/postgresql'
shared_buffers = 16MB
"""
HBA = """
local all all peer
host replication all 10.11.0.0/24 trust
"""


class DatabaseMachine(Machine):
    """One machine; ``store`` is the directory of the attributes."""

    def __init__(self, store: Path, name: str) -> None:
        self.name = name
        self.store = store
        self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *UNSHARE, *INIT])
        wait_until(lambda: self._inside() != "", f"the first process of {name}")
        for path in ("/run", "/var/lib", "/var/log"):
            self.run("mount", "-t", "tmpfs", "tmpfs", path)
        self.run("hostname", name)
        self.run("ip", "link", "set", "lo", "up")
        self.run("install", "-d", "-o", "postgres", "-g", "postgres", SOCKETS)
        self.run("install", "-d", "-o", "postgres", "-g", "postgres", os.path.dirname(PGDATA))
        tool = store / "tool"
        if not tool.exists():
            tool.write_text(STORE.format(store=store))
            tool.chmod(0o755)
        for path in TOOLS:
            self.run("mount", "--bind", str(tool), path)

    def _inside(self) -> str:
        """Return the pid, as the host sees it, of the machine's first process."""
        try:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            pid = children.read_text().strip()
            return pid if pid and Path(f"/proc/{pid}/comm").read_text() == "python3\n" else ""
        except OSError:
            return ""

    @property
    def pid(self) -> str:
        return self._inside()

    def enter(self, *argv: str) -> list[str]:
        spaces = "--mount --net --uts --ipc --pid".split()
        return ["nsenter", f"--target={self.pid}", *spaces, "--", *argv]

    # -- the database ----------------------------------------------------------------------

    def fill(self, template: Path) -> None:
        """Put a copy of a database here."""
        self.run("cp", "-a", str(template), PGDATA)

    def as_postgres(self, *argv: str, check: bool = True) -> str:
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        return self.run(*prefix, *argv, check=check)

    def sql(self, statement: str) -> str:
        psql = [f"{BINDIR}/psql", "-XAtq", "-h", SOCKETS, "-d", "postgres", "-c", statement]
        return self.as_postgres(*psql).strip()

    def postmaster(self) -> str:
        return self.run("head", "-n1", f"{PGDATA}/postmaster.pid").strip()

    def servers(self) -> str:
        """Return the pids of all PostgreSQL processes of this machine."""
        return self.run("pgrep", "-x", "postgres", check=False).strip()

    def files(self, path: str = os.path.dirname(PGDATA)) -> str:
        """Return everything below `path` with owner, mode and size."""
        shown = self.run("find", path, "-printf", "%p %u %m %s %T@ %i\n", check=False)
        return "\n".join(sorted(shown.splitlines()))

    # -- the attributes --------------------------------------------------------------------

    def shown(self, name: str) -> str:
        """Return attribute `name` of this machine's node, empty when unset."""
        path = self.store / f"{name}@{self.name}"
        return path.read_text() if path.exists() else ""

    @property
    def score(self) -> str:
        return self.shown("master-tested")


def template(directory: Path) -> Path:
    """Return a database, made once, that a machine can be filled with."""
    made = directory / "template"
    made.mkdir()
    os.chmod(directory, 0o755)
    os.chmod(made, 0o700)
    subprocess.run(["chown", "postgres:postgres", str(made)], check=True)
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    options = ["--no-sync", "--auth=peer", "--encoding=UTF8", "--no-locale", f"--pgdata={made}"]
    for argv in (
        [f"{BINDIR}/initdb", *options],
        [f"{BINDIR}/postgres", "--single", "-D", str(made), "postgres"],
    ):
        statements = "CREATE ROLE xcat_repl LOGIN REPLICATION;\nCREATE TABLE kept (n int);\n"
        subprocess.run(
            [*prefix, *argv], input=statements, check=True, text=True, cwd="/", capture_output=True
        )
    with open(made / "postgresql.conf", "a", encoding="ascii") as stream:
        stream.write(CONFIGURATION)
    (made / "pg_hba.conf").write_text(HBA)
    return made
