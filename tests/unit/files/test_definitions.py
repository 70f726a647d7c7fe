"""File sets as data: what a file may say, what is refused, and what a pattern matches."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xcat_hamn.files.patterns import excluded
from xcat_hamn.files.refusals import NEVER, WHOLE, admitted, refusal
from xcat_hamn.files.setfiles import load
from xcat_hamn.files.sets import FileSet, Root, Sets

SHIPPED = Path(__file__).resolve().parents[3] / "file-sets"


def read(tmp_path, *texts):
    directories = []
    for number, text in enumerate(texts):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "test.conf").write_text(text)
        directories.append(str(directory))
    return load(directories)


def test_the_shipped_sets_are_those_of_the_requirement():
    sets = admitted(load([str(SHIPPED)]))
    assert sets.problems == ()
    names = [one.name for one in sets.sets]
    assert names == [
        "credentials", "keys", "cfgloc", "hosts", "resolv", "services", "tftpboot", "install",
    ]  # fmt: skip
    assert sets.named("sqlite") is None
    credentials, install = sets.named("credentials"), sets.named("install")
    # R 6.1 and 6.2: its crontab copies at 01:00 and 02:00.
    assert (credentials.schedule, install.schedule) == ("01:00", "02:00")
    assert (credentials.as_one, credentials.staged, install.staged) == (True, True, False)
    # The big sets are written in place, behind the kernel's boundary.
    assert all(one.staged for one in sets.sets if one.name not in ("install", "tftpboot"))


def test_a_site_overrides_single_keys_and_adds_sets(tmp_path):
    sets = read(
        tmp_path,
        "[values]\ndir=/data\n[set big]\npaths={dir}/a\nexclude = *.log\nmax_age = 2h\n",
        "[values]\ndir=/other\n[set big]\nexclude = *.tmp /cache\n[set more]\npaths = /m: x y*\n",
    )
    assert sets.problems == ()
    big, more = sets.named("big"), sets.named("more")
    assert big.roots[0].directory == "/other/a"
    assert (big.roots[0].label, big.max_age, big.excludes) == ("{dir}/a", 7200, ("*.tmp", "/cache"))
    assert more.roots == (Root("/m", "/m", ("x", "y*")),)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[set a]\n", "no paths"),
        ("[set a]\npaths = relative\n", "cannot be a path"),
        ("[set a]\npaths = /a/../etc\n", '".."'),
        ("[set a]\npaths = /with blank\n", "blanks"),
        ("[set a]\npaths = -rf\n", "cannot be a path"),
        ("[set a]\npaths = /a;id\n", "cannot be a path"),
        ("[set a]\npaths = /$HOME\n", "cannot be a path"),
        ("[set a]\npaths = /\xe9\n", "cannot be a path"),
        ("[set a]\npaths = {unknown}/x\n", 'gives no "unknown"'),
        ("[values]\nv = relative\n[set a]\npaths = {v}\n", "no absolute path"),
        ("[values]\nv = /a\n  b\n[set a]\npaths = {v}\n", "no configuration file can hold"),
        ("[values]\nv = /a/../../etc\n[set a]\npaths = {v}\n", "no absolute path"),
        ("[set a]\npaths = /a\nexclud = x\n", 'no key "exclud"'),
        ("[set a]\npaths = /a\nexclude = [ab]\n", "special"),
        ("[set a]\npaths = /a\nexclude = a/b\n", "begins with a slash"),
        ("[set a]\npaths = /a\nexclude = /../b\n", "upwards"),
        ("[set a]\npaths = /a: b/c\n", "slash"),
        ("[set a]\npaths = /a\nmerge = hosts\n", "one file"),
        ("[set a]\npaths = /a: b\nmerge = both\n", "merge is one of"),
        ("[set a]\npaths = /a\nschedule = 25:00\n", "time of the day"),
        ("[set a]\npaths = /a\nmax_age = 0\n", "max_age"),
        ("[set a]\npaths = /a\nimportance = -1\n", "importance is a number"),
        ("[set a]\npaths = /a\ndelete = maybe\n", "delete is yes or no"),
        ("[set a]\npaths = /a\nkeep = everything\n", "keep is made of"),
        ("[set a]\npaths =\n /a\n /a\n", "twice"),
        ("[set A!]\npaths = /a\n", "NAME"),
        ("[other]\n", "section is"),
        ("not an INI file\n", "cannot be used"),
        ("[set a]\npaths = /a\n[set a]\npaths = /b\n", "cannot be used"),
    ],
)
def test_each_mistake_is_named_and_leaves_the_set_out(tmp_path, text, word):
    sets = read(tmp_path, text + "[set good]\npaths = /srv/good\n")
    assert len(sets.problems) == 1
    assert word in sets.problems[0]
    assert sets.named("a") is None


def test_a_user_that_does_not_exist_here_is_no_mistake(tmp_path):
    sets = read(tmp_path, "[set a]\npaths =\n  ~nosuchuser-x/.xcat\n  ~root/.xcat\n")
    assert sets.problems == ()
    assert sets.named("a").roots[0] == Root("~nosuchuser-x/.xcat", "")
    assert not sets.named("a").roots[0].present()


@pytest.mark.parametrize(
    "path", [*NEVER, *WHOLE, "/var/lib/pgsql/data/base", "/etc/ssh", "/dev/shm"]
)
def test_what_must_never_be_copied_is_refused_by_name(path):
    assert refusal(Root(path, path))
    directory, name = os.path.split(path)
    if path in NEVER and name:
        assert refusal(Root(directory, directory, (name,)))
        assert refusal(Root(directory, directory, ("*",)))


def test_a_database_is_refused_wherever_it_is(tmp_path):
    data = tmp_path / "elsewhere" / "data"
    (data / "base" / "1").mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    for path in (data, data / "base", data / "base" / "1"):
        assert "database" in refusal(Root(str(path), str(path)))
    assert refusal(Root(str(tmp_path), str(tmp_path))) is None


def test_a_link_does_not_hide_what_is_refused(tmp_path):
    (tmp_path / "innocent").symlink_to("/etc/corosync")
    (tmp_path / "all").symlink_to("/")
    text = f"[set a]\npaths = {tmp_path}/innocent\n[set b]\npaths = {tmp_path}/all/etc/pacemaker\n"
    sets = admitted(read(tmp_path, text))
    assert sets.sets == ()
    assert len(sets.problems) == 2
    assert all("must not be copied" in problem for problem in sets.problems)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("/a", "/a", True), ("/a", "/a/b", True), ("/a/b", "/a", True), ("/a", "/ab", False),
        ("/a: x", "/a: y", False), ("/a: x*", "/a: xy", True), ("/a: x", "/a", True),
        ("/a: x", "/a/x", True), ("/a: x", "/a/x/y", True), ("/a: x", "/a/y", False),
        ("/a: x", "/a/y: x", False),
    ],
)  # fmt: skip
def test_sets_that_overlap_are_both_refused(tmp_path, one, other, overlap):
    sets = admitted(read(tmp_path, f"[set one]\npaths={one}\n[set other]\npaths={other}\n"))
    assert (len(sets.sets) == 0) == overlap
    assert all("overlap" in problem for problem in sets.problems)
    # The same within one set, where one directory stands in one line.
    if one.split(":")[0] == other.split(":")[0]:
        return
    again = tmp_path / "again"
    again.mkdir()
    (again / "x.conf").write_text(f"[set both]\npaths =\n {one}\n {other}\n")
    assert (len(admitted(load([str(again)])).sets) == 0) == overlap


NAME = st.text(st.sampled_from("ab.*?"), min_size=1, max_size=4)
PATTERN = st.one_of(
    NAME, st.lists(NAME, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
).filter(lambda text: "..." not in text and "/." not in text and text not in (".", ".."))


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(patterns=st.lists(PATTERN, min_size=1, max_size=3))
def test_patterns_mean_what_rsync_makes_of_them(tmp_path_factory, patterns):
    top = tmp_path_factory.mktemp("tree")
    names = ["a", "b", "ab", "aab", "a.b", "ba"]
    for first in names:
        for second in names[:4]:
            (top / f"d{first}").mkdir(exist_ok=True)
            (top / f"d{first}" / second).touch()
        (top / first).touch()
    argv = ["rsync", "-rn", "--out-format=%n", *(f"--exclude={one}" for one in patterns)]
    said = subprocess.run(
        [*argv, f"{top}/", f"{top}.none/"], capture_output=True, text=True, check=True, timeout=30
    )
    copied = {line.rstrip("/") for line in said.stdout.splitlines()} - {"."}
    everything = {str(path.relative_to(top)) for path in top.rglob("*")}
    assert {
        one for one in everything if not excluded(patterns, one.encode())
    } == copied & everything


def test_a_path_is_of_a_set_by_its_root_its_names_and_its_excludes():
    fileset = FileSet(
        "a", (Root("/x", "/x", ("id_*", "config")), Root("/y", "/y")), excludes=("*.log", "/tmp")
    )
    inside = {b"/x/id_rsa": b"id_rsa", b"/x/config/a": b"config/a", b"/y": b".", b"/y/a": b"a",
              b"/y/tmpx": b"tmpx", b"/y/d/tmp": b"d/tmp", b"/y/\xff\n": b"\xff\n"}  # fmt: skip
    for path, relative in inside.items():
        assert fileset.root_of(path)[1] == relative
    for path in (b"/x", b"/x/authorized_keys", b"/z", b"/yy", b"/y/a.log", b"/y/tmp/a", b"/y/tmp",
                 b"/y/d/b.log/c", b"/y/../etc", b"/y/a/../../etc/passwd", b"x", b""):  # fmt: skip
        assert fileset.root_of(path) is None, path


def test_sets_are_found_by_name():
    assert Sets(()).named("a") is None
