"""Requests, outcomes, epochs, merges, keys: pure functions from what is said to what it means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.errors import NodeError
from xcat_hamn.files import daemon, epoch, ids, keys, marks, merge, ports
from xcat_hamn.files.connection import configuration
from xcat_hamn.files.epoch import Epoch, objection
from xcat_hamn.files.outcome import outcome, parse_items
from xcat_hamn.files.places import Places
from xcat_hamn.files.receiver.refusal import Refusal
from xcat_hamn.files.request import DAEMON, Request, parse
from xcat_hamn.files.sets import Root
from xcat_hamn.system.runner import Runner

SET = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True)
LABEL = st.from_regex(r"[/~{][A-Za-z0-9/._@+~{}-]{0,40}", fullmatch=True)
NODE = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
WHEN = st.integers(0, 4_000_000_000).map(float)
TOKEN = st.from_regex("[0-9a-f]{16}", fullmatch=True)


@given(
    st.one_of(
        st.builds(Request, st.just("hello"), st.integers(0, 10**9), NODE),
        st.builds(
            Request, st.just("push"), st.integers(0, 10**9), NODE, set=SET, label=LABEL,
            token=st.one_of(st.just(""), TOKEN), until=st.one_of(st.none(), WHEN),
        ),
        st.builds(
            Request, st.just("apply"), st.integers(0, 10**9), NODE, set=SET, token=TOKEN,
            until=st.one_of(st.none(), WHEN), labels=st.lists(LABEL, max_size=4).map(tuple),
        ),
        st.builds(Request, st.just("check"), st.integers(0, 10**9), NODE, set=SET),
        st.builds(
            Request, st.just("mark"), st.integers(0, 10**9), NODE,
            marks=st.dictionaries(SET, WHEN, min_size=1, max_size=4),
        ),
    )
)  # fmt: skip
def test_every_request_is_understood_as_it_was_meant(request_):
    line = request_.line() + (f" {DAEMON}" if request_.verb == "push" else "")
    assert parse(line) == request_


@given(st.text(max_size=60).map(lambda rest: f"xcat-filesync 1 {rest}"))
def test_nothing_else_is_a_request(text):
    understood = parse(text)
    assert understood is None or understood.line() in text


@pytest.mark.parametrize(
    ("code", "stderr", "kind"),
    [
        (0, "anything", ports.OK),
        (255, "root@mn2: Permission denied (publickey).", ports.REFUSED_KEY),
        (255, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
         ports.HOST_KEY),
        (255, "No ED25519 host key is known for xcat-hamn-mn2 and you have requested strict "
         "checking.\nHost key verification failed.", ports.HOST_KEY),
        (255, "ssh: connect to host mn2 port 22: Connection refused", ports.UNREACHABLE),
        (255, "ssh: connect to host mn2 port 22: Connection timed out", ports.UNREACHABLE),
        (255, "ssh: connect to host mn2 port 22: No route to host", ports.UNREACHABLE),
        (12, "rsync: connection unexpectedly closed (0 bytes received so far) [sender]\n"
         "rsync error: error in rsync protocol data stream (code 12) at io.c(231)",
         ports.UNREACHABLE),
        (11, 'rsync: write failed on "/i" (in files): No space left on device (28)', ports.FULL),
        (23, 'rsync: mkstemp "/.a.x" (in files) failed: Disk quota exceeded (122)', ports.FULL),
        (23, 'rsync: mkstemp "/.a.x" (in files) failed: Read-only file system (30)',
         ports.READ_ONLY),
        (24, "file has vanished: \"/a\"\nrsync warning: some files vanished (code 24)",
         ports.VANISHED),
        (23, "WARNING: a failed verification -- update discarded (will try again).\n"
         "rsync error: some files/attrs were not transferred (code 23)", ports.VANISHED),
        (23, 'rsync: [sender] read errors mapping "/a": Input/output error (5)\n'
         "rsync error: some files/attrs were not transferred", ports.SOURCE),
        (1, "rsync: on remote machine: -vlogX: unknown option", ports.TOOL),
        (3, "", ports.FAILED),
        (77, Refusal(ports.OLDER_EPOCH, "mn2 is newer").line(), ports.OLDER_EPOCH),
        (12, "xcat-filesync refuses (full): no room\nrsync: connection unexpectedly closed",
         ports.FULL),
        (12, "xcat-filesync refuses (ok): I lie\n", ports.REFUSED),
        (12, "xcat-filesync refuses (new-word): later\n", ports.REFUSED),
    ],
)  # fmt: skip
def test_last_words_have_one_meaning(code, stderr, kind):
    found = outcome(code, stderr, "mn2")
    assert found.kind == kind
    assert found.sentence.isprintable()
    assert bool(found.sentence) == (code != 0)


def test_what_rsync_itemizes_is_read_back_byte_by_byte():
    text = (
        ">f+++++++++ a\\#012b\n*deleting   -rf\n*deleting   gone/\n.d..t...... ./\n"
        ">f.st...... \\#377\\#134#012\ncL+++++++++ link\nsome other line\nhf+++++++++ x => y\n"
    )
    assert parse_items(text)[:6] == [
        (">f+++++++++", b"a\nb"), ("*deleting", b"-rf"), ("*deleting", b"gone"),
        (".d..t......", b"."), (">f.st......", b"\xff\\#012"), ("cL+++++++++", b"link"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "offered", "word"),
    [
        (Epoch(), Epoch(1, "mn1"), None),
        (Epoch(1, "mn1"), Epoch(1, "mn1"), None),
        (Epoch(1, "mn2"), Epoch(2, "mn1"), None),
        (Epoch(3, "mn2"), Epoch(2, "mn1"), "since epoch 3"),
        (Epoch(3, "mn3"), Epoch(2, "mn1"), "mn3 has been"),
        (Epoch(3, "mn3"), Epoch(3, "mn1"), "both mn3 and mn1"),
        (Epoch(3, "mn2"), Epoch(3, "mn1"), "mn2 itself"),
        (Epoch(), Epoch(0, "mn1"), "cannot be"),
        (Epoch(), Epoch(epoch.LIMIT + 1, "mn1"), "cannot be"),
        (Epoch(), Epoch(5, "mn2"), "own name"),
    ],
)
def test_only_the_newest_source_is_listened_to(seen, offered, word):
    why = objection(seen, offered, "mn2")
    assert (why is None) if word is None else (word in why)


@given(st.lists(st.builds(Epoch, st.integers(0, 10**6), st.sampled_from(["mn1", "mn2", ""]))))
def test_a_promotion_is_newer_than_all_that_is_known(known):
    new = epoch.next_epoch("mn1", *known)
    assert all(objection(one, new, "mn2") is None for one in known)
    assert all(one.number < new.number for one in known)


@pytest.mark.parametrize("text", ["", "epoch=1", "epoch=-1\nnode=a\n", "epoch=1\nnode=a\nx", "\0"])
def test_a_damaged_epoch_is_named(tmp_path, text):
    path = tmp_path / "epoch"
    path.write_text(text)
    with pytest.raises(NodeError, match="damaged"):
        epoch.read(str(path))
    epoch.write(str(path), Epoch(7, "mn1"))
    assert epoch.read(str(path)) == Epoch(7, "mn1")


LINES = st.lists(
    st.sampled_from([
        "# comment", "", "127.0.0.1 localhost", "127.0.1.1 mn1", "::1 localhost6", "10.0.0.1 mn1 a",
        "10.0.0.2 mn2.cluster.test mn2", "10.0.0.2 b # mn2", "10.0.0.3 cn1", "bad",
        "fe80::1%eth0 x",
    ])
).map("\n".join)  # fmt: skip


@given(received=LINES, current=LINES)
def test_hosts_merged_twice_is_merged_once_and_keeps_the_own_lines(received, current):
    merged = merge.merged_hosts(received, current, "mn2")
    assert merge.merged_hosts(received, merged, "mn2") == merged
    own = {"127.0.0.1 localhost", "127.0.1.1 mn1", "10.0.0.2 mn2.cluster.test mn2"}
    assert own & {*current.splitlines()} <= {*merged.splitlines()}
    wanted = [line for line in received.splitlines() if line.startswith("10.0.0.3")]
    assert all(line in merged.splitlines() for line in wanted)


def test_resolv_conf_keeps_the_own_server_and_a_managed_one_is_left_alone(tmp_path):
    merged = merge.merged_resolv(
        "search a\nnameserver 127.0.0.1\nnameserver 10.0.0.10\n",
        "nameserver 127.0.0.53\nnameserver 9.9.9.9\n",
    )
    assert merged == "search a\nnameserver 127.0.0.53\nnameserver 10.0.0.10\n"
    path = tmp_path / "resolv.conf"
    for text in ("# Generated by NetworkManager\n", "; resolvconf\n"):
        assert merge.managed(str(path), text)
    assert merge.managed(str(path), "# by hand\nsearch networkmanager.test\n") is None
    path.symlink_to("/run/systemd/resolve/stub-resolv.conf")
    assert "link" in merge.managed(str(path), "")


TABLE = st.dictionaries(
    st.sampled_from(["root", "a", "b", "c", "d"]), st.integers(0, 6), max_size=5
).map(lambda table: {**table, "root": 0})


@given(mine=TABLE, theirs=TABLE, number=st.integers(0, 6))
def test_a_number_becomes_that_of_the_same_name_and_never_somebody_elses(mine, theirs, number):
    text = ids.mapping(mine, theirs)
    pairs = dict(pair.split(":") for pair in text.split(",")) if text else {}
    there = int(pairs.get(str(number), number))
    names = sorted(name for name, one in mine.items() if one == number)
    if names and names[0] in theirs:
        assert there == theirs[names[0]]
    elif there != 0:
        assert there not in theirs.values()


def test_the_daemon_is_shut_into_its_directory():
    text = daemon.configuration("/install", "/log", delete=False)
    lines = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    assert lines["use chroot"] == lines["write only"] == "yes"
    assert (lines["path"], lines["read only"]) == ("/install", "no")
    assert "delete*" in lines["refuse options"]
    assert "delete*" not in daemon.configuration("/install", "/log", delete=True)


def test_ssh_trusts_nothing_that_is_not_known_beforehand():
    text = configuration("mn2", "10.11.0.12", Places("/u"), "/u/s", master=True)
    for line in ("StrictHostKeyChecking yes",
                 "UserKnownHostsFile /u/var/lib/xcat-hamn/ssh/known_hosts",
                 "GlobalKnownHostsFile /dev/null", "BatchMode yes", "IdentitiesOnly yes",
                 "IdentityAgent none", "UpdateHostKeys no", "ClearAllForwardings yes"):  # fmt: skip
        assert f"    {line}\n" in text


KEY = "ssh-ed25519 " + "A" * 68
RUNNER = Runner()


def test_a_key_may_do_one_thing_and_replaces_its_predecessor_only(tmp_path):
    line = keys.authorization("mn2", "mn1", KEY, address="10.11.0.11")
    assert line == (
        'restrict,from="10.11.0.11",command="/usr/libexec/xcat-hamn/xcat-filesync-receive mn2 mn1" '
        f"{KEY} xcat-filesync mn1"
    )
    path = tmp_path / ".ssh" / "authorized_keys"
    assert keys.authorize(str(path), line, RUNNER)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("ssh-rsa AAAAB3 me xcat-filesync mn11\n# note\n" + line + "\n")
    newer = keys.authorization("mn2", "mn1", KEY[:-1] + "B")
    assert keys.authorize(str(path), newer, RUNNER)
    assert path.read_text().splitlines() == [
        "ssh-rsa AAAAB3 me xcat-filesync mn11",
        "# note",
        newer,
    ]
    assert not keys.authorize(str(path), newer, RUNNER)
    path.write_text(f"{newer}\n# behind it\n")
    assert not keys.authorize(str(path), newer, RUNNER)


@pytest.mark.parametrize("node", ["", "-oProxyCommand=x", "a b", 'a"b', "a\nb", "../x"])
def test_a_name_that_is_none_gets_no_authorization(node):
    with pytest.raises(NodeError):
        keys.authorization("mn2", node, KEY)


def test_host_keys_are_known_by_node(tmp_path):
    places = Places(str(tmp_path))
    keys.know(places, "mn2", [KEY], RUNNER)
    keys.know(places, "mn1", [KEY], RUNNER)
    keys.know(places, "mn2", [KEY[:-1] + "B"], RUNNER)
    text = Path(places.keys, "known_hosts").read_text()
    assert text == f"xcat-hamn-mn1 {KEY}\nxcat-hamn-mn2 {KEY[:-1]}B\n"
    with pytest.raises(NodeError, match="no host key"):
        keys.host_keys(RUNNER, str(tmp_path / "nowhere"))


def test_a_mark_never_goes_back_within_an_epoch(tmp_path):
    places, root = Places(str(tmp_path)), Root("/a", str(tmp_path))
    (tmp_path / "file").touch()
    assert marks.read_mark(places, "a") == marks.Mark()
    assert marks.advance(places, "a", 1, "mn1", 5.0, [root]).filled == ("/a",)
    assert marks.advance(places, "a", 1, "mn1", 4.0).until == 5.0
    assert marks.read_mark(places, "a").filled == ("/a",)
    assert marks.advance(places, "a", 2, "mn2", 3.0).until == 3.0
    Path(places.marks("a")).write_text("until=x\n")
    assert marks.read_mark(places, "a") == marks.Mark()


def test_what_was_there_and_is_gone_is_a_loss(tmp_path):
    root = Root("/a", str(tmp_path / "a"))
    (tmp_path / "a").mkdir()
    assert marks.loss(marks.Mark(), [root]) is None
    assert "empty or gone" in marks.loss(marks.Mark(filled=("/a",)), [root])
    assert "not mounted" in marks.loss(marks.Mark(mounted=("/a",)), [root])
    (tmp_path / "a" / "x").touch()
    assert marks.loss(marks.Mark(filled=("/a",)), [root]) is None
