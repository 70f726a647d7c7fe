"""Runs inside a lab node: wall times of agents' actions, interleaved so that load hits all alike.

Reads a JSON object {"rounds": N, "runs": [{"name", "argv", "env", "accept": [codes]}]} on stdin and
writes {name: [seconds, ...]} on stdout.  Standard library only.
"""

import json
import os
import sys
import time

# What pacemaker-execd gives an agent (read from a live one's /proc/PID/environ, Pacemaker 2.1.5).
BASE = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "HA_LOGFACILITY": "daemon",
    "HA_debug": "0",
    "OCF_ROOT": "/usr/lib/ocf",
    "OCF_RA_VERSION_MAJOR": "1",
    "OCF_RA_VERSION_MINOR": "1",
    "OCF_EXIT_REASON_PREFIX": "ocf-exit-reason:",
    "OCF_RESKEY_crm_feature_set": "3.16.1",
    "OCF_RESKEY_CRM_meta_timeout": "60000",
    "OCF_RESKEY_CRM_meta_interval": "10000",
    "PCMK_service": "pacemaker-execd",
}


def once(run, sink):
    """Return the seconds that one run took; end the program when its exit code is wrong."""
    environment = {**BASE, **run["env"]}
    begun = time.perf_counter()
    pid = os.posix_spawn(
        run["argv"][0],
        run["argv"],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, sink, 1),
            (os.POSIX_SPAWN_DUP2, sink, 2),
        ],
        setsid=True,
    )
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    took = time.perf_counter() - begun
    if code not in run["accept"]:
        os.lseek(sink, 0, os.SEEK_SET)
        said = os.read(sink, 65536).decode("utf-8", "replace")[-1500:]
        sys.exit(f"{run['name']}: exit code {code}, not one of {run['accept']}: {said}")
    os.ftruncate(sink, 0)
    os.lseek(sink, 0, os.SEEK_SET)
    return took


def main():
    """Run every command ``rounds`` times, taking turns; the first round only warms up."""
    asked = json.load(sys.stdin)
    times = {run["name"]: [] for run in asked["runs"]}
    sink = os.memfd_create("output")
    for number in range(asked["rounds"] + 1):
        for run in asked["runs"]:
            took = once(run, sink)
            if number:
                times[run["name"]].append(took)
    json.dump(times, sys.stdout)


main()
