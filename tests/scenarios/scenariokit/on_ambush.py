"""The program that kills one process of an agent in the middle of its work.

`on_ambush.py RESOURCE ACTION SECONDS` looks at the children of Pacemaker's executor until one is
that agent with that action, lets it work for so many seconds, and kills that process alone, not
what it has started. One that has ended before is let go for the next. It prints the victim's pid.
Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

_LOOK = 0.003


def read(path: str) -> bytes:
    """Return the content of a file, nothing when its process is gone."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def executor() -> int | None:
    """Return the pid of Pacemaker's executor, None while it does not run."""
    for word in os.listdir("/proc"):
        if word.isdigit() and read(f"/proc/{word}/comm").strip() == b"pacemaker-execd":
            return int(word)
    return None


def is_victim(pid: str, resource: str, action: str) -> bool:
    """Tell whether a process is that agent with that action."""
    words = read(f"/proc/{pid}/cmdline").split(b"\0")
    if action.encode() not in words or b"/resource.d/heartbeat/xcat-" not in b" ".join(words):
        return False
    for variable in read(f"/proc/{pid}/environ").split(b"\0"):
        name, _, value = variable.partition(b"=")
        if name == b"OCF_RESOURCE_INSTANCE":
            return value.partition(b":")[0] == resource.encode()
    return False


def wait(resource: str, action: str, seconds: float) -> str:
    """Return the pid of the killed process."""
    above, seen = None, set()
    while True:
        if above is None or not os.path.exists(f"/proc/{above}"):
            above = executor()
        children = read(f"/proc/{above}/task/{above}/children").decode().split()
        for pid in children:
            if pid not in seen and is_victim(pid, resource, action):
                seen.add(pid)
                time.sleep(seconds)
                if is_victim(pid, resource, action):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                        return pid
        time.sleep(_LOOK)


if __name__ == "__main__":
    print(wait(sys.argv[1], sys.argv[2], float(sys.argv[3])), flush=True)
