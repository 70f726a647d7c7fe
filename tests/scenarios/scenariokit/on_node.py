"""The program that looks at the processes of a management node for what agents left behind.

It prints a JSON list with one object for each process that an agent or a fence agent is, or has
started, and that nobody waits for any more. Daemons that an agent starts on purpose are none.
Standard library only.
"""

from __future__ import annotations

import json
import os

#: What the agents start to stay.
DAEMONS = ("postgres", "db2sysc", "xcatd", "named", "dhcpd", "conserver")
#: Who starts agents, and waits for them.
PARENTS = ("pacemaker-execd", "pacemaker-fence", "pacemaker-fenced")
AGENTS = ("/resource.d/heartbeat/xcat-", "/fence_xcat_operator", "/fence_ipmilan", "/xcat-hamn")


def read(path: str) -> bytes:
    """Return the content of a file, nothing when its process is gone."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def processes() -> dict[int, tuple[int, str, str, bool]]:
    """Return for each process: parent, name, command line, and whether an agent has started it."""
    found = {}
    for word in os.listdir("/proc"):
        if not word.isdigit():
            continue
        name, _, rest = read(f"/proc/{word}/stat").decode(errors="replace").rpartition(")")
        fields = rest.split()
        if not fields or fields[0] == "Z":
            continue
        line = read(f"/proc/{word}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
        marked = b"OCF_RESOURCE_INSTANCE=" in read(f"/proc/{word}/environ")
        found[int(word)] = (int(fields[1]), name.partition("(")[2], line, marked)
    return found


def leftovers(all_of_them: dict[int, tuple[int, str, str, bool]]) -> list[dict[str, object]]:
    """Return the processes of agents that no executor of Pacemaker is above any more."""
    found: list[dict[str, object]] = []
    for pid, (parent, name, line, marked) in sorted(all_of_them.items()):
        agent = any(word in line for word in AGENTS)
        if not (agent or marked) or name in DAEMONS or name in PARENTS:
            continue
        above = parent
        while above in all_of_them and all_of_them[above][1] not in PARENTS:
            above = all_of_them[above][0]
        if above not in all_of_them:
            found.append({"pid": pid, "name": name, "command": line[:200]})
    return found


if __name__ == "__main__":
    print(json.dumps(leftovers(processes())))
