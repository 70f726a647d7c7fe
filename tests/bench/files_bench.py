#!/usr/bin/env python3
"""The copy of files, measured against plain rsync and lsyncd; build/bench-files.json.

    files_bench.py [--latency-files N] [--tree-files N] [--issue]

Two trees on one disk with a real sshd between them. The ratios are those of one run, so that load
hits all alike; a goal that is set for 10^5 or 10^6 files is judged only at that size (--issue).
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "agents"), str(ROOT / "tests/unit/files")]

from two_nodes import Pair, can_run, wait_for  # noqa: E402
from xcat_hamn.files.resident import client  # noqa: E402
from xcat_hamn.files.resident.places import Whereabouts  # noqa: E402

REPORT = ROOT / "build" / "bench-files.json"
DEFINITIONS = "[values]\ntop = {top}\n\n[set install]\npaths = {{top}}/install\n"
PER_DIRECTORY = 100
CHANGES_A_SECOND = 100
Line = dict[str, Any]


def grow(top: pathlib.Path, number: int) -> None:
    """Make ``number`` files of 100 to 2000 bytes, 100 in a directory."""
    noise = random.Random(5).randbytes(4096)
    for count in range(number):
        directory = top / f"{count // 10000}" / f"{count // PER_DIRECTORY % 100}"
        if count % PER_DIRECTORY == 0:
            directory.mkdir(parents=True)
        size = 100 + count * 7919 % 1900
        descriptor = os.open(directory / f"f{count}", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(descriptor, noise[count % 997 : count % 997 + size])
        os.close(descriptor)


def names(top: pathlib.Path, number: int) -> list[pathlib.Path]:
    """Return the files that ``grow`` made."""
    per = PER_DIRECTORY
    return [top / f"{c // 10000}" / f"{c // per % 100}" / f"f{c}" for c in range(number)]


@contextmanager
def nodes(number: int) -> Iterator[Pair]:
    """Two nodes, the first with a tree of ``number`` files, nothing of it on the second."""
    with tempfile.TemporaryDirectory(prefix="xcat-bench-", dir="/var/tmp") as top:
        pair = Pair(pathlib.Path(top))
        try:
            for node in (pair.source, pair.replica):
                node.define(DEFINITIONS)
                node.path("install").mkdir(parents=True)
            grow(pair.source.path("install"), number)
            pair.start()
            yield pair
        finally:
            pair.stop()


@contextmanager
def resident(pair: Pair) -> Iterator[tuple[subprocess.Popen[bytes], Whereabouts]]:
    """The process on the first node, everything proven equal."""
    where = Whereabouts("xcat-files", str(pair.source.under))
    argv = [str(ROOT / "bin/xcat-filesyncd"), "--instance", "xcat-files", "--node", "mn1",
            "--peer", "mn2=127.0.0.1", "--port", str(pair.server.port),
            "--under", where.under]  # fmt: skip
    process = subprocess.Popen(argv)
    try:
        wait_for(lambda: os.path.exists(where.socket), "the process to listen")
        told = client.sync(where, seconds=3600)
        if told["missing"]:
            sys.exit(f"bench: {told['missing']}")
        yield process, where
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@contextmanager
def plain_ssh(pair: Pair) -> Iterator[list[str]]:
    """An sshd that lets root in for any command, and rsync's option that uses it."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="xcat-bench-ssh-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("host", "user"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(top / name)]
        subprocess.run(keygen, check=True)
    (top / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {top}/host\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {top}/user.pub\nPermitRootLogin yes\nPidFile none\n"
    )
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", str(top / "config")])
    shell = (
        f"ssh -F /dev/null -p {port} -i {top}/user -o StrictHostKeyChecking=no "
        "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    )
    try:
        time.sleep(0.5)
        yield [f"--rsh={shell}"]
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(top)


def cpu(pid: int) -> float:
    """Return the seconds of processor time of ``pid`` and the children that it waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Return the MiB of memory that ``pid`` holds."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def line(name: str, ours: float, unit: str, goal: float | None, peer: float | None = None) -> Line:
    """Return one line of the report; the goal is one of the ratio where there is a peer."""
    measured = ours if peer is None else ours / peer
    return {
        "name": name,
        "ours": round(ours, 4),
        "peer": None if peer is None else round(peer, 4),
        "unit": unit,
        "measured": round(measured, 4),
        "goal": goal,
        "met": None if goal is None else measured <= goal,
    }


def latencies(number: int, seconds: float, judged: bool) -> list[Line]:
    """Change 100 files a second; compare the time of each with that of its arrival."""
    with nodes(number) as pair, resident(pair) as (process, _):
        source, replica = (node.path("install") for node in (pair.source, pair.replica))
        chosen = random.Random(7).sample(
            names(source, number), min(number, int(seconds * CHANGES_A_SECOND))
        )
        written, begun, used = [], time.monotonic(), cpu(process.pid)
        for count, path in enumerate(chosen):
            pause = begun + count / CHANGES_A_SECOND - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            path.write_text(f"changed {count}\n")
            written.append(time.time())
        there = [replica / path.relative_to(source) for path in chosen]
        # rsync sorts the names of a copy: the last change is not the last to arrive.
        late_ones = list(there)

        def arrived() -> bool:
            late_ones[:] = [t for t in late_ones if not t.read_bytes().startswith(b"changed")]
            return not late_ones

        wait_for(arrived, "every change there", 120)
        share = (cpu(process.pid) - used) / (time.monotonic() - begun)
        # The time of the inode is that of the renaming into its place.
        late = sorted(t.stat().st_ctime - at for t, at in zip(there, written))
    what = f"under {CHANGES_A_SECOND} changes/s, {number} files"
    return [
        line(f"median latency {what}", statistics.median(late), "s", None),
        line(f"p99 latency {what}", late[int(len(late) * 0.99)], "s", 2.0 if judged else None),
        line(f"processor {what}", share * 100, "% of a core", None),
    ]


def idle(process: subprocess.Popen[bytes], number: int, seconds: float, judged: bool) -> list[Line]:
    """Let nothing change for a while."""
    used = cpu(process.pid)
    time.sleep(seconds)
    share = (cpu(process.pid) - used) / seconds * 100
    return [
        line(f"idle, {number} files", share, "% of a core", 1.0 if judged else None),
        line(f"memory, {number} files", memory(process.pid), "MiB", 64.0 if judged else None),
    ]


def timed(call: Callable[[], Any]) -> float:
    """Return the seconds that ``call`` takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


WATCH = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
begun = time.perf_counter()
from xcat_hamn.files.watch.watch import Watch
watch = Watch(fanotify=sys.argv[3] == "fanotify")
watch.start([os.fsencode(sys.argv[2])])
print(time.perf_counter() - begun)
"""


def watch_start(top: pathlib.Path, kind: str) -> float:
    """Return the seconds until our watch of ``top`` is there, its modules' import included."""
    argv = ["/usr/bin/python3", "-ISc", WATCH, str(ROOT / "agents"), str(top), kind]
    return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def watched(pid: int) -> int:
    """Return the number of inotify watches of process ``pid``."""
    count = 0
    for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            count += entry.read_text().count("inotify wd:")
        except OSError:
            continue
    return count


def lsyncd_start(top: pathlib.Path) -> float:
    """Return the seconds until lsyncd watches every directory of ``top``."""
    directories = 1 + sum(len(found) for _, found, _ in os.walk(top))
    with tempfile.TemporaryDirectory() as place:
        config = pathlib.Path(place) / "lsyncd.conf"
        config.write_text(
            f'sync{{ init = false, onModify = "/bin/true", source = "{top}", target = "x" }}\n'
        )
        begun = time.perf_counter()
        process = subprocess.Popen(["lsyncd", "-nodaemon", str(config)], stdout=subprocess.DEVNULL)
        try:
            # Counting costs time of its own once there are many: look as seldom as it can matter.
            while watched(process.pid) < directories:
                if process.poll() is not None or time.perf_counter() - begun > 300:
                    sys.exit("bench: lsyncd did not watch the whole tree")
                time.sleep(0.01)
            return time.perf_counter() - begun
        finally:
            process.kill()
            process.wait()


def starts(top: pathlib.Path, number: int, judged: bool) -> list[Line]:
    """Compare how long it takes until a tree is watched."""
    if not shutil.which("lsyncd"):
        install = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "lsyncd"]
        subprocess.run(install, check=False, stdout=subprocess.DEVNULL)
    if not shutil.which("lsyncd"):
        print("bench: lsyncd is not compared (apt-get install lsyncd)", file=sys.stderr)
        return []
    peer = statistics.median(lsyncd_start(top) for _ in range(3))
    found = []
    for kind, goal in (("fanotify", 0.1 if judged else None), ("inotify", None)):
        ours = statistics.median(watch_start(top, kind) for _ in range(3))
        found.append(line(f"start of {kind} / of lsyncd, {number} files", ours, "s", goal, peer))
    return found


def checks(pair: Pair, number: int, rounds: int, judged: bool) -> list[Line]:
    """Compare a full check, and a copy of ten files, with plain rsync's walk."""
    source, replica = (node.path("install") for node in (pair.source, pair.replica))
    transfer, fileset = pair.transfer(), pair.source.set("install")
    ten = random.Random(9).sample(names(source, number), 10)
    full, some, plain, archive = [], [], [], []

    def good(result: Any) -> None:
        if not result.ok:
            sys.exit(f"bench: {result.sentence}")

    with plain_ssh(pair) as shell:
        for turn in range(rounds + 1):
            for path in ten:
                path.write_text(f"turn {turn}\n")
            listed = [os.fsencode(path) for path in ten]
            took = {
                "some": timed(lambda now=listed: good(transfer.some(fileset, now))),
                "full": timed(lambda: good(transfer.full(fileset))),
            }
            for name, options in (("plain", "-aHAX"), ("archive", "-a")):
                argv = ["rsync", options, "--delete", *shell, f"{source}/", f"127.0.0.1:{replica}/"]
                took[name] = timed(lambda now=argv: subprocess.run(now, check=True))
            if turn:
                full.append(took["full"])
                some.append(took["some"])
                plain.append(took["plain"])
                archive.append(took["archive"])
    median = statistics.median
    what = f"{number} files"
    return [
        line(f"full check / rsync -aHAX, {what}", median(full), "s", 1.1 if judged else None,
             median(plain)),
        line(f"full check / rsync -a, {what}", median(full), "s", None, median(archive)),
        line(f"10 changed / rsync -aHAX, {what}", median(some), "s", 0.05 if judged else None,
             median(plain)),
        line(f"10 changed / rsync -a, {what}", median(some), "s", None, median(archive)),
    ]  # fmt: skip


def main() -> int:
    """Measure, show and store."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--latency-files", type=int, default=10_000, help="0: not measured")
    options.add_argument("--tree-files", type=int, default=10_000, help="0: not measured")
    options.add_argument("--seconds", type=float, default=15.0, help="of changes, and of idleness")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--issue", action="store_true", help="10^5 and 10^6 files, as promised")
    asked = options.parse_args()
    if asked.issue:
        asked.latency_files, asked.tree_files, asked.seconds = 100_000, 1_000_000, 30.0
    why = can_run()
    if why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    report: list[Line] = []
    if asked.latency_files:
        report += latencies(asked.latency_files, asked.seconds, asked.latency_files >= 100_000)
    if asked.tree_files:
        judged = asked.tree_files >= 1_000_000
        with nodes(asked.tree_files) as pair:
            with resident(pair) as (process, _):
                report += idle(process, asked.tree_files, asked.seconds, judged)
            report += starts(pair.source.path("install"), asked.tree_files, judged)
            report += checks(pair, asked.tree_files, asked.rounds, judged)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    show(report)
    return 0 if all(entry["met"] is not False for entry in report) else 1


def show(report: list[Line]) -> None:
    """Print the table."""
    for entry in report:
        peer = "" if entry["peer"] is None else f"/ {entry['peer']:<9}= {entry['measured']}"
        goal = "" if entry["goal"] is None else f"goal {entry['goal']}"
        verdict = {None: "", True: "met", False: "MISSED"}[entry["met"]]
        unit = f"{entry['ours']:>9} {entry['unit']}"
        print(f"{entry['name']:<52} {unit:<24} {peer:<22} {goal} {verdict}")


if __name__ == "__main__":
    sys.exit(main())
