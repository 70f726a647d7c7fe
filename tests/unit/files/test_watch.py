"""The watch on real file systems: whatever is done beneath a root, what it reports is enough."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xcat_hamn.files.watch.changes import RootChanges
from xcat_hamn.files.watch.watch import FANOTIFY, INOTIFY, Watch

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: fanotify, mounts")
KINDS = [pytest.param(FANOTIFY, marks=needs_root), INOTIFY]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory on a real file system: /tmp may be one that forgets, or be an overlay."""
    path = Path(tempfile.mkdtemp(prefix="xcat-hamn-watch.", dir="/var/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def watching(kind: str, *roots: Path, **options: int) -> Watch:
    watch = Watch(fanotify=kind == FANOTIFY, **options)
    watch.start([os.fsencode(root) for root in roots])
    if kind == FANOTIFY and set(watch.means().values()) != {FANOTIFY}:
        watch.close()
        pytest.skip("this file system refuses fanotify")
    return watch


def seen(watch: Watch, root: Path) -> RootChanges:
    return watch.changes().by_root.get(os.fsencode(root)) or RootChanges()


def covered(changes: RootChanges, path: Path) -> bool:
    """Tell whether a copy of what was reported brings ``path`` up to date."""
    name = os.fsencode(path)
    trees = [tree for tree in changes.trees if name == tree or name.startswith(tree + b"/")]
    return bool(changes.doubt or trees or name in changes.paths)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.mark.parametrize(
    "name", ["plain", "-rf", "new\nline", os.fsdecode(b"not \xff utf-8"), " ", "x" * 255]
)
def test_a_change_is_reported_with_the_bytes_of_its_name(kind: str, place: Path, name: str) -> None:
    (place / "deep").mkdir()
    watch = watching(kind, place)
    try:
        (place / "deep" / name).write_text("content")
        assert covered(seen(watch, place), place / "deep" / name)
        assert not watch.changes()
        (place / "deep" / name).chmod(0o600)
        assert covered(seen(watch, place), place / "deep" / name)
        (place / "deep" / name).unlink()
        assert covered(seen(watch, place), place / "deep" / name)
    finally:
        watch.close()


def test_a_file_that_stays_open_is_reported_at_every_write(kind: str, place: Path) -> None:
    watch = watching(kind, place)
    try:
        with (place / "leases").open("w") as leases:
            leases.write("one")
            leases.flush()
            assert covered(seen(watch, place), place / "leases")
            leases.write("two")
            leases.flush()
            assert covered(seen(watch, place), place / "leases")
    finally:
        watch.close()


def test_its_descriptor_is_readable_when_something_changed(kind: str, place: Path) -> None:
    watch = watching(kind, place)
    try:
        assert select.select([watch], [], [], 0)[0] == []
        (place / "new").touch()
        assert select.select([watch], [], [], 10)[0] == [watch]
        watch.changes()
        assert select.select([watch], [], [], 0)[0] == []
    finally:
        watch.close()


def test_what_lies_beside_a_root_is_not_reported(kind: str, place: Path) -> None:
    (place / "root").mkdir()
    watch = watching(kind, place / "root")
    try:
        (place / "rooted").mkdir()
        (place / "rooted" / "file").touch()
        (place / "other").touch()
        assert not watch.changes()
    finally:
        watch.close()


def test_a_root_may_be_a_file_and_be_renamed_into_place(kind: str, place: Path) -> None:
    watch = watching(kind, place / "hosts")
    try:
        (place / "hosts").write_text("one")
        assert covered(seen(watch, place / "hosts"), place / "hosts")
        (place / "hosts.new").write_text("two")
        (place / "hosts.new").rename(place / "hosts")
        assert covered(seen(watch, place / "hosts"), place / "hosts")
    finally:
        watch.close()


def test_a_root_that_comes_later_or_is_replaced_is_in_doubt_and_then_watched(
    kind: str, place: Path
) -> None:
    root = place / "way" / "install"
    watch = watching(kind, root)
    try:
        root.mkdir(parents=True)
        assert seen(watch, root).doubt
        (root / "file").touch()
        assert covered(seen(watch, root), root / "file")
        root.parent.rename(place / "away")
        root.mkdir(parents=True)
        assert seen(watch, root).doubt
        (root / "other").touch()
        assert covered(seen(watch, root), root / "other")
    finally:
        watch.close()


def test_a_root_behind_a_symlink_keeps_its_name_and_follows_the_link(
    kind: str, place: Path
) -> None:
    (place / "one").mkdir()
    (place / "two").mkdir()
    root = place / "install"
    root.symlink_to("one")
    watch = watching(kind, root)
    try:
        (place / "one" / "file").touch()
        assert covered(seen(watch, root), root / "file")
        (place / "new").symlink_to("two")
        (place / "new").rename(root)
        assert seen(watch, root).doubt
        (place / "two" / "file").touch()
        assert covered(seen(watch, root), root / "file")
    finally:
        watch.close()


def test_a_directory_made_and_filled_at_once_is_covered(kind: str, place: Path) -> None:
    watch = watching(kind, place)
    try:
        deep = place / "a" / "b" / "c"
        deep.mkdir(parents=True)
        (deep / "file").touch()
        assert covered(seen(watch, place), deep / "file")
        (deep / "second").touch()
        assert covered(seen(watch, place), deep / "second")
    finally:
        watch.close()


def test_more_changes_than_are_kept_are_a_doubt(kind: str, place: Path) -> None:
    watch = watching(kind, place, limit=10)
    try:
        for number in range(11):
            (place / str(number)).touch()
        assert "more than 10" in seen(watch, place).doubt
        (place / "after").touch()
        assert covered(seen(watch, place), place / "after")
    finally:
        watch.close()


def test_dropped_events_are_a_doubt_and_the_watch_goes_on(kind: str, place: Path) -> None:
    queue = int(Path(f"/proc/sys/fs/{kind}/max_queued_events").read_text())
    if queue > 20000:
        pytest.skip("the event queue of this machine is too long to fill it in a test")
    (place / "sub").mkdir()
    watch = watching(kind, place, limit=10 * queue)
    try:
        for number in range(queue + 10):
            os.close(os.open(place / "sub" / str(number), os.O_WRONLY | os.O_CREAT))
        (place / "missed").mkdir()
        changes = seen(watch, place)
        assert "dropped" in changes.doubt
        (place / "missed" / "file").touch()
        assert covered(seen(watch, place), place / "missed" / "file")
    finally:
        watch.close()


def test_too_many_directories_for_inotify_are_a_blind_spot(place: Path) -> None:
    for number in range(20):
        (place / str(number)).mkdir()
    watch = watching(INOTIFY, place, most=10)
    try:
        assert "more than 10 directories" in watch.blind()[os.fsencode(place)]
    finally:
        watch.close()


LIMITED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from xcat_hamn.files.watch.watch import Watch
with open("/proc/sys/user/max_inotify_watches", "w") as limit:
    limit.write("12")
watch = Watch(fanotify=False)
watch.start([os.fsencode(sys.argv[2])])
print(watch.blind()[os.fsencode(sys.argv[2])])
"""


@needs_root
def test_the_kernels_limit_of_watches_is_a_blind_spot_that_says_what_to_raise(place: Path) -> None:
    for number in range(20):
        (place / str(number)).mkdir()
    agents = Path(__file__).parents[3] / "agents"
    argv = ["unshare", "--user", "--map-root-user", "/usr/bin/python3", "-c", LIMITED]
    done = subprocess.run(
        [*argv, str(agents), str(place)], capture_output=True, text=True, check=False
    )
    if "unshare failed" in done.stderr:
        pytest.skip("this machine allows no user namespaces")
    assert "raise fs.inotify.max_user_watches" in done.stdout, done.stderr


@pytest.fixture
def mounted(place: Path) -> Iterator[list[Path]]:
    points: list[Path] = []
    try:
        yield points
    finally:
        for point in reversed(points):
            subprocess.run(["umount", "--lazy", str(point)], check=False)


def mount(points: list[Path], *argv: str) -> None:
    points.append(Path(argv[-1]))
    subprocess.run(["mount", *argv], check=True)


@needs_root
def test_an_overlay_is_watched_by_inotify(place: Path, mounted: list[Path]) -> None:
    mount(mounted, "-t", "tmpfs", "none", str(place))
    for name in ("lower/old", "upper", "work", "merged"):
        (place / name).mkdir(parents=True)
    (place / "lower/old/file").write_text("below")
    layers = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
    mount(mounted, "-t", "overlay", "overlay", "-o", layers, str(place / "merged"))
    root = place / "merged"
    watch = Watch()
    try:
        watch.start([os.fsencode(root)])
        assert watch.means() == {os.fsencode(root): INOTIFY}
        (root / "old/file").write_text("copied up")
        assert covered(seen(watch, root), root / "old/file")
        (root / "made").mkdir()
        (root / "made/file").touch()
        assert covered(seen(watch, root), root / "made/file")
    finally:
        watch.close()


@needs_root
def test_a_file_system_that_comes_or_goes_is_a_doubt(place: Path, mounted: list[Path]) -> None:
    (place / "root" / "inner").mkdir(parents=True)
    root = place / "root"
    watch = Watch()
    try:
        watch.start([os.fsencode(root)])
        mount(mounted, "-t", "tmpfs", "none", str(root / "inner"))
        assert "mounted" in seen(watch, root).doubt
        (root / "inner" / "file").touch()
        assert covered(seen(watch, root), root / "inner" / "file")
        subprocess.run(["umount", str(mounted.pop())], check=True)
        assert "unmounted" in seen(watch, root).doubt
        (root / "inner" / "file").touch()
        assert covered(seen(watch, root), root / "inner" / "file")
    finally:
        watch.close()


NAMES = st.sampled_from(["a", "b"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
STEPS = st.one_of(
    st.tuples(st.just("write"), PATHS, PATHS),
    st.tuples(st.just("mkdir"), PATHS, PATHS),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("remove"), PATHS, PATHS),
    st.tuples(st.just("drain"), PATHS, PATHS),
)


def do(step: tuple[str, str, str], root: Path, number: int) -> None:
    action, one, two = step
    try:
        if action == "write":
            (root / one).write_text(str(number))
        elif action == "mkdir":
            (root / one).mkdir()
        elif action == "rename":
            (root / one).rename(root / two)
        elif (root / one).is_dir():
            shutil.rmtree(root / one)
        else:
            (root / one).unlink()
    except OSError:
        return  # a step that is impossible here


def put(source: Path, target: Path, *, tree: bool) -> None:
    """Make ``target`` as ``source`` is, as a copy of the reported name would."""
    source_is_directory = source.is_dir()
    if target.is_dir() and (tree or not source_is_directory):
        shutil.rmtree(target)
    if not source_is_directory:
        target.unlink(missing_ok=True)
    if not source.exists():
        return
    if target.is_file() and source_is_directory:
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if tree and source_is_directory:
        shutil.copytree(source, target)
    elif source_is_directory:
        target.mkdir(exist_ok=True)
    else:
        shutil.copy(source, target)


def deliver(watch: Watch, root: Path, mirror: Path) -> None:
    changes = seen(watch, root)
    assert not changes.doubt
    for paths, tree in ((changes.trees, True), (changes.paths, False)):
        for path in sorted(paths):
            name = Path(os.fsdecode(path))
            if name != root:
                put(name, mirror / name.relative_to(root), tree=tree)


def listing(top: Path) -> dict[str, str]:
    return {
        str(path.relative_to(top)): "" if path.is_dir() else path.read_text()
        for path in sorted(top.rglob("*"))
    }


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=1, max_size=14))
def test_copying_what_is_reported_keeps_a_mirror_equal(
    kind: str, place: Path, steps: list[tuple[str, str, str]]
) -> None:
    base = Path(tempfile.mkdtemp(dir=place))
    root, mirror = base / "root", base / "mirror"
    root.mkdir()
    mirror.mkdir()
    watch = watching(kind, root)
    try:
        for number, step in enumerate(steps):
            if step[0] == "drain":
                deliver(watch, root, mirror)
            else:
                do(step, root, number)
        deliver(watch, root, mirror)
        assert listing(mirror) == listing(root)
    finally:
        watch.close()
