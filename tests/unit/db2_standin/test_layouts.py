"""What the stand-in prints, against what real systems have printed (tests/unit/db2/samples)."""

from __future__ import annotations

import os
import re

import pytest
from db2.standin.messages import Refused, wrap

SAMPLES = os.path.join(os.path.dirname(__file__), "..", "db2", "samples", "recorded")
HOST = re.compile(r"\b(mn\d|127\.0\.0\.1|db2-\w+)(\.\w+\.\w+)?\b")
#: The stand-in has no reads on standby, which one recording has.
READS = ("READS_ON_STANDBY_ENABLED", "STANDBY_REPLAY_ONLY_WINDOW_ACTIVE")


def sample(name):
    with open(f"{SAMPLES}/{name}.txt", encoding="utf-8") as stream:
        return stream.read()


def shape(text, without=()):
    """Return lines without what differs between two systems: hosts, times, positions, counts."""
    lines = [HOST.sub("HOST", line) for line in text.strip("\n").split("\n")]
    lines = [line for line in lines if line.split(" =")[0].strip() not in without]
    return [re.sub(r"[0-9]+", "9", line) for line in lines]


def keys(lines):
    """Return the part up to the equals sign, exactly, and the shape of the value."""
    return [(line.partition("=")[0], line.partition("=")[2]) for line in lines]


def test_db2pd_of_11_5(make_pair):
    one, _ = make_pair({"date_order": "dmy"}, HADR_PEER_WINDOW=300)
    shown = one.run("db2pd", "-db", "xcatdb", "-hadr").raw
    expected = sample("db2pd-11.5-primary-peer-nearsync-ddmmyyyy-lasttakeover")
    assert keys(shape(shown)) == keys(shape(expected))


def test_db2pd_of_10_1(make_pair):
    one, _ = make_pair({"release": "10.1"}, HADR_PEER_WINDOW=0, HADR_SYNCMODE="SYNC")
    shown = one.run("db2pd", "-db", "xcatdb", "-hadr").raw
    expected = sample("db2pd-10.1-primary-peer-sync-ros")
    assert keys(shape(shown, READS)) == keys(shape(expected, READS))


def test_db2pd_up_to_9_7_is_columns(make_pair):
    one, _ = make_pair(HADR_PEER_WINDOW=0, HADR_SYNCMODE="SYNC")
    one.set(release="9.7")
    shown = one.run("db2pd", "-db", "xcatdb", "-hadr").raw.strip("\n").split("\n")
    expected = sample("db2pd-9.5-primary-peer-sync-columns").strip("\n").split("\n")
    assert len(shown) == len(expected)
    assert shape(shown[0]) == shape(expected[0])
    for number in range(2, len(expected), 1):
        words = [m.start() for m in re.finditer(r"\S+(?: \(bytes\))?", expected[number])]
        ours = [m.start() for m in re.finditer(r"\S+(?: \(bytes\))?", shown[number])]
        assert ours == words, shown[number]
    headers = [line for line in expected[2:] if line and not re.search(r"\d", line)]
    assert [line for line in shown[2:] if line in headers] == headers


def test_db2pd_of_an_inactive_database_and_of_a_stopped_instance(machines):
    one = machines()
    down = one.run("db2pd", "-hadr", "-db", "xcatdb")
    assert down.code != 0
    assert shape(down.raw) == shape(sample("db2pd-11.5-instance-down-unable-to-attach"))
    one.run("db2start")
    one.ok("create db xcatdb")
    inactive = one.run("db2pd", "-hadr", "-db", "XCATDB").raw
    assert shape(inactive) == shape(sample("db2pd-11.5-db-not-activated-on-member"))
    one.ok("activate db xcatdb")
    assert one.run("db2pd", "-hadr", "-db", "XCATDB").raw.split("\n")[3:5] == [
        "HADR Information:",
        "HADR is not active.",
    ]


def test_configuration_and_snapshot(make_pair):
    one, _ = make_pair()
    shown = one.ok("get db cfg for xcatdb").raw
    block = shown[shown.index(" HADR database role") :]
    assert shape(block) == shape(sample("dbcfg-11.5-primary-single"))
    shown = one.ok("get snapshot for db on xcatdb").raw
    block = [
        line
        for line in shape(shown[shown.index("HADR Status") :])
        if not line.startswith("  Peer window") and line
    ]
    expected = shape(sample("snapshot-10.1-primary-peer"))
    assert [x.partition("=")[0] for x in block] == [x.partition("=")[0] for x in expected]
    places = re.findall(r"LSN\) = S\d{7}\.LOG, \d+, [0-9A-F]{16}\n", shown)
    assert len(places) == len([line for line in expected if "LSN" in line])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "clp-sql0104n-wrapped-trailing-space",
            Refused("SQL0104N", "END-OF-STATEMENT", "INSTANCE_MEMORY", "<identifier>").text(),
        ),
        ("clp-sql1117n-rollforward-pending-wrapped", Refused("SQL1117N", "XCATDB").text()),
        ("clp-sql1363w-after-update-dbcfg", Refused("SQL1363W").text()),
        ("clp-sql6031n-db2nodes-wrapped", Refused("SQL6031N", 0, 11).text()),
    ],
)
def test_lines_break_where_db2_breaks_them(name, text):
    expected = sample(name).rstrip("\n").split("\n")
    expected = expected[1:] if expected[0].startswith("DB20000I") else expected
    ours = wrap(text).split("\n")
    assert [line.rstrip() for line in ours] == [line.rstrip() for line in expected]
    if any(line.endswith(" ") for line in expected):
        assert ours == expected


def replies(name):
    """Return command -> reply of a transcript."""
    parts = [part.partition("\n") for part in sample(name).split("$ ")[1:]]
    return {head.split("#")[0].strip(): "\n".join(shape(text)) for head, _, text in parts}


def same(done, expected):
    # the month comes first or second, by the locale
    assert "\n".join(shape(done.raw)).replace("/", "-") == expected.replace("/", "-")


def test_transcript_of_a_setup(machines):
    one, other = machines(), machines()
    recorded = replies("clp-11.5-hadr-setup-transcript")
    name = next(key for key in recorded if "SVCENAME" in key)
    same(one.db2("update dbm cfg using SVCENAME 60000"), recorded[name])
    same(
        one.run("db2stop"),
        "\n".join(
            [
                "9-9-9 9:9:9     9   9   SQL9N  No start database manager command was issued.",
                "SQL9N  No start database manager command was issued.  SQLSTATE=9",
            ]
        ),
    )
    same(one.run("db2start"), recorded["db2start"])
    one.ok("create db xcatdb")
    one.ok("update db cfg for xcatdb using LOGARCHMETH1 LOGRETAIN")
    key = next(key for key in recorded if "HADR_PEER_WINDOW" in key)
    same(one.db2("update db cfg for xcatdb using HADR_PEER_WINDOW 300"), recorded[key])
    key = next(key for key in recorded if "backup db" in key)
    same(one.db2("backup db xcatdb to /dev/null"), recorded[key])
    key = next(key for key in recorded if "activate db" in key)
    same(one.db2("activate db xcatdb"), recorded[key])
    one.ok(f"backup db xcatdb online to {other.backups}")
    other.run("db2start")
    key = next(key for key in recorded if "restore db" in key)
    same(other.db2(f"restore db xcatdb from {other.backups}"), recorded[key])
    assert other.db2("activate db xcatdb").message() == "SQL1117N"


def test_transcript_of_leaving_hadr(pair):
    one, other = pair
    recorded = replies("clp-10.1-takeover-stop-rollforward-transcript")

    def reply(words):
        return next(text for key, text in recorded.items() if words in key)

    same(other.db2("takeover hadr on db xcatdb"), reply("takeover hadr"))
    same(one.db2("deactivate db xcatdb"), reply("deactivate"))
    same(one.db2("stop hadr on db xcatdb"), reply("stop hadr"))
    both = one.run("db2stop").raw + one.run("db2start").raw
    assert "\n".join(shape(both)) == reply("db2stop && db2start")
    same(one.db2("start hadr on db xcatdb as standby"), reply("start hadr"))
    one.ok("deactivate db xcatdb")
    one.ok("stop hadr on db xcatdb")
    done = one.db2("rollforward db xcatdb complete")
    assert shape(done.raw) == shape(reply("rollforward"))
    assert one.db2("start hadr on db xcatdb as standby").message() == "SQL1767N 1"
