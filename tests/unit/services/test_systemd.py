"""systemd does not act behind Pacemaker's back, and says why a daemon did not start."""

from __future__ import annotations

import pytest
from xcat_hamn.errors import CommandFailed, MissingTool
from xcat_hamn.services.systemd import DROP_IN, Systemd, last_words
from xcat_hamn.services.units import installed
from xcat_hamn.system.runner import Result


class Runner:
    """Answers as told, remembers what was run."""

    def __init__(self):
        self.ran = []
        self.answers = {}

    def run(self, argv, **_more):
        self.ran.append(" ".join(argv))
        answer = self.answers.get(argv[0], (0, "", ""))
        if isinstance(answer, Exception):
            raise answer
        return Result(argv, *answer, 0.0)


@pytest.fixture
def runner():
    return Runner()


def test_one_reload_for_all_units_and_none_for_nothing_new(runner, tmp_path):
    systemd = Systemd(runner, str(tmp_path))
    systemd.adopt(["named", "dhcpd"])
    for unit in ("named", "dhcpd"):
        text = (tmp_path / f"{unit}.service.d" / DROP_IN).read_text()
        assert "\nRestart=no\n" in text
    systemd.adopt(["named", "dhcpd"])
    assert runner.ran == ["systemctl daemon-reload"]


def test_release_leaves_the_drop_ins_of_others(runner, tmp_path):
    systemd = Systemd(runner, str(tmp_path))
    systemd.adopt(["named", "dhcpd"])
    (tmp_path / "named.service.d" / "site.conf").write_text("[Service]\n")
    runner.ran.clear()
    systemd.release(["named", "dhcpd", "xcatd"])
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")) == [
        "named.service.d",
        "named.service.d/site.conf",
    ]
    assert runner.ran == ["systemctl daemon-reload"]
    systemd.release(["named", "dhcpd"])
    assert runner.ran == ["systemctl daemon-reload"]


@pytest.mark.parametrize(
    ("shown", "asked", "starts"),
    [
        ("enabled", "alias", True),  # asked by an alias, as conserver for conserver-server
        ("indirect", "alias", False),
        ("disabled", "disabled", False),
        ("generated", "enabled", True),  # an init script
        ("generated", "disabled", False),
        ("", "", False),
    ],
)
def test_what_starts_at_boot(shown, asked, starts):
    class Both:
        def run(self, argv, timeout):
            answer = {"show": shown, "is-enabled": asked}[argv[1]]
            return Result(argv, 0, answer + "\n", "", 0.0)

    assert Systemd(Both()).starts_at_boot("conserver") is starts


@pytest.mark.parametrize(
    ("active", "result", "changing"),
    [
        ("inactive", "success", True),
        ("deactivating", "success", True),
        ("activating", "success", True),
        ("failed", "signal", False),
        ("inactive", "exit-code", False),
        ("active", "success", False),  # an init script's daemon that died
        ("", "", False),
    ],
)
def test_a_stop_on_purpose_is_told_from_a_death(runner, active, result, changing):
    runner.answers = {"systemctl": (0, f"Result={result}\nActiveState={active}\n", "")}
    assert Systemd(runner).is_changing("named") is changing


JOURNAL = """\
Nov 22 16:01:20 mn1 systemd[1]: Starting named.service - BIND Domain Name Server...
Nov 22 16:01:21 mn1 named[80]: /etc/bind/named.conf:7: unknown option 'zonee'
Nov 22 16:01:21 mn1 systemd[1]: named.service: Failed with result 'exit-code'.
Nov 22 16:01:21 mn1 systemd[1]: Failed to start named.service - BIND Domain Name Server.
"""


def test_a_failed_start_repeats_the_daemon_s_own_words(runner):
    runner.answers = {"systemctl": (1, "", "Job failed."), "journalctl": (0, JOURNAL, "")}
    with pytest.raises(CommandFailed, match="unknown option 'zonee'.*journalctl -u named"):
        Systemd(runner).restart("named", 5)


def test_without_a_journal_systemd_s_words_must_do(runner):
    runner.answers = {"systemctl": (1, "", "Unit is masked."), "journalctl": MissingTool("none")}
    with pytest.raises(CommandFailed, match=r"Unit is masked\."):
        Systemd(runner).restart("named", 5)
    assert last_words("") == ""


def test_an_alias_is_not_a_second_unit(tmp_path):
    (tmp_path / "conserver-server.service").write_text("")
    (tmp_path / "conserver.service").symlink_to("conserver-server.service")
    names = ("conserver", "conserver-server", "goconserver")
    assert installed(names, (str(tmp_path / "none"), str(tmp_path))) == ["conserver"]
