"""Sets that travel from one node to the other, as the administrator would find them there."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import time

import pytest
from two_nodes import listing
from xcat_hamn.files import epoch, ports
from xcat_hamn.files.marks import read_mark

#: Names that a shell, a line-wise protocol, an option parser or a decoder would stumble over.
ODD = [
    b"new\nline", b"-rf", b"--delete", b"\xff\xfe not UTF-8 \xe4", b" blank ", b"a'b\"c$d`e;f|g",
    b"*", b"[x]?", b"#hash", b";semicolon", b"back\\slash", b"\\#012", b"tab\t", b"\x1b[2J", b"%n",
    b"...", b"~root", "größe".encode(), b"x" * 250,
]  # fmt: skip


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


def facl(*words):
    argv = ["getfacl", "-cp", *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout


def test_a_whole_set_arrives_and_a_second_copy_finds_nothing_to_do(pair):
    pair.source.write("install/postscripts/a", "one\n", 0o755)
    pair.source.write("install/autoinst/cn1", "two\n", 0o600)
    os.symlink("/nowhere/at/all", pair.source.path("install/link"))
    transfer = pair.transfer()

    first = transfer.full(pair.source.set("install"), until=1000.0)
    assert first.ok, first.sentence
    assert listing(pair.replica.path("install")) == listing(pair.source.path("install"))
    # Both nodes know, durably, up to when the set is complete.
    for node in (pair.source, pair.replica):
        mark = read_mark(node.places, "install")
        assert (mark.until, mark.node, mark.epoch) == (1000.0, "mn1", 1)

    second = transfer.full(pair.source.set("install"))
    assert (second.ok, second.kind, second.delivered) == (True, ports.OK, 0)


def test_what_is_not_of_the_source_is_deleted_and_what_lies_beside_the_set_is_not(pair):
    pair.source.write("install/kept")
    pair.replica.write("install/old/stale")
    pair.replica.write("beside/precious")
    assert pair.transfer().full(pair.source.set("install")).ok
    assert listing(pair.replica.path("install")).keys() == {b"kept"}
    assert pair.replica.path("beside/precious").read_text() == "x\n"


def test_every_odd_name_travels_whole_and_alone_and_is_deleted(pair):
    top = os.fsencode(pair.source.path("install"))
    os.makedirs(top + b"/dir\n-x")
    paths = [top + b"/" + name for name in ODD] + [top + b"/dir\n-x/" + name for name in ODD]
    for path in paths:
        with open(path, "wb") as stream:
            stream.write(b"1")
    fileset, transfer = pair.source.set("install"), pair.transfer()
    result = transfer.full(fileset)
    assert result.ok, result.sentence
    assert set(paths) <= set(result.differing)
    assert listing(pair.replica.path("install")) == listing(pair.source.path("install"))

    for path in paths[::2]:
        with open(path, "wb") as stream:
            stream.write(b"changed")
    for path in paths[1::2]:
        os.unlink(path)
    result = transfer.some(fileset, paths)
    assert result.ok, result.sentence
    assert set(result.differing) >= set(paths)
    assert listing(pair.replica.path("install")) == listing(pair.source.path("install"))


def test_changes_travel_alone_without_a_look_at_the_rest(pair):
    for number in range(20):
        pair.source.write(f"install/d{number}/file", "old\n")
    fileset, transfer = pair.source.set("install"), pair.transfer()
    assert transfer.full(fileset).ok

    changed = pair.source.write("install/d1/file", "newer\n")
    pair.source.write("install/d2/file", "not named, so not copied\n")
    pair.source.write("install/new/sub/file", "a new tree\n")
    os.rename(pair.source.path("install/d3"), pair.source.path("install/moved"))
    shutil.rmtree(pair.source.path("install/d4"))
    os.chmod(pair.source.path("install/d5"), 0o711)
    shutil.rmtree(pair.source.path("install/d6"))
    os.symlink("d5", pair.source.path("install/d6"))

    def name(relative):
        return os.fsencode(pair.source.path(relative))

    result = transfer.some(
        fileset,
        [
            os.fsencode(changed), name("install/d3"), name("install/d4/file"), name("install/d5"),
            name("install/d6/file"), name("elsewhere"), name("install/../hosts"), b"/etc/passwd",
        ],
        [name("install/new"), name("install/moved")],
        until=5.0,
    )  # fmt: skip
    assert result.ok, result.sentence
    there = listing(pair.replica.path("install"))
    here = listing(pair.source.path("install"))
    assert there.pop(b"d2/file")[4] == b"old\n"
    assert here.pop(b"d2/file")[4] == b"not named, so not copied\n"
    assert there == here
    assert read_mark(pair.replica.places, "install").until == 5.0


def test_links_holes_lists_attributes_devices_and_sockets_arrive_as_they_are(pair):
    one = pair.source.write("install/one", "linked\n")
    os.link(one, pair.source.path("install/two"))
    sparse = pair.source.path("install/sparse")
    with sparse.open("wb") as stream:
        stream.truncate(64 << 20)
        stream.seek(32 << 20)
        stream.write(b"data")
    run("setfacl", "-m", "u:daemon:r--", str(one))
    run("setfacl", "-d", "-m", "u:daemon:r-x", str(pair.source.path("install")))
    run("setfattr", "-n", "user.origin", "-v", "mn1", str(one))
    os.mknod(pair.source.path("install/null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mkfifo(pair.source.path("install/fifo"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(pair.source.path("install/socket")))
    os.chown(one, 2, 3)
    result = pair.transfer().full(pair.source.set("install"))
    assert result.ok, result.sentence

    there = pair.replica.path("install")
    assert listing(there) == listing(pair.source.path("install"))
    assert (there / "one").stat().st_ino == (there / "two").stat().st_ino
    assert (there / "sparse").stat().st_blocks * 512 < 1 << 20
    assert os.getxattr(there / "one", "user.origin") == b"mn1"
    for place in (there, pair.source.path("install")):
        shown = facl(place, place / "one")
        assert "user:daemon:r--" in shown
        assert "default:user:daemon:r-x" in shown
    assert stat.S_ISSOCK((there / "socket").lstat().st_mode)
    assert (there / "null").stat().st_rdev == os.makedev(1, 3)


def test_a_change_by_one_name_of_a_linked_file_leaves_a_doubt(pair):
    one = pair.source.write("install/one", "linked\n")
    os.link(one, pair.source.path("install/two"))
    fileset, transfer = pair.source.set("install"), pair.transfer()
    assert transfer.full(fileset, until=1.0).ok
    one.write_text("changed by one name\n")
    result = transfer.some(fileset, [os.fsencode(one)], until=2.0)
    assert result.ok
    assert result.doubt
    # Nothing vouches for the set before a whole comparison.
    assert read_mark(pair.replica.places, "install").until == 1.0
    assert transfer.full(fileset, until=3.0).ok
    assert listing(pair.replica.path("install")) == listing(pair.source.path("install"))
    assert read_mark(pair.replica.places, "install").until == 3.0


def test_owners_go_by_name_where_the_numbers_differ(pair, monkeypatch):
    path = pair.source.write("install/console", "x\n")
    os.chown(path, 110, 111)
    run("setfacl", "-m", "u:110:r--,g:111:r--", str(path))
    # On this machine both nodes have one passwd: the other one is seen through another table.
    mine = {"root": 0, "conserver": 110}
    monkeypatch.setattr("xcat_hamn.files.ids.users", lambda: mine)
    monkeypatch.setattr("xcat_hamn.files.ids.groups", lambda: {"root": 0, "conserver": 111})
    transfer = pair.transfer()
    maps = []

    def mapping(own, theirs):
        maps.append(theirs)
        return "110:7" if own == mine else "111:8"

    monkeypatch.setattr("xcat_hamn.files.ids.mapping", mapping)
    result = transfer.full(pair.source.set("install"))
    assert result.ok, result.sentence
    assert maps[0]["root"] == 0
    there = pair.replica.path("install/console")
    assert (there.stat().st_uid, there.stat().st_gid) == (7, 8)
    shown = facl("-n", there)
    assert "user:7:r--" in shown
    assert "group:8:r--" in shown
    assert transfer.full(pair.source.set("install")).delivered == 0


def test_a_set_that_changes_as_one_is_seen_old_or_new_and_never_half(pair):
    for node in (pair.source, pair.replica):
        node.write("etc/xcat/ca/ca-cert.pem", "old ca\n")
        node.write("etc/xcat/cert/server-cred.pem", "old cert\n", 0o600)
        node.write("home/.xcat/client-cred.pem", "old client\n", 0o600)
        node.write("etc/xcat/cfgloc", f"only {node.name}\n", 0o600)
    fileset, transfer = pair.source.set("credentials"), pair.transfer()
    assert transfer.full(fileset).ok
    before = listing(pair.replica.tree)

    pair.source.write("etc/xcat/ca/ca-cert.pem", "new ca\n")
    pair.source.write("etc/xcat/cert/server-cred.pem", "new cert\n", 0o600)
    pair.source.path("home/.xcat/client-cred.pem").unlink()
    # The last root does not arrive.
    pair.server.stop()
    token = "0123456789abcdef"
    pair.server.start()
    copier = transfer._copier
    from xcat_hamn.files import rsync
    from xcat_hamn.files.copying import Tally

    how = rsync.whole(fileset, checksum=False, dry=False)
    copier.push(fileset, fileset.roots[0], how, Tally(60), token=token)
    assert listing(pair.replica.tree) == before
    assert transfer.compare(fileset).differing_count > 0

    result = transfer.full(fileset, until=7.0)
    assert result.ok, result.sentence
    for name in ("etc/xcat/ca", "etc/xcat/cert", "home/.xcat"):
        assert listing(pair.replica.path(name)) == listing(pair.source.path(name))
    assert pair.replica.path("etc/xcat/cfgloc").read_text() == "only mn2\n"
    assert transfer.compare(fileset).differing_count == 0
    assert read_mark(pair.replica.places, "credentials").until == 7.0


def test_of_a_directory_only_the_names_of_the_set_are_touched(pair):
    pair.source.write("home/.ssh/id_rsa", "private\n", 0o600)
    pair.source.write("home/.ssh/authorized_keys", "mn1's\n", 0o600)
    pair.replica.write("home/.ssh/authorized_keys", "mn2's\n", 0o600)
    pair.replica.write("home/.ssh/known_hosts", "mn2's\n", 0o600)
    pair.replica.write("home/.ssh/id_dsa", "long gone on mn1\n", 0o600)
    os.chmod(pair.replica.path("home/.ssh"), 0o700)
    result = pair.transfer().full(pair.source.set("keys"))
    assert result.ok, result.sentence
    there = listing(pair.replica.path("home/.ssh"))
    assert there.keys() == {b"id_rsa", b"authorized_keys", b"known_hosts"}
    assert there[b"authorized_keys"][4] == b"mn2's\n"
    assert stat.S_IMODE(pair.replica.path("home/.ssh").stat().st_mode) == 0o700
    assert pair.transfer().compare(pair.source.set("keys")).differing_count == 0


def test_what_a_set_excludes_is_neither_sent_nor_deleted(pair):
    for node in (pair.source, pair.replica):
        node.define(
            "[values]\ntop = {top}\n"
            "[set install]\npaths = {{top}}/install\nexclude = *.log /cache\n"
            "[set keys]\npaths = {{top}}/home/.ssh: id_*\nexclude = *.bak\n"
        )
        for name in ("install/a", "install/d/x.log", "install/cache/y", "home/.ssh/id_rsa"):
            node.write(name, f"{node.name}\n")
        node.write("home/.ssh/id_rsa.bak", f"{node.name}\n")
    pair.replica.write("install/d/only.log")
    pair.source.path("install/cache/y").unlink()
    transfer = pair.transfer()
    changed = [pair.source.path(n) for n in ("install/d/x.log", "install/cache/y", "install/a")]
    results = [
        transfer.some(pair.source.set("install"), [os.fsencode(path) for path in changed]),
        transfer.full(pair.source.set("install")),
        transfer.full(pair.source.set("keys")),
    ]
    assert [one.sentence for one in results if not one.ok] == []
    texts = {n: pair.replica.path(n).read_text() for n in ("install/a", "home/.ssh/id_rsa")}
    assert set(texts.values()) == {"mn1\n"}
    for name in ("install/d/x.log", "install/cache/y", "home/.ssh/id_rsa.bak"):
        assert pair.replica.path(name).read_text() == "mn2\n"
    assert pair.replica.path("install/d/only.log").exists()


def test_hosts_is_woven_into_the_receivers_own(pair):
    pair.source.write("etc/hosts", "127.0.0.1 localhost mn1\n10.0.0.101 cn1\n10.0.0.12 mn2-old\n")
    pair.replica.write(
        "etc/hosts", "127.0.0.1 localhost mn2\n10.0.0.12 mn2.cluster mn2\n9.9.9.9 x\n"
    )
    transfer = pair.transfer()
    assert transfer.full(pair.source.set("hosts")).ok
    assert pair.replica.path("etc/hosts").read_text() == (
        "127.0.0.1 localhost mn2\n10.0.0.12 mn2.cluster mn2\n10.0.0.101 cn1\n"
    )
    assert transfer.compare(pair.source.set("hosts")).differing_count == 0
    # An empty one is a mistake, not an order.
    pair.source.write("etc/hosts", "# nothing\n")
    refused = transfer.full(pair.source.set("hosts"))
    assert (refused.kind, "no single address" in refused.sentence) == (ports.REFUSED, True)
    assert "cn1" in pair.replica.path("etc/hosts").read_text()


def test_a_sample_finds_what_size_and_time_do_not_show(pair):
    path = pair.source.write("install/image", "good\n")
    pair.source.write("install/other", "good\n")
    fileset, transfer = pair.source.set("install"), pair.transfer()
    assert transfer.full(fileset).ok
    there = pair.replica.path("install/image")
    there.write_text("evil\n")
    os.utime(there, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    assert transfer.full(fileset).delivered == 0
    found = [transfer.sample(fileset, part, 4) for part in range(4)]
    assert all(one.ok for one in found)
    assert [one.differing for one in found if one.differing] == [(os.fsencode(path),)]
    assert there.read_text() == "good\n"


def test_a_comparison_writes_nothing(pair):
    pair.source.write("install/new")
    pair.replica.write("install/old")
    before = listing(pair.replica.tree)
    result = pair.transfer().compare(pair.source.set("install"))
    assert result.ok
    assert set(result.differing) >= {
        os.fsencode(pair.source.path("install/new")), os.fsencode(pair.source.path("install/old"))
    }  # fmt: skip
    assert listing(pair.replica.tree) == before


def test_a_database_of_sqlite_arrives_whole_while_it_is_written(pair):
    import sqlite3

    definitions = "[values]\ntop = {top}\n[set sqlite]\npaths = {{top}}/db: *.sqlite\n"
    definitions += "snapshot = sqlite\nas_one = yes\n"
    for node in (pair.source, pair.replica):
        node.define(definitions)
        node.path("db").mkdir()
    database = sqlite3.connect(pair.source.path("db/site.sqlite"), isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE site (k TEXT)")
    database.execute("INSERT INTO site VALUES ('committed')")
    database.execute("BEGIN")
    database.execute("INSERT INTO site VALUES ('not yet')")
    transfer = pair.transfer()
    result = transfer.full(pair.source.set("sqlite"))
    assert result.ok, result.sentence
    assert os.listdir(pair.replica.path("db")) == ["site.sqlite"]
    copy = sqlite3.connect(pair.replica.path("db/site.sqlite"))
    assert copy.execute("SELECT k FROM site").fetchall() == [("committed",)]
    copy.close()
    database.execute("COMMIT")
    database.close()
    assert transfer.full(pair.source.set("sqlite")).ok
    copy = sqlite3.connect(pair.replica.path("db/site.sqlite"))
    assert len(copy.execute("SELECT k FROM site").fetchall()) == 2
    copy.close()


def test_a_set_of_very_many_files(pair, request):
    count = request.config.getoption("--many-files")
    for directory in range(count // 100):
        pair.source.path(f"install/{directory}").mkdir(parents=True)
        for number in range(100):
            with open(pair.source.path(f"install/{directory}/{number}"), "wb") as stream:
                stream.write(b"%d" % number)
    fileset, transfer = pair.source.set("install"), pair.transfer()
    first = transfer.full(fileset)
    assert first.ok, first.sentence
    assert len(first.differing) <= ports.NAMES
    begun = time.monotonic()
    assert transfer.full(fileset).delivered == 0
    whole = time.monotonic() - begun
    changed = [pair.source.write(f"install/{number}/7", "changed\n") for number in range(10)]
    begun = time.monotonic()
    some = transfer.some(fileset, [os.fsencode(path) for path in changed])
    few = time.monotonic() - begun
    assert (some.ok, some.delivered) == (True, 10), some.sentence
    print(f"{count} files: whole {whole:.2f} s, 10 changed {few:.2f} s, ratio {few / whole:.3f}")
    assert transfer.compare(fileset).differing_count == 0


def test_hello_tells_of_the_other_node(pair):
    peer = pair.transfer().hello()
    assert (peer.problem, peer.node, peer.epoch, peer.source) == (None, "mn2", 0, "")
    pair.source.write("install/a")
    assert pair.transfer().full(pair.source.set("install")).ok
    peer = pair.transfer().hello()
    assert (peer.epoch, peer.source) == (1, "mn1")
    assert epoch.read(pair.replica.places.epoch) == epoch.Epoch(1, "mn1")


@pytest.mark.parametrize(("ahead", "word"), [(3600.0, "behind"), (-60.0, "ahead of")])
def test_a_clock_that_is_wrong_is_named(pair, monkeypatch, ahead, word):
    real = time.time
    monkeypatch.setattr("xcat_hamn.files.copying.time.time", lambda: real() + ahead)
    problem = pair.transfer().hello().problem
    assert (problem.kind, word in problem.sentence) == (ports.CLOCK, True)
