"""The one door to processes, with real processes."""

from __future__ import annotations

import contextlib
import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xcat_hamn.errors import CommandFailed, CommandTimeout, MissingTool
from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.runner import ENVIRONMENT, Runner


class Transcript:
    def __init__(self):
        self.lines = []

    def trace(self, message):
        self.lines.append(message)


def python(code, *more):
    return ["/usr/bin/python3", "-IS", "-c", code, *more]


def gone(pid):
    """Tell whether process ``pid`` has ended (a zombie has)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_for(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_output_and_exit_code():
    done = Runner().run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert not done.ok
    assert done.last_line() == "err"
    with pytest.raises(CommandFailed, match=r"the thing failed: `sh` ended with 3 \(err\)"):
        done.require("the thing failed")


def test_death_by_a_signal_is_negative():
    assert Runner().run(["sh", "-c", "kill -9 $$"]).returncode == -9


@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_input_comes_back_whole(text):
    assert Runner().run(["cat"], input=text).stdout == text


def test_much_input_and_much_output_at_once_do_not_block():
    text = "x" * 500_000
    assert Runner().run(["cat"], input=text, timeout=10).stdout == text


def test_output_is_drained_but_kept_only_up_to_the_limit():
    code = "import sys; sys.stdout.write('x' * 5_000_000); sys.stderr.write('end')"
    done = Runner().run(python(code), limit=1000, timeout=10)
    assert (len(done.stdout), done.stderr, done.returncode) == (1000, "end", 0)


def test_output_that_is_no_text_is_replaced():
    assert Runner().run(["printf", r"a\377b"]).stdout == "a\ufffdb"


def test_a_command_that_does_not_read_its_input_is_fine():
    assert Runner().run(["true"], input="x" * 1_000_000).ok


def test_only_the_fixed_environment_reaches_a_command(monkeypatch):
    monkeypatch.setenv("http_proxy", "leak")
    shown = Runner().run(["env"], env={"MORE": "yes"}).stdout.splitlines()
    expected = {**ENVIRONMENT, "MORE": "yes"}
    assert dict(line.split("=", 1) for line in shown) == expected


def test_signals_that_python_ignores_work_again():
    # Python ignores SIGPIPE; inherited, that would let `yes | head` write for ever.
    done = Runner().run(["sh", "-c", "grep SigIgn /proc/self/status"])
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & (1 << 12)


def test_a_timeout_kills_the_whole_group(tmp_path):
    pidfile = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pidfile}; wait"
    begun = time.monotonic()
    with pytest.raises(CommandTimeout, match="had not ended after"):
        Runner().run(["sh", "-c", script], timeout=0.5)
    assert time.monotonic() - begun < 3
    wait_for(lambda: gone(int(pidfile.read_text())))


def test_the_actions_deadline_bounds_every_command():
    runner = Runner(Deadline(0.3))
    begun = time.monotonic()
    with pytest.raises(CommandTimeout):
        runner.run(["sleep", "60"], timeout=60)
    assert time.monotonic() - begun < 2


def test_an_exception_in_between_kills_the_child(monkeypatch, tmp_path):
    """The alarm of the action's deadline rings in the middle of a wait."""
    import signal

    def ring(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    pidfile = tmp_path / "pid"
    try:
        with pytest.raises(KeyboardInterrupt):
            Runner().run(["sh", "-c", f"echo $$ > {pidfile}; exec sleep 60"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert gone(int(pidfile.read_text()))


@pytest.mark.parametrize("left_behind", ["sleep 60", "exec yes"])
def test_a_daemon_that_keeps_our_pipes_does_not_hold_us_up(tmp_path, left_behind):
    pidfile = tmp_path / "pid"
    script = f"({left_behind}) & echo $! > {pidfile}; echo started"
    begun = time.monotonic()
    try:
        done = Runner().run(["sh", "-c", script], timeout=20, limit=100_000)
        assert done.ok
        assert time.monotonic() - begun < 10
        if left_behind == "sleep 60":
            assert done.stdout == "started\n"
            assert not gone(int(pidfile.read_text()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pidfile.read_text()), 9)


def test_no_descriptor_leaks():
    runner = Runner()
    runner.run(["true"])
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        runner.run(["true"])
        with pytest.raises(CommandTimeout):
            runner.run(["sleep", "5"], timeout=0.01)
        with pytest.raises(MissingTool):
            runner.run(["/nonexistent/tool"])
    assert os.listdir("/proc/self/fd") == before


def test_a_missing_or_broken_program_is_named(tmp_path):
    with pytest.raises(MissingTool, match="`no-such-tool` is not installed"):
        Runner().run(["no-such-tool"])
    broken = tmp_path / "broken"
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(MissingTool, match="cannot be executed"):
        Runner().run([str(broken)])
    directory = tmp_path / "directory"
    directory.mkdir()
    with pytest.raises(MissingTool):
        Runner().run([str(directory)])


def test_secrets_are_in_no_transcript_and_no_message():
    transcript = Transcript()
    runner = Runner(None, transcript, secrets=["s3cret", ""])
    runner.run(["echo", "s3cret"])
    with pytest.raises(CommandTimeout) as caught:
        runner.run(["sh", "-c", "sleep 5; echo s3cret"], timeout=0.1)
    assert transcript.lines
    assert "s3cret" not in "\n".join(transcript.lines) + str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: changes the user")
def test_the_users_own_variables_reach_nothing_that_runs_as_root():
    """The dynamic linker complains once for each process that sees the variable."""
    own = {"LD_PRELOAD": "/no/such/library.so"}
    done = Runner().run(["true"], user="nobody", user_env=own)
    assert done.returncode == 0
    assert done.stderr.count("cannot be preloaded") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: changes the user")
def test_another_user_with_the_users_own_environment():
    done = Runner().run(["sh", "-c", "id -un; id -gn; echo $HOME $USER"], user="nobody")
    assert done.stdout.split() == ["nobody", "nogroup", "/nonexistent", "nobody"]
    with pytest.raises(MissingTool, match='no user "nemo"'):
        Runner().run(["true"], user="nemo")


def test_the_platforms_without_pidfd_notice_the_end_too(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    begun = time.monotonic()
    assert Runner().run(["sleep", "0.1"], timeout=10).ok
    assert time.monotonic() - begun < 2
