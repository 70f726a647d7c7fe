"""xcat-hamn rejoin as its user sees it, on a cluster that is a stand-in."""

from __future__ import annotations

import io
import json

import pytest
from cluster_standins import Command, StandInCluster
from xcat_hamn.cli import exits, rejoin
from xcat_hamn.cli.main import main
from xcat_hamn.rejoin.decision import TABLE, bytes_of, read_divergence
from xcat_hamn.rejoin.doing import Patience
from xcat_hamn.system.runner import Result

SHOWN = "2 83886408 83886176 3 mn2"
ORDER = "xcat-db-rejoin mn1 = rewind 2 83886408"
COPY = "xcat-db-rejoin mn1 = copy 2 83886408"
WITHDRAWN = "xcat-db-rejoin mn1 = "
RESTART = "crm_resource --restart --resource=xcat-db-clone --node=mn1"
UNBAN = "crm_resource --clear --resource=xcat-db-clone --node=mn1"


class Returning(StandInCluster):
    """mn2 has the role; mn1 has come back diverged.  ``agent`` is what its start does."""

    def __init__(self):
        super().__init__()
        self.attributes["mn1"] = {"xcat-db": "diverged", "xcat-db-limit": "it has parted"}
        self.attributes["mn2"] = {"xcat-db": "primary-alone"}
        self.group_node, self.primary = "mn2", ("Promoted", "mn2")
        self.private["xcat-db-diverged", "mn1"] = SHOWN
        self.private["xcat-db-end", "mn1"] = "2 83886408 0 0"
        self.agent = self.follows
        self.code = 0

    def follows(self):
        self.private["xcat-db-rejoin", "mn1"] = ""
        self.attributes["mn1"] = {"xcat-db": "standby"}

    def status(self):
        both = super().status()
        role, node = self.primary
        one = self._resource("xcat-db", role, node)
        return both.replace(one, one + self._resource("xcat-db", "Unpromoted", "mn1"))

    def cib(self):
        pair = '<nvpair name="pgdata" value="/data/main"/>'
        primitive = f'<primitive id="xcat-db" type="{self.engine}"'
        more = f"{primitive}><instance_attributes>{pair}</instance_attributes></primitive>"
        return super().cib().replace(f"{primitive}/>", more)

    def run(self, argv, **options):
        if argv[0] == "crm_node":
            return Result(argv, 0, "mn2\n", "", 0.0)
        return super().run(argv, **options)

    def start(self, argv, *, quiet=False):
        self.commands.append(" ".join(argv))
        if "--clear" in argv:
            self.constraints = {}
        elif self.agent:
            self.agent()
        return Command(self.code)


@pytest.fixture
def cluster(monkeypatch):
    made = Returning()
    monkeypatch.setattr(rejoin, "Runner", lambda: made)
    monkeypatch.setattr(rejoin, "Foreground", made.start)
    quick = Patience(restart=0.5, follow=0.2, every=0.01)
    monkeypatch.setattr(rejoin, "Patience", lambda: quick)
    return made


def run(*words):
    return main(["rejoin", *words])


def test_it_says_what_is_set_aside_and_does_it(cluster, capsys):
    assert run("mn1", "--yes") == exits.OK
    assert cluster.commands == [ORDER, RESTART]
    output, errors = capsys.readouterr()
    assert "0/5000148 on timeline 2" in output and "0/5000060" in output
    assert "232 bytes of log; 3 transactions exist only here" in output
    assert "/data/main.diverged-TIME on mn1" in output
    assert "mn1 is the standby of mn2 again" in output
    assert "aside" not in output
    assert errors == ""


def test_it_says_where_files_are_kept_that_only_this_node_has(cluster, capsys):
    cluster.source = "mn2"
    assert run("mn1", "--dry-run") == exits.OK
    output = capsys.readouterr().out
    assert "files that only mn1 has are kept in /var/lib/xcat-hamn/aside there" in output


def test_a_copy_is_ordered_when_asked_for(cluster, capsys):
    assert run("mn1", "--copy", "--yes") == exits.OK
    assert cluster.commands[0] == COPY
    assert "the whole database of mn2 is copied to mn1" in capsys.readouterr().out


def test_a_database_that_cannot_follow_for_another_reason_may_be_copied(cluster, capsys):
    cluster.attributes["mn1"]["xcat-db"] = "disconnected"
    cluster.private["xcat-db-diverged", "mn1"] = ""
    assert run("mn1", "--yes") == exits.FAILED
    assert "rejoin mn1 --copy" in capsys.readouterr().err
    assert run("mn1", "--copy", "--yes") == exits.OK
    assert cluster.commands == [COPY, RESTART]


@pytest.mark.parametrize(
    ("answer", "code"), [("mn1\n", exits.OK), ("mn2\n", exits.LOSS), ("", exits.LOSS)]
)
def test_a_person_types_the_nodes_name(cluster, monkeypatch, answer, code):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert run("mn1") == code
    assert bool(cluster.commands) == (code == exits.OK)


def test_without_a_terminal_nothing_is_done_unasked(cluster, capsys):
    assert run("mn1") == exits.LOSS
    assert cluster.commands == []
    assert "--yes" in capsys.readouterr().err


def test_a_dry_run_changes_nothing(cluster, capsys):
    assert run("mn1", "--dry-run") == exits.OK
    assert cluster.commands == []
    assert "nothing was changed" in capsys.readouterr().out


def refused(cluster, what):
    if what == "gone":
        cluster.nodes["mn1"] = "offline"
    elif what == "primary":
        return "mn2"
    elif what == "unknown":
        return "mn3"
    elif what == "nobody":
        cluster.attributes["mn2"] = {"xcat-db": "stopped"}
    elif what == "follows":
        cluster.attributes["mn1"]["xcat-db"] = "standby"
    elif what == "not diverged":
        cluster.private["xcat-db-diverged", "mn1"] = ""
    return "mn1"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("gone", "mn1 is not online"),
        ("primary", "mn2 has the primary database"),
        ("unknown", "mn3 is no node of this cluster: its nodes are mn1 and mn2"),
        ("nobody", "no other node has a primary database"),
        ("follows", "follows mn2 already"),
        ("not diverged", "not known to have diverged from mn2's (it has parted)"),
    ],
)
def test_what_cannot_be_right_gets_one_sentence_and_changes_nothing(cluster, what, said, capsys):
    assert run(refused(cluster, what), "--yes") == exits.FAILED
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and said in errors
    assert ": " in errors.partition("xcat-hamn: ")[2]
    assert cluster.commands == []


def test_what_the_agent_could_not_do_is_said_in_its_words(cluster, capsys):
    def fails():
        cluster.private["xcat-db-rejoin", "mn1"] = "failed: no line in pg_hba.conf: add one"

    cluster.agent = fails
    assert run("mn1", "--yes") == exits.FAILED
    assert "mn1 did not follow: no line in pg_hba.conf: add one" in capsys.readouterr().err
    assert cluster.commands == [ORDER, RESTART, WITHDRAWN]


def test_an_order_that_nobody_saw_is_withdrawn(cluster, capsys):
    cluster.agent = None
    assert run("mn1", "--yes") == exits.FAILED
    assert "has not seen the order" in capsys.readouterr().err
    assert cluster.commands == [ORDER, RESTART, WITHDRAWN]


def test_a_restart_that_fails_leaves_no_ban(cluster, capsys):
    def banned():
        cluster.constraints = {"xcat-db-clone": "mn1"}
        cluster.failures = [("xcat-db_start_0", "mn1", "no room: make some")]

    cluster.agent, cluster.code = banned, 1
    original = cluster.cib
    cluster.cib = lambda: original().replace(
        "cli-prefer-xcat-db-clone", "cli-ban-xcat-db-clone-on-mn1"
    )
    assert run("mn1", "--yes") == exits.FAILED
    assert "no room: make some" in capsys.readouterr().err
    assert cluster.commands == [ORDER, RESTART, WITHDRAWN, UNBAN]


def test_a_database_that_does_not_follow_in_time_is_reported(cluster, capsys):
    def starts():
        cluster.private["xcat-db-rejoin", "mn1"] = ""
        cluster.attributes["mn1"] = {"xcat-db": "catching-up", "xcat-db-limit": "wait for it"}

    cluster.agent = starts
    assert run("mn1", "--yes") == exits.FAILED
    assert "it is catching-up: wait for it" in capsys.readouterr().err


def test_json_is_all_there_is_on_stdout(cluster, capsys):
    assert run("mn1", "--yes", "--json") == exits.OK
    result = json.loads(capsys.readouterr().out)
    assert result["done"] is True and result["primary"] == "mn2"
    assert result["divergence"] == {
        "timeline": 2,
        "end": "0/5000148",
        "fork": "0/5000060",
        "bytes": 232,
        "transactions": 3,
    }
    assert run("mn3", "--json") == exits.FAILED
    assert "mn3" in json.loads(capsys.readouterr().out)["errors"][0]


@pytest.mark.parametrize("text", ["", "1 2 3", "1 2 x 4 mn2", "1 2 3 4 mn2 more"])
def test_what_shows_no_divergence(text):
    assert read_divergence(text) is None


def test_commits_may_not_be_known():
    assert read_divergence("1 5 3 ? mn2").commits is None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_refusal_says_what_and_why_or_what_to_do(row):
    assert ": " in row.sentence or ", which" in row.sentence


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (2048, "2.0 kB"), (5 << 20, "5.0 MB"), (3 << 30, "3.0 GB")]
)
def test_sizes(size, text):
    assert bytes_of(size) == text
