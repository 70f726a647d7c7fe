"""What xcat-filesync says of the copy: every case, in words that do not change all the time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from xcat_hamn.agents import filesync_verdict as verdict
from xcat_hamn.agents.filesync_verdict import ReplicaView, SourceView, of_replica, of_source
from xcat_hamn.cluster.vocabulary import FILES, VOCABULARY
from xcat_hamn.files import connection, ports, readiness, recency
from xcat_hamn.files.places import Places
from xcat_hamn.files.resident.glance import Entry

WORDS = VOCABULARY[FILES][2]
AGENTS = Path(verdict.__file__).parents[2]


def entry(name="install", problem="", age=0.0):
    return Entry(name, "fresh", age, 600.0, problem, "it is tried again in 17 s")


def source(*entries, **more):
    ages = {one.name: one.age for one in entries}
    return of_source(SourceView("mn1", "mn2", "/log", entries=entries, ages=ages, **more))


def test_a_source_that_is_well():
    assert (source(entry()).word, source(entry()).limit) == ("source", "")
    # A copy that failed just now is no case for anybody.
    assert source(entry(problem="unreachable", age=20)).word == "source"


@pytest.mark.parametrize("kind", sorted(set(ports.KINDS) - {ports.OK}))
def test_every_kind_of_failure_has_a_sentence_of_its_own(kind):
    found = source(entry("credentials"), entry(problem=kind, age=700.0))
    assert found.word.startswith("source-")
    assert found.degraded
    assert found.word in WORDS
    assert "17" not in found.limit
    if kind not in (ports.OLDER_EPOCH, ports.CANCELLED):
        assert found.limit.startswith("install: ")
    assert "credentials" not in found.limit
    others = [source(entry(problem=other, age=700.0)).limit for other in ports.KINDS]
    assert others.count(found.limit) == 1 or kind == ports.CANCELLED


@pytest.mark.parametrize("kind", ["full", "refused-key", "host-key", "read-only", "refused"])
def test_what_asks_for_a_hand_is_told_at_once_and_in_one_sentence_for_all_sets(kind):
    found = source(entry("install", kind), entry("tftpboot", kind), entry("hosts"))
    assert found.word == "source-failing"
    assert found.limit.startswith("install, tftpboot: ")
    assert "run `xcat-hamn setup files`" in found.limit or kind not in ("refused-key", "host-key")


def test_a_stale_set_is_named_with_how_long_in_words_that_change_seldom():
    assert "install: not proven on mn2 for more than 10 minutes" in source(entry(age=601)).limit
    assert source(entry(age=601)).limit == source(entry(age=3500)).limit
    assert "more than a week" in source(entry(age=9e6)).limit
    assert source(entry(age=599)).word == "source"


def test_the_other_node_away():
    away = "mn2 does not answer, or the connection was lost"
    assert source(entry(problem="unreachable", age=5), contact=away).word == "source-alone"
    late = source(entry(problem="unreachable", age=900), contact=away)
    assert (late.word, late.degraded) == ("source-stale", True)
    assert "mn2 does not answer" in late.limit


def test_clocks_that_differ():
    found = source(entry(), contact="the clock of mn2 is 9 s ahead of this node's, so ages ...")
    assert (found.word, found.degraded) == ("source-failing", True)
    assert "chronyd" in found.limit
    assert "9" not in found.limit


def test_a_newer_source_is_told_before_anything_else():
    found = source(
        entry("a", "full"), entry("b", "older-epoch"), newer="mn2 is the source since epoch 8"
    )
    assert found.word == "source-refused"
    assert "mn2 is the source since epoch 8" in found.limit
    assert "pcs resource move xcat-mn mn2" in found.limit


def test_a_process_that_cannot_be_kept_running():
    found = source(running=False, why="it does not start")
    assert (found.word, found.limit, found.degraded) == (
        "source-stopped",
        "it does not start",
        True,
    )


def replica(ages, **more):
    most = {"install": 600.0, "keys": 600.0}
    return of_replica(ReplicaView("mn2", "mn1", ages, most, **more))


@pytest.mark.parametrize(
    ("ages", "more", "word", "sentence"),
    [
        ({"install": 3.0, "keys": 3.0}, {}, "replica", ""),
        ({}, {}, "replica-empty", ""),
        ({"install": 4000.0, "keys": 3.0}, {}, "replica-stale", "install: more than an hour old"),
        ({"install": 3.0}, {}, "replica-stale", "keys: never received"),
        ({}, {"lacks": "no key"}, "unable", "no key"),
        (
            {"install": 3.0, "keys": 3.0},
            {"owed": ["keys"]},
            "replica",
            "keys: mn2 changed files that mn1 never got",
        ),
    ],
)
def test_a_replica(ages, more, word, sentence):
    found = replica(ages, **more)
    assert found.word == word
    assert found.word in WORDS
    assert found.limit.startswith(sentence)
    assert bool(found.limit) == bool(sentence)
    assert not found.degraded


def test_every_word_of_the_tables_is_in_the_vocabulary():
    assert {row[1] for row in verdict.SOURCE} <= set(WORDS)


def test_what_a_node_lacks_names_the_command_that_brings_it(tmp_path):
    places = Places(str(tmp_path))
    found = readiness.problems(places, "mn1", "mn2", home=str(tmp_path))
    told = [str(one) for one in found]
    assert sum("run `xcat-hamn setup files`" in one for one in told) == 3
    assert any("no file set is defined" in one for one in told)
    keys = Path(places.keys)
    keys.mkdir(parents=True)
    (keys / "id").touch()
    (keys / "id.pub").touch()
    (keys / "known_hosts").write_text(f"{connection.alias('mn2')} ssh-ed25519 AAAA\n")
    (tmp_path / ".ssh").mkdir()
    authorized = tmp_path / ".ssh/authorized_keys"
    authorized.write_text("# ssh-ed25519 AAAA xcat-filesync mn2\n")
    assert any("authorized_keys" in str(one) for one in readiness.problems(
        places, "mn1", "mn2", home=str(tmp_path)))  # fmt: skip
    authorized.write_text('restrict,command="x" ssh-ed25519 AAAA xcat-filesync mn2\n')
    told = [str(one) for one in readiness.problems(places, "mn1", "mn2", home=str(tmp_path))]
    assert not any("setup files" in one for one in told)


def test_the_cheap_reader_looks_where_the_copy_writes(tmp_path):
    places = Places(str(tmp_path))
    assert recency.marks(str(tmp_path)) == {}
    for path, text in (
        (places.marks("keys"), "until=5.250\nepoch=1\nnode=mn1\nat=1\nfilled=\nmounted=\n"),
        (places.marks("broken"), "until=x\n"),
        (places.epoch, "epoch=12\nnode=mn1\n"),
    ):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    assert recency.marks(str(tmp_path)) == {"keys": ("mn1", 5.25)}
    assert recency.epoch(str(tmp_path)) == (12, "mn1")


@pytest.mark.parametrize("role", ["replica", "source"])
def test_a_monitor_imports_nothing_dear(tmp_path, role):
    """What each module costs is in milliseconds: dataclasses 17, json 8, re 7, enum 5."""
    program = f"""
import fcntl, os, sys
sys.path.insert(0, {str(AGENTS)!r})
from xcat_hamn.agents import filesync, filesync_parts
from xcat_hamn.files.resident import glance
from xcat_hamn.ocf import context, dispatch
top = {str(tmp_path)!r}
filesync_parts.UNDER = top
context.RUN_DIRECTORY = top + "/run/xcat-hamn"
here = top + "/run/xcat-hamn/r"
os.makedirs(here)
open(here + "/role", "w").write("{role} 5")
open(here + "/sets", "w").write("keys=600.0")
class Quiet:
    def __getattr__(self, name):
        return lambda *_: True
dispatch.Attributes = lambda *_: Quiet()
if "{role}" == "source":
    lock = os.open(here + "/files.lock", os.O_RDWR | os.O_CREAT)
    os.write(lock, b"%d" % os.getpid())
    fcntl.flock(lock, fcntl.LOCK_EX)
code = dispatch.run(filesync.AGENT, ["xcat-filesync", "monitor"], {{
    "OCF_RESOURCE_INSTANCE": "r", "OCF_RESKEY_nodes": "mn1=10.0.0.1 mn2=10.0.0.2",
    "OCF_RESKEY_CRM_meta_on_node": "mn1", "OCF_RESKEY_CRM_meta_interval": "10000"}})
dear = "typing dataclasses re json subprocess logging enum pathlib socket argparse configparser"
print(code, [name for name in dear.split() if name in sys.modules])
"""
    done = subprocess.run(
        ["/usr/bin/python3", "-IS", "-c", program],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == f"{8 if role == 'source' else 0} []", done.stderr
