from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.errors import DeadlineExceeded
from xcat_hamn.ocf.context import Context
from xcat_hamn.system import files
from xcat_hamn.system.deadline import Deadline

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ_0123456789", min_size=1)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def test_a_wait_ends_when_its_condition_holds_and_names_what_did_not_happen():
    turns = iter([False, False, True])
    Deadline(5).wait_for(lambda: next(turns), "it", every=0.01)
    with pytest.raises(DeadlineExceeded, match="the daemon's answer did not happen"):
        Deadline(0.05).wait_for(lambda: False, "the daemon's answer", every=0.01)


def test_a_part_never_outlives_the_whole():
    deadline = Deadline(0.2)
    assert deadline.at_most(10) <= 0.2
    assert deadline.sooner(10).left() <= 0.2
    assert deadline.sooner(0.1).left() <= 0.1
    assert Deadline(0).left() == 0


@pytest.mark.parametrize(
    ("given_ms", "seconds"), [("20000", 18.0), ("", 27.0), ("0", 27.0), ("x", 27.0)]
)
def test_an_action_ends_ten_percent_before_pacemakers_timeout(given_ms, seconds):
    context = Context("start", {"OCF_RESKEY_CRM_meta_timeout": given_ms}, 30)
    assert context.seconds == pytest.approx(seconds)


@pytest.mark.parametrize("name", ["a/b", "../../etc", "a:0"])
def test_an_instance_never_leaves_its_directory(name):
    context = Context("start", {"OCF_RESOURCE_INSTANCE": name}, 30)
    assert os.path.dirname(context.run_directory) == "/run/xcat-hamn"


@given(st.dictionaries(NAMES, VALUES))
def test_pairs_come_back_as_they_were(tmp_path_factory, pairs):
    path = str(tmp_path_factory.mktemp("pairs") / "new/directory/file")
    files.write_pairs(path, pairs)
    assert files.read_pairs(path) == pairs


def test_absent_files_are_no_error(tmp_path):
    path = str(tmp_path / "absent")
    assert files.read_text(path) is None
    assert files.read_pairs(path) is None
    files.remove(path)


def test_a_file_is_replaced_whole_and_private(tmp_path):
    path = tmp_path / "file"
    files.write_text(str(path), "one")
    inode = path.stat().st_ino
    files.write_text(str(path), "two", durable=True)
    assert path.read_text() == "two"
    assert path.stat().st_ino != inode
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_time_passes_for_a_deadline():
    deadline = Deadline(10)
    first = deadline.left()
    time.sleep(0.01)
    assert deadline.left() < first


def test_what_fails_again_and_again_fails_slowly(tmp_path, monkeypatch):
    """Damaged data would be tried twice a second for ever."""
    from xcat_hamn.system import backoff

    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(backoff.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(backoff.time, "sleep", sleep)
    failures = backoff.Backoff(str(tmp_path / "failed"))
    for _ in range(7):
        failures.failed(Deadline(1000))
    assert slept == [0, 2, 4, 8, 16, 20, 20]
    failures.succeeded()
    failures.failed(Deadline(1000))
    assert slept[-1] == 0
    now[0] += 200
    failures.failed(Deadline(1000))
    assert slept[-1] == 0, "long ago is forgotten"
