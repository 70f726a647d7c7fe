"""What the holder of the other node's key tries that is not a copy of a set: nothing gets through.

The attacker has the key and any program he likes; here he mostly has rsync's own client, with words
of his choice for the receiver.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from two_nodes import listing
from xcat_hamn.files import ports

DAEMON = "--server --daemon ."


@pytest.fixture
def attacked(pair):
    """Give the pair with things around the sets that must stay as they are."""
    pair.replica.write("victim/secret", "precious\n", 0o600)
    pair.replica.write("home/.ssh/authorized_keys", "precious\n", 0o600)
    pair.replica.write("etc/shadow", "precious\n", 0o600)
    pair.replica.write("install/own", "of the set\n")
    pair.source.write("install/own", "of the set\n")
    return pair


def around(pair):
    """Return everything of the replica but the set install itself."""
    found = listing(pair.replica.tree)
    return {name: facts for name, facts in found.items() if not name.startswith(b"install")}


def rsync(pair, words, *arguments):
    """Run rsync's client with ``words`` for the receiver."""
    master = pair.master()
    shell = f"ssh -F {master} -o ControlMaster=no -o ControlPath=none"
    argv = ["rsync", f"--rsh={shell}", f"--rsync-path={words}", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def push(pair, *arguments, label="{top}/install", name="install"):
    return rsync(pair, f"xcat-filesync 1 push 1 mn1 {name} {label} - -", *arguments)


REQUESTS = [
"", "id", "rm -rf /", "bash -c id", "rsync --server -logDtpre.iLsfxCIvu . /etc/",
f"rsync {DAEMON}", "internal-sftp", "scp -t /etc", "xcat-filesync",
"xcat-filesync 1 hello", "xcat-filesync 2 hello 1 mn1", "xcat-filesync 1 hello 1 mn1; id",
"xcat-filesync 1 hello 1 mn1\nid", "xcat-filesync 1 hello 1 $(id)",
f"xcat-filesync 1 push 1 mn1 install /etc - - {DAEMON}",
f"xcat-filesync 1 push 1 mn1 install {{top}}/install/../etc - - {DAEMON}",
f"xcat-filesync 1 push 1 mn1 ../install {{top}}/install - - {DAEMON}",
f"xcat-filesync 1 push 1 mn1 install {{top}}/install - - --config=/tmp/x {DAEMON}",
f"xcat-filesync 1 push 1 mn1 install {{top}}/install - - {DAEMON} /etc",
"xcat-filesync 1 push 1 mn1 install {top}/install - - --server -e.LsfxCIvu . /",
f"xcat-filesync 1 push 1 mn2 install {{top}}/install - - {DAEMON}",
f"xcat-filesync 1 push 1 mn3 install {{top}}/install - - {DAEMON}",
f"xcat-filesync 1 push 0 mn1 install {{top}}/install - - {DAEMON}",
f"xcat-filesync 1 push 999999999999 mn1 install {{top}}/install - - {DAEMON}",
"xcat-filesync 1 apply 1 mn1 credentials 0123456789abcdef - {top}/home/.xcat",
"xcat-filesync 1 apply 1 mn1 credentials - - {top}/home/.xcat",
"xcat-filesync 1 apply 1 mn1 credentials 0123456789abcdef - /etc",
"xcat-filesync 1 mark 1 mn1 nothing=1.000", "xcat-filesync 1 mark 1 mn1 install=nan",
f"xcat-filesync 1 push 1 mn1 {'a' * 100000} x - - {DAEMON}",
]  # fmt: skip


def test_no_other_request_is_carried_out(attacked):
    before = listing(attacked.replica.tree)
    for words in REQUESTS:
        said = attacked.asked(words)
        assert said.returncode != 0, words
        assert b"uid=" not in said.stdout
        assert listing(attacked.replica.tree) == before, words
    # An epoch that cannot be does not lock the true source out.
    assert attacked.transfer().full(attacked.source.set("install")).ok


def test_the_key_opens_no_tunnel_terminal_or_subsystem(attacked):
    for option in ("-R 0:127.0.0.1:22", "-W 127.0.0.1:22", "-t", "-s sftp", "-A"):
        open_with(attacked, option)


def open_with(attacked, option):
    before = listing(attacked.replica.tree)
    master = attacked.master()
    argv = ["ssh", "-F", master, "-o", "ControlMaster=no", "-o", "ControlPath=none",
            "-o", "ExitOnForwardFailure=yes", *option.split(), "peer"]  # fmt: skip
    argv += [] if option.startswith(("-W", "-s")) else ["id"]
    said = subprocess.run(argv, input=b"", capture_output=True, check=False, timeout=30)
    assert said.returncode != 0
    assert b"uid=" not in said.stdout + said.stderr
    assert b"SSH-2.0" not in said.stdout
    assert listing(attacked.replica.tree) == before


def evil(pair, name, content="evil\n"):
    path = pair.source.under / "evil" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_no_destination_leads_out_of_the_root(attacked):
    before, path = around(attacked), evil(attacked, "secret")
    for destination in (
        "files/../victim/", "files/../../../../../../tmp/", "files//etc/", "/etc/", "other/", "/",
    ):  # fmt: skip
        push(attacked, "-a", str(path), f"peer::{destination}")
        assert around(attacked) == before, destination
    assert not os.path.exists("/tmp/secret")
    assert not os.path.exists("/etc/secret")


def test_no_link_in_the_set_is_followed_out_of_it(attacked):
    before = around(attacked)
    victim = attacked.replica.path("victim")
    evil(attacked, "out/secret")
    top, link = attacked.source.under / "evil", attacked.replica.path("install/out")
    (top / "nothing").mkdir()
    for target in (victim, "../victim", f"../../../../../../..{victim}"):
        for words in (
            ["-a", f"{top}/", "peer::files/"],
            ["-aR", "--no-implied-dirs", f"{top}/./out/secret", "peer::files/"],
            ["-aR", "--no-implied-dirs", "--keep-dirlinks", f"{top}/./out/secret", "peer::files/"],
            ["-aK", f"{top}/", "peer::files/"],
            ["-a", f"{top}/out/secret", "peer::files/out/secret"],
            ["-a", "--inplace", f"{top}/out/secret", "peer::files/out/secret"],
            ["-a", "--delete", f"{top}/nothing/", "peer::files/out/"],
        ):
            if link.is_dir() and not link.is_symlink():
                shutil.rmtree(link)
            link.unlink(missing_ok=True)
            os.symlink(target, link)
            push(attacked, *words)
            assert around(attacked) == before, (target, words)


def test_a_link_that_the_sender_itself_plants_is_not_followed(attacked):
    before = around(attacked)
    top = attacked.source.under / "evil"
    top.mkdir()
    os.symlink("../victim", top / "out")
    os.symlink("../../../../../../../../etc/passwd", top / "file")
    assert push(attacked, "-a", f"{top}/", "peer::files/").returncode == 0
    assert os.readlink(attacked.replica.path("install/out")) == "../victim"
    (top / "out").unlink()
    (top / "file").unlink()
    evil(attacked, "out/secret")
    evil(attacked, "file")
    passwd = Path("/etc/passwd").read_bytes()
    push(attacked, "-aR", "--no-implied-dirs", f"{top}/./out/secret", "peer::files/")
    push(attacked, "-a", "--inplace", f"{top}/file", "peer::files/")
    push(attacked, "-a", f"{top}/file", "peer::files/")
    assert around(attacked) == before
    assert Path("/etc/passwd").read_bytes() == passwd


def test_options_that_are_no_business_of_a_sender_are_refused(attacked):
    before = listing(attacked.replica.tree)
    path = str(evil(attacked, "new"))
    for option in (
        "--inplace", "--append", "--backup-dir=/x", "--temp-dir=/x", "--link-dest=/x",
        "--copy-dest=/x", "--compare-dest=/x", "--remote-option=--fake-super",
        "--remote-option=--log-file=/x", "--remote-option=--write-devices",
        "--remote-option=--daemon",
    ):  # fmt: skip
        said = push(attacked, "-a", option, path, "peer::files/")
        assert said.returncode != 0, option
        assert listing(attacked.replica.tree) == before, option


def test_nothing_can_be_read(attacked, tmp_path):
    for source in ("peer::files/", "peer::", "peer::files/../victim/secret"):
        push(attacked, "-a", source, f"{tmp_path}/")
    assert os.listdir(tmp_path) == []


def test_where_a_set_deletes_nothing_the_sender_cannot_either(attacked):
    definitions = Path(attacked.replica.places.definitions[-1], "zz.conf")
    definitions.write_text("[set install]\ndelete = no\n")
    empty = attacked.source.under / "nothing"
    empty.mkdir()
    (empty / "list").write_text("own\n")
    for option in ("--delete", "--delete-after", "--delete-excluded", "--delete-missing-args"):
        push(attacked, "-a", option, f"--files-from={empty}/list", f"{empty}/", "peer::files/")
        push(attacked, "-a", option, f"{empty}/", "peer::files/")
        assert attacked.replica.path("install/own").exists(), option


def staged(pair, fileset, plant):
    """Send a stage of the attacker's making, as mn1, and have it put into place."""
    token = "0123456789abcdef"
    labels = []
    for number, root in enumerate(pair.source.set(fileset).roots):
        top = pair.source.under / "evil" / str(number)
        top.mkdir(parents=True)
        plant(number, top)
        words = f"xcat-filesync 1 push 1 mn1 {fileset} {root.label} {token} -"
        assert rsync(pair, words, "-a", f"{top}/", "peer::files/").returncode == 0
        labels.append(root.label)
    line = f"xcat-filesync 1 apply 1 mn1 {fileset} {token} - {' '.join(labels)}"
    return pair.asked(line)


def test_more_than_the_set_in_a_stage_is_not_put_into_place(attacked):
    before = around(attacked)

    def plant(_number, top):
        (top / "id_rsa").write_text("of the set\n")
        (top / "authorized_keys").write_text("evil\n")
        (top / "config").symlink_to("../../victim/secret")
        (top / "rc").write_text("evil\n")

    assert staged(attacked, "keys", plant).returncode == 0
    after = around(attacked)
    assert set(after) - set(before) == {b"home/.ssh/id_rsa", b"home/.ssh/config"}
    assert {name: after[name] for name in before if name != b"home/.ssh"} == {
        name: facts for name, facts in before.items() if name != b"home/.ssh"
    }
    assert after[b"home/.ssh"] == before[b"home/.ssh"]
    assert os.readlink(attacked.replica.path("home/.ssh/config")) == "../../victim/secret"


def test_a_link_in_a_stage_or_in_place_is_not_followed(attacked):
    before = around(attacked)
    attacked.replica.path("etc/xcat").mkdir()

    def link(number, top):
        if number == 0:
            (top / "ca").symlink_to("../../victim")

    attacked.replica.path("home/.xcat").mkdir()
    assert staged(attacked, "credentials", link).returncode == 0
    assert attacked.replica.path("etc/xcat/ca").is_symlink()
    subprocess.run(["rm", "-rf", str(attacked.source.under / "evil")], check=True, timeout=30)

    def through(number, top):
        if number == 0:
            (top / "ca").mkdir()
            (top / "ca" / "secret").write_text("evil\n")

    assert staged(attacked, "credentials", through).returncode == 0
    assert attacked.replica.path("etc/xcat/ca/secret").read_text() == "evil\n"
    assert not attacked.replica.path("etc/xcat/ca").is_symlink()
    after = around(attacked)
    assert all(after[name] == before[name] for name in before)


@pytest.mark.parametrize("kind", ["link", "directory", "device", "binary"])
def test_hosts_that_is_no_plain_text_is_not_taken(attacked, kind):
    attacked.replica.write("etc/hosts", "127.0.0.1 localhost\n")
    before = around(attacked)

    def plant(_number, top):
        if kind == "link":
            (top / "hosts").symlink_to(attacked.replica.path("etc/shadow"))
        elif kind == "directory":
            (top / "hosts").mkdir()
        elif kind == "device":
            os.mknod(top / "hosts", 0o600 | 0o020000, os.makedev(1, 5))
        else:
            (top / "hosts").write_bytes(b"10.0.0.1 a\n\0")

    assert staged(attacked, "hosts", plant).returncode != 0
    assert around(attacked) == before


def test_what_the_receiver_says_moves_no_cursor(pair):
    pair.replica.define("[values]\ntop = {top}\n[set \x1b[2J]\npaths = {{top}}/install\n")
    pair.source.write("install/a")
    result = pair.transfer().full(pair.source.set("install"))
    assert result.kind == ports.REFUSED
    assert result.sentence.isprintable()


def test_an_answer_that_makes_no_sense_is_a_failure_and_not_a_crash(pair, monkeypatch):
    transfer = pair.transfer()
    for said in ("", "{", "[]", '{"users": 1}', '{"users": [1], "groups": {}, "time": "x"}'):
        monkeypatch.setattr(transfer._copier, "ask", lambda *_a, said=said: (said, 0.1))
        assert transfer.hello().problem.kind == ports.FAILED
