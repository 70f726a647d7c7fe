"""What goes wrong between two nodes: each trouble has its own word, and harms nothing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from two_nodes import listing, wait_for
from xcat_hamn.files import epoch, keys, ports
from xcat_hamn.files.epoch import Epoch
from xcat_hamn.files.marks import read_mark
from xcat_hamn.files.promotion import become_source
from xcat_hamn.files.undelivered import account


@contextlib.contextmanager
def small_file_system(directory: Path, *options: str):
    """Mount a file system of 8 MB on ``directory`` for the time of a test."""
    directory.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", ",".join(["size=8m", *options]), "tmpfs", str(directory)]
    if subprocess.run(words, capture_output=True, check=False, timeout=30).returncode:
        pytest.skip("needs to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True, timeout=30)


def room(directory: Path) -> int:
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


def remount(directory: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", directory], check=True, timeout=30)


def test_a_full_receiver_keeps_what_it_has_and_goes_on_when_there_is_room(pair):
    transfer, fileset = pair.transfer(), pair.source.set("install")
    with small_file_system(pair.replica.path("install")):
        pair.source.write("install/small", "old\n")
        assert transfer.full(fileset, until=1.0).ok
        pair.source.write("install/small", "new\n")
        pair.source.write("install/image", os.urandom(20 << 20))
        result = transfer.full(fileset, until=2.0)
        assert result.kind == ports.FULL, result
        assert "make room" in result.sentence
        assert not pair.replica.path("install/image").exists()
        assert pair.replica.path("install/small").read_text() in ("old\n", "new\n")
        assert read_mark(pair.replica.places, "install").until == 1.0
        # What others write there still fits: the last of the room is given back.
        wait_for(lambda: room(pair.replica.path("install")) > 1 << 20, "there is room for others")
        pair.replica.write("install/others", b"1" * 4096)
        again = transfer.full(fileset)
        assert again.kind == ports.FULL
        pair.source.write("install/image", os.urandom(1 << 20))
        remount(pair.replica.path("install"), "size=64m")
        assert transfer.full(fileset, until=3.0).ok
        assert listing(pair.replica.path("install")) == listing(pair.source.path("install"))


def test_a_file_system_without_inodes_is_full(pair):
    with small_file_system(pair.replica.path("install"), "nr_inodes=20"):
        for number in range(40):
            pair.source.write(f"install/{number}")
        assert pair.transfer().full(pair.source.set("install")).kind == ports.FULL


def test_a_read_only_receiver_is_named(pair):
    transfer, fileset = pair.transfer(), pair.source.set("install")
    with small_file_system(pair.replica.path("install")):
        pair.source.write("install/small", "old\n")
        assert transfer.full(fileset).ok
        remount(pair.replica.path("install"), "ro")
        pair.source.write("install/small", "new\n")
        for result in (
            transfer.full(fileset),
            transfer.some(fileset, [os.fsencode(pair.source.path("install/small"))]),
        ):
            assert (result.ok, result.kind) == (False, ports.READ_ONLY), result
            assert "read-only" in result.sentence
        assert pair.replica.path("install/small").read_text() == "old\n"


def test_a_receivers_directory_that_is_not_mounted_any_more_is_not_filled(pair):
    transfer, fileset = pair.transfer(), pair.source.set("install")
    with small_file_system(pair.replica.path("install")):
        pair.source.write("install/a")
        assert transfer.full(fileset, until=1.0).ok
    result = transfer.full(fileset)
    assert (result.kind, "not mounted" in result.sentence) == (ports.REFUSED, True), result
    assert os.listdir(pair.replica.path("install")) == []


def test_a_source_that_is_emptied_or_not_mounted_deletes_nothing(pair):
    transfer, fileset = pair.transfer(), pair.source.set("install")
    with small_file_system(pair.source.path("install")):
        pair.source.write("install/a")
        assert transfer.full(fileset, until=1.0).ok
    for result in (transfer.full(fileset), transfer.compare(fileset)):
        assert (result.kind, "not mounted" in result.sentence) == (ports.SOURCE, True), result
    pair.source.path("install").rmdir()
    assert transfer.full(fileset).kind == ports.SOURCE
    assert pair.replica.path("install/a").exists()


def test_a_path_that_does_not_exist(pair):
    transfer = pair.transfer()
    nothing = transfer.full(pair.source.set("install"))
    assert (nothing.ok, nothing.delivered) == (True, 0)
    assert "nothing of the set" in nothing.sentence
    # On the receiver the last directory is made, the way to it is not guessed.
    pair.source.write("home/.xcat/cred")
    result = transfer.full(pair.source.set("credentials"))
    assert result.kind == ports.REFUSED
    assert "does not exist on mn2" in result.sentence
    assert not pair.replica.path("home").exists()
    pair.replica.path("home").mkdir()
    assert transfer.full(pair.source.set("credentials")).ok
    assert pair.replica.path("home/.xcat/cred").exists()


def test_files_that_change_and_vanish_while_they_are_copied(pair):
    for number in range(400):
        pair.source.write(f"install/d{number % 10}/{number}", b"x" * 2000)
    stop = threading.Event()

    def disturb():
        number = 0
        while not stop.wait(0.001):
            number = (number + 7) % 400
            path = pair.source.path(f"install/d{number % 10}/{number}")
            if number % 3:
                path.write_bytes(os.urandom(3000))
            else:
                path.unlink(missing_ok=True)

    transfer, fileset = pair.transfer(), pair.source.set("install")
    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for _turn in range(3):
            result = transfer.full(fileset)
            assert result.kind in (ports.OK, ports.VANISHED), result
    finally:
        stop.set()
        thread.join()
    assert transfer.full(fileset, checksum=True).ok
    assert listing(pair.replica.path("install")) == listing(pair.source.path("install"))


def test_a_set_as_one_that_never_rests_stays_as_it_was(pair):
    for node in (pair.source, pair.replica):
        node.write("etc/xcat/ca/serial", "01\n")
    transfer, fileset = pair.transfer(), pair.source.set("credentials")
    number = [0]
    push = transfer._copier.push

    def disturbed(*args, **more):
        number[0] += 1
        pair.source.write("etc/xcat/ca/serial", f"{'x' * number[0]}\n")
        return push(*args, **more)

    transfer._copier.push = disturbed
    result = transfer.full(fileset)
    assert (result.kind, "when it rests" in result.sentence) == (ports.VANISHED, True), result
    assert pair.replica.path("etc/xcat/ca/serial").read_text() == "01\n"


def slowly(pair, megabytes=8):
    """Make a set whose copy takes seconds; return it."""
    pair.source.write("install/image", os.urandom(megabytes << 20))
    definitions = Path(pair.source.places.definitions[-1], "zz.conf")
    definitions.write_text("[set install]\nbandwidth = 2048\n")
    return pair.source.set("install")


def in_background(call):
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    return thread, found


def arriving(pair):
    return [p for p in pair.replica.path("install").glob(".*") if p.is_file() and p.stat().st_size]


def test_a_copy_is_cancelled_at_once_and_goes_on_where_it_was(pair):
    pair.replica.path("install").mkdir()
    fileset, transfer = slowly(pair), pair.transfer()
    thread, found = in_background(lambda: transfer.full(fileset))
    wait_for(lambda: any(p.stat().st_size > 1 << 20 for p in arriving(pair)), "a part has arrived")
    transfer.cancel()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert found[0].kind == ports.CANCELLED
    partial = pair.replica.path("install/.xcat-hamn-partial/image")
    wait_for(partial.exists, "the part is kept")
    assert not pair.replica.path("install/image").exists()

    Path(pair.source.places.definitions[-1], "zz.conf").unlink()
    result = transfer.full(pair.source.set("install"))
    assert result.ok, result.sentence
    assert listing(pair.replica.path("install")) == listing(pair.source.path("install"))


def test_a_cut_in_the_middle_of_a_copy(pair):
    pair.replica.path("install").mkdir()
    fileset, transfer = slowly(pair), pair.transfer()
    thread, found = in_background(lambda: transfer.full(fileset))
    wait_for(lambda: arriving(pair), "a part has arrived")
    pair.server.stop()
    # The client's end of the connection dies as at a lost link: without a word.
    wanted = os.fsencode(transfer._connection.file("master"))
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if os.path.basename(words[0]) == b"ssh" and wanted in words:
                os.kill(int(path.parent.name), 9)
    thread.join(timeout=20)
    assert found[0].kind == ports.UNREACHABLE, found
    assert not pair.replica.path("install/image").exists()
    pair.server.start()
    Path(pair.source.places.definitions[-1], "zz.conf").unlink()
    assert transfer.full(pair.source.set("install")).ok


def test_a_call_ends_at_its_deadline(pair):
    pair.replica.path("install").mkdir()
    fileset = slowly(pair)
    result = pair.transfer().full(fileset, timeout=1.5)
    assert (result.ok, result.kind) == (False, ports.TIMEOUT)
    assert result.seconds < 5


def test_a_promotion_ends_what_is_arriving_and_nothing_older_is_taken_any_more(pair):
    pair.replica.write("install/image", "the newest\n")
    fileset, transfer = slowly(pair), pair.transfer()
    thread, found = in_background(lambda: transfer.full(fileset))
    wait_for(lambda: arriving(pair), "a part has arrived")
    new = become_source(pair.replica.places, "mn2")
    assert new == Epoch(2, "mn2")
    thread.join(timeout=20)
    assert not found[0].ok
    assert pair.replica.path("install/image").read_text() == "the newest\n"

    for refused in (
        transfer.full(fileset),
        transfer.some(fileset, [os.fsencode(pair.source.path("install/image"))]),
        transfer.mark({"install": 5.0}),
        transfer.compare(fileset),
    ):
        assert refused.kind == ports.OLDER_EPOCH
        assert "epoch 2" in refused.sentence
    assert pair.replica.path("install/image").read_text() == "the newest\n"


def test_two_that_claim_the_same_epoch(pair):
    epoch.write(pair.replica.places.epoch, Epoch(1, "mn2"))
    pair.source.write("install/a")
    result = pair.transfer().full(pair.source.set("install"))
    assert (result.kind, "both" in result.sentence) == (ports.OLDER_EPOCH, True)
    assert not pair.replica.path("install").exists()


def test_a_node_that_is_no_source_does_not_copy(pair):
    pair.source.write("install/a")
    epoch.write(pair.source.places.epoch, Epoch(4, "mn2"))
    result = pair.transfer().full(pair.source.set("install"))
    assert (result.kind, "epoch 4" in result.sentence) == (ports.OLDER_EPOCH, True)


def test_a_damaged_epoch_is_not_taken_for_none(pair):
    pair.source.write("install/a")
    assert pair.transfer().full(pair.source.set("install")).ok
    Path(pair.replica.places.epoch).write_text("epoch=")
    pair.source.write("install/b")
    result = pair.transfer().full(pair.source.set("install"))
    assert (result.ok, "damaged" in result.sentence) == (False, True)
    assert not pair.replica.path("install/b").exists()


def test_a_key_that_is_not_known(pair):
    pair.server.authorized.write_text("")
    result = pair.transfer().full(pair.source.set("install"))
    assert result.ok  # nothing exists, so nothing was asked
    pair.source.write("install/a")
    result = pair.transfer().full(pair.source.set("install"))
    assert (result.kind, "authorized_keys" in result.sentence) == (ports.REFUSED_KEY, True), result


def test_the_key_of_another_node_speaks_for_that_node_alone(pair):
    pair.server.authorized.write_text("")
    key = keys.make_key(pair.source.places, "mn1", pair.runner)
    pair.authorize(key, peer="mn3")
    pair.source.write("install/a")
    result = pair.transfer().full(pair.source.set("install"))
    assert result.kind == ports.REFUSED
    assert "the key of mn3 says that it is from mn1" in result.sentence
    assert not pair.replica.path("install").exists()


def test_a_host_key_that_is_not_the_known_one(pair):
    keys.know(pair.source.places, "mn2", ["ssh-ed25519 " + "A" * 68], pair.runner)
    pair.source.write("install/a")
    result = pair.transfer().full(pair.source.set("install"))
    assert (result.kind, "host key" in result.sentence) == (ports.HOST_KEY, True), result
    # One that was never seen is not taken on trust either.
    Path(pair.source.places.keys, "known_hosts").write_text("")
    assert pair.transfer().full(pair.source.set("install")).kind == ports.HOST_KEY


def test_nobody_answers(pair):
    pair.source.write("install/a")
    pair.server.stop()
    result = pair.transfer().full(pair.source.set("install"))
    assert (result.kind, "does not answer" in result.sentence) == (ports.UNREACHABLE, True), result
    assert pair.transfer().hello().problem.kind == ports.UNREACHABLE


def test_a_connection_that_died_is_opened_anew(pair):
    pair.source.write("install/a")
    transfer = pair.transfer()
    assert transfer.full(pair.source.set("install")).ok
    transfer.close()
    assert transfer.full(pair.source.set("install")).ok
    pair.source.write("install/b")
    socket = Path(transfer._connection.base)
    transfer.close()
    wait_for(lambda: not socket.exists(), "the master has ended")
    socket.touch()  # as it stays behind when the master is killed
    assert transfer.full(pair.source.set("install")).ok
    assert pair.replica.path("install/b").exists()


def test_definitions_that_differ(pair):
    pair.source.write("install/a")
    pair.replica.define("[values]\ntop = {top}\n[set other]\npaths = {{top}}/install\n")
    result = pair.transfer().full(pair.source.set("install"))
    assert (result.kind, "same on both nodes" in result.sentence) == (ports.REFUSED, True)
    assert not pair.replica.path("install").exists()


def test_what_a_former_source_never_delivered_is_kept_before_it_is_replaced(pair):
    # mn2 was the source and delivered; then it changed something and died.
    become_source(pair.replica.places, "mn2", Epoch(5, "mn1"))
    pair.replica.write("install/delivered", "v1\n")
    os.utime(pair.replica.path("install/delivered"), (1000, 1000))
    time.sleep(1.1)
    from xcat_hamn.files import marks

    marks.advance(pair.replica.places, "install", 6, "mn2", time.time())
    time.sleep(0.1)
    until = read_mark(pair.replica.places, "install").until
    marks.write_mark(
        pair.replica.places, "install", marks.Mark(until + 1.05, 6, "mn2", until, (), ())
    )
    wait_for(lambda: time.time() > until + 0.2, "a little later")
    pair.replica.write("install/dir/lost\nfile", "only mn2 has it\n", 0o640)
    os.utime(pair.replica.path("install/dir/lost\nfile"), (1000, 1000))
    # mn1 took over, and mn2 is back.
    become_source(pair.source.places, "mn1", Epoch(6, "mn2"))
    pair.source.write("install/delivered", "v2\n")
    result = pair.transfer().full(pair.source.set("install"))
    assert result.ok, result.sentence
    assert listing(pair.replica.path("install")) == listing(pair.source.path("install"))

    kept = os.listdir(pair.replica.places.aside)
    assert len(kept) == 1
    assert kept[0].startswith("install.")
    top = Path(pair.replica.places.aside, kept[0])
    lost = Path(f"{top}{pair.replica.path('install/dir')}/lost\nfile")
    assert (lost.read_text(), lost.stat().st_mode & 0o777) == ("only mn2 has it\n", 0o640)
    assert not Path(f"{top}{pair.replica.path('install/delivered')}").exists()
    assert "1 files" in (top / "README").read_text()
    # Once is enough.
    pair.source.write("install/more")
    assert pair.transfer().full(pair.source.set("install")).ok
    assert os.listdir(pair.replica.places.aside) == kept


def test_nothing_is_replaced_while_what_only_this_node_has_does_not_fit(pair):
    become_source(pair.replica.places, "mn2", Epoch(5, "mn1"))
    pair.replica.write("install/lost", b"1" * 4096)
    become_source(pair.source.places, "mn1", Epoch(6, "mn2"))
    pair.source.write("install/new")
    with small_file_system(Path(pair.replica.places.aside)):
        result = pair.transfer().full(pair.source.set("install"))
        assert (result.kind, "nothing was replaced" in result.sentence) == (ports.FULL, True)
        assert listing(pair.replica.path("install")).keys() == {b"lost"}
    assert pair.transfer().full(pair.source.set("install")).ok
    assert len(os.listdir(pair.replica.places.aside)) == 1


def test_the_account_names_what_was_never_delivered(pair):
    fileset, transfer = pair.source.set("install"), pair.transfer()
    pair.source.write("install/delivered")
    until = time.time() + 1.5
    assert transfer.full(fileset, until=until).ok
    wait_for(lambda: time.time() > until, "the mark lies in the past")
    assert account(pair.source.places, fileset, "mn1", []).lost == ()
    lost = pair.source.write("install/lost\n")
    os.utime(lost, (1, 1))  # what a program says of the time of its files does not count

    told = account(pair.source.places, fileset, "mn1", [])
    assert (told.lost, told.lost_count) == ((os.fsencode(lost),), 1)
    assert (told.source, told.kept) == ("mn1", ())
    # The survivor knows up to when it has everything, and of whom.
    there = account(pair.replica.places, pair.replica.set("install"), "mn2", [])
    assert (there.source, there.until, there.lost) == ("mn1", round(until, 3), ())

    become_source(pair.replica.places, "mn2")
    epoch.write(pair.source.places.epoch, epoch.read(pair.replica.places.epoch))
    assert account(pair.source.places, fileset, "mn1", ["install"]).lost == (os.fsencode(lost),)
    top = aside_of(pair.source)
    assert account(pair.source.places, fileset, "mn1", []).kept == (top,)


def aside_of(node):
    from xcat_hamn.files.receiver import aside

    aside.require(node.places, ["install"])
    kept = aside.keep(node.places, node.set("install"), node.name)
    assert aside.required(node.places) == []
    return kept
