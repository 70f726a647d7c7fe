"""The real process, with the real watch, between two nodes with a real sshd and rsync."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from two_nodes import ROOT, Pair, can_run, listing, wait_for
from xcat_hamn.errors import HamnError, NotRunning
from xcat_hamn.files.resident import client, glance, report
from xcat_hamn.files.resident.places import Whereabouts

PROGRAM = ROOT / "bin" / "xcat-filesyncd"
SETS = ("install", "keys")


class Source:
    """A pair of nodes and the process on the first one."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.where = Whereabouts("xcat-files", str(pair.source.under))
        self.process: subprocess.Popen[bytes] | None = None

    def argv(self) -> list[str]:
        only = [option for name in SETS for option in ("--only", name)]
        port = str(self.pair.server.port)
        return [str(PROGRAM), "--instance", "xcat-files", "--node", "mn1", "--port", port,
                "--peer", "mn2=127.0.0.1", "--under", self.where.under, *only]  # fmt: skip

    def start(self) -> None:
        self.process = subprocess.Popen(self.argv())
        wait_for(lambda: self.listens(), "the process to listen")

    def listens(self) -> bool:
        try:
            return bool(client.status(self.where))
        except (NotRunning, HamnError):
            return False

    def end(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def entry(self, name: str = "install") -> dict[str, object]:
        entries = client.status(self.where)["sets"]
        return next(entry for entry in entries if entry["name"] == name)

    def wait_fresh(self) -> None:
        wait_for(lambda: all(self.entry(name)["fresh"] for name in SETS), "all sets fresh", 60)


def _remove(top: str) -> None:
    """Remove a tree; what the ended server's children still write in it ends within a moment."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            shutil.rmtree(top)
            return
        time.sleep(0.1)


@pytest.fixture
def source() -> Iterator[Source]:
    why = can_run()
    if why:
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="xcat-files-", dir="/var/tmp") as top:
        pair = Pair(Path(top))
        made = Source(pair)
        try:
            pair.start()
            for number in range(20):
                pair.source.write(f"install/{number % 4}/{number}", f"{number}\n")
            pair.source.write("home/.ssh/id_rsa", "key\n", 0o600)
            for name in ("install", "home/.ssh"):
                pair.replica.path(name).mkdir(parents=True)
            yield made
        finally:
            if made.process and made.process.poll() is None:
                made.end(signal.SIGTERM)
            pair.stop()
            _remove(top)


def test_a_change_arrives_within_two_seconds_and_the_state_file_tells(source: Source) -> None:
    source.start()
    source.wait_fresh()
    begun = time.monotonic()
    source.pair.source.write("install/new/deep/file", "new\n")
    there = source.pair.replica.path("install/new/deep/file")
    wait_for(there.exists, "the new file there")
    assert time.monotonic() - begun < 5  # the goal of 2 s is the bench's, on a quiet machine
    source.wait_fresh()
    wait_for(lambda: all_fresh(source), "the state file to say so")
    wait_for(lambda: words(source) == {"install": "fresh", "keys": "fresh"}, "a glance to show it")
    found = glance.look(source.where)
    assert source.process
    assert (found.pid, found.hangs, found.contact) == (source.process.pid, False, "")
    source.pair.source.path("install/new").rename(source.pair.source.path("install/renamed"))
    wait_for(lambda: not there.exists(), "the old name to go")
    wait_for(source.pair.replica.path("install/renamed/deep/file").exists, "the new name")


def words(source: Source) -> dict[str, str]:
    entries = glance.look(source.where).entries
    assert not any(entry.stale for entry in entries)
    return {entry.name: entry.word for entry in entries}


def all_fresh(source: Source) -> bool:
    told = json.loads(Path(source.where.report).read_text())
    return all(report.age(entry, time.time()) == 0.0 for entry in told["sets"])


def test_twice_in_one_second_to_the_same_size_arrives_too(source: Source) -> None:
    source.start()
    source.wait_fresh()
    file, there = (n.path("install/0/0") for n in (source.pair.source, source.pair.replica))
    second = int(time.time())
    for number, text in enumerate(("one\n", "two\n")):
        file.write_text(text)
        os.utime(file, ns=(second * 10**9 + number, second * 10**9 + number))
        wait_for(lambda text=text: there.read_text() == text, text)


def test_what_only_an_event_told_survives_a_kill_as_a_doubt(source: Source) -> None:
    source.start()
    source.wait_fresh()
    source.pair.server.stop()
    cut(source)
    source.pair.source.write("install/0/late", "late\n")
    wait_for(lambda: source.entry()["problem"] != "", "the copy to fail")
    assert not source.entry()["fresh"]
    assert source.end(signal.SIGKILL) == -signal.SIGKILL
    assert glance.alive(source.where) == 0
    source.start()
    entry = source.entry()
    assert not entry["fresh"]
    assert abs(float(str(entry["behind"])) - time.time()) < 120  # from the mark of the killed one
    assert not source.pair.replica.path("install/0/late").exists()
    source.pair.server.start()
    wait_for(source.pair.replica.path("install/0/late").exists, "the late file there", 60)
    source.wait_fresh()


def anything(random: Random, top: Path) -> None:
    """Do something to a tree, as users of it do."""
    names = [top, *sorted(top.rglob("*"))]
    here, there = random.choice(names), random.choice(names)
    name = "".join(random.choices("ab", k=2))
    way = random.randrange(8)
    if way < 3 and here.is_dir():
        (here / name).write_text(f"{random.randrange(1000):03}")
    elif way == 3 and here.is_file() and not here.is_symlink():
        here.write_text(f"{random.randrange(1000):03}")
    elif way == 4 and here.is_dir():
        (here / f"d{name}" / "deep").mkdir(parents=True, exist_ok=True)
    elif way == 5 and here != top:
        here.rename(there / name if there.is_dir() else there)
    elif way == 6 and here != top:
        shutil.rmtree(here) if here.is_dir() and not here.is_symlink() else here.unlink()
    elif there.is_dir() and here.is_file():
        random.choice([os.link, os.symlink])(here, there / f"l{name}")


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_done_fresh_means_equal(source: Source, seed: int) -> None:
    random = Random(seed)
    source.start()
    tops = [node.path("install") for node in (source.pair.source, source.pair.replica)]
    for _ in range(4):
        for _ in range(random.randrange(1, 80)):
            with contextlib.suppress(OSError):
                anything(random, tops[0])
            time.sleep(random.choice([0, 0, 0, 0.05]))
            if random.random() < 0.02:
                cut(source)
        source.wait_fresh()
        ours, theirs = (listing(top) for top in tops)
        assert ours == theirs


def cut(source: Source) -> None:
    """End the connections to the other node."""
    for path in Path(source.pair.source.places.run).glob("ssh-mn2.[0-9]"):
        argv = ["ssh", "-o", f"ControlPath={path}", "-O", "exit", "peer"]
        subprocess.run(argv, check=False, capture_output=True)


def test_a_second_process_is_refused_and_the_first_goes_on(source: Source) -> None:
    source.start()
    assert source.process
    second = subprocess.run(source.argv(), capture_output=True, text=True, check=False, timeout=30)
    assert second.returncode == 1
    assert "already" in second.stderr
    assert glance.alive(source.where) == source.process.pid


def test_a_stop_ends_everything_soon_and_cleans_up(source: Source) -> None:
    source.start()
    assert source.process
    begun = time.monotonic()
    assert source.end(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 8
    assert glance.alive(source.where) == 0
    assert sorted(os.listdir(source.where.directory)) == ["files.lock"]
    with pytest.raises(NotRunning):
        client.status(source.where)


def test_the_last_copy_brings_what_changed_a_moment_ago(source: Source) -> None:
    source.start()
    source.wait_fresh()
    source.pair.source.write("install/last", "the last second\n")
    answer = client.finish(source.where, seconds=30)
    assert (sorted(answer["proven"]), answer["missing"]) == (sorted(SETS), {})
    assert source.pair.replica.path("install/last").read_text() == "the last second\n"


def test_the_last_copy_names_what_it_could_not_prove(source: Source) -> None:
    source.start()
    source.wait_fresh()
    source.pair.server.authorized.write_text("")
    source.pair.transfer().close()
    source.pair.source.write("install/last", "x")
    answer = client.finish(source.where, seconds=20)
    assert "install" in answer["missing"]
    assert source.entry()["problem"] == "refused-key"


def test_a_sync_tells_how_far_it_is_and_refuses_unknown_sets(source: Source) -> None:
    source.start()
    told: list[dict[str, object]] = []
    answer = client.sync(source.where, ["install"], seconds=60, progress=told.append)
    assert answer["proven"] == ["install"]
    assert told
    with pytest.raises(HamnError, match="there is no file set nothing: the sets are"):
        client.sync(source.where, ["nothing"])


def test_the_socket_is_for_root_alone_and_survives_nonsense(source: Source) -> None:
    import socket

    source.start()
    assert stat.S_IMODE(os.stat(source.where.socket).st_mode) == 0o600
    for line in (
        b"\n",
        b"[]\n",
        b'{"do": 5}\n',
        b'{"do": "sync", "seconds": "soon"}\n',
        b"x" * 70000,
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(source.where.socket)
            connection.sendall(line)
            heard = connection.recv(65536)
            assert heard == b"" or "error" in json.loads(heard)
    assert source.listens()
