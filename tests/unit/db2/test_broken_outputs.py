"""Outputs that were cut, shuffled or are noise: a result or CommandFailed, and never a guess."""

from __future__ import annotations

import pytest
from db2_samples import names, read
from hypothesis import given
from hypothesis import strategies as st
from xcat_hamn.database.db2 import hadr, messages
from xcat_hamn.database.db2.configuration import parse_db_cfg
from xcat_hamn.database.db2.explaining import explain
from xcat_hamn.database.db2.snapshot import parse_snapshot
from xcat_hamn.database.db2.tables import parse_table
from xcat_hamn.errors import CommandFailed

TEXTS = {name: read(name) for name in names()}
STANDBYS = [name for name in TEXTS if name.startswith("db2pd-") and "standby" in name]


def parsed(parse, text):
    """Return what ``parse`` gives, None for CommandFailed; anything else fails the test."""
    try:
        return parse(text)
    except CommandFailed as error:
        assert str(error) and "\n" not in str(error)
        return None


def try_all(text):
    for found in parsed(hadr.parse_db2pd, text) or []:
        assert found.known == (found.state in hadr.STATES)
    explained = parsed(explain, text)
    if explained is not None:
        assert "promotable" in explained.reason or explained.role == hadr.PRIMARY
        assert explained.reason.isprintable() and '"' not in explained.reason
        assert not explained.promotable or explained.role in (hadr.PRIMARY, hadr.STANDBY)
    for parse in (parse_snapshot, parse_db_cfg, messages.parse_messages, parse_table):
        parsed(parse, text)
    messages.backup_timestamp(text)
    messages.instance_state(text)


@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_cut_anywhere(name, data):
    text = TEXTS[name]
    start = data.draw(st.integers(0, len(text)))
    try_all(text[start : data.draw(st.integers(start, len(text)))])


@given(st.sampled_from(sorted(TEXTS)), st.randoms(use_true_random=False))
def test_shuffled_lines(name, random):
    lines = TEXTS[name].splitlines()
    random.shuffle(lines)
    try_all("\n".join(lines))


@given(st.sampled_from(sorted(TEXTS)), st.binary(max_size=40), st.data())
def test_bytes_in_the_middle(name, noise, data):
    text = TEXTS[name]
    at = data.draw(st.integers(0, len(text)))
    upto = data.draw(st.integers(at, min(len(text), at + 60)))
    try_all(text[:at] + noise.decode("utf-8", "replace") + text[upto:])


@given(st.text())
def test_noise(text):
    try_all(text)


@given(st.text(alphabet='HADRSQL_ =()"\n-0123456789٣,x'))
def test_noise_that_looks_like_it(text):
    try_all(f"HADR Information:\nRole State\n{text}\nHADR_STATE = {text}\nHADR Status\n{text}")


@pytest.mark.parametrize("name", STANDBYS)
def test_an_output_cut_short_never_reads_as_more_than_the_whole(name):
    """A state, a connection or a window that is read from a part is the whole's, or not known."""
    whole = hadr.standing(hadr.parse_db2pd(TEXTS[name]))
    for end in range(len(TEXTS[name])):
        found = parsed(hadr.parse_db2pd, TEXTS[name][:end])
        if not found:
            continue
        cut = found[0]
        assert cut.peer_window_end in (whole.peer_window_end, None)
        assert cut.connect in (whole.connect, "") or cut.connect not in hadr.CONNECTIONS
        if cut.connect in hadr.CONNECTIONS:
            assert cut.state == whole.state


@pytest.mark.parametrize(
    "text",
    [
        "\x00\x7f?? HADR_ROLE == PRIM\nHADR_STATE PEER = (null)\n= = =",
        "HADR_STATES = PEER",
        "HADR Information:\nRole State\n",
        "HADR_ROLE",
    ],
)
def test_garbage_that_names_keys_is_refused(text):
    with pytest.raises(CommandFailed, match="no HADR block"):
        hadr.parse_db2pd(text)


def test_a_host_name_of_noise_is_shown_as_such():
    text = TEXTS["db2pd-11.1-standby-peer-nearsync"].replace("= mn2", '= \x1b["{x}`')
    assert "while ?[??x?? lives" in explain(text).reason
