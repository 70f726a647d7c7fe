"""The proof that a Db2 database takes writes: what is asked of it, and what is not."""

from __future__ import annotations

import pytest
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.instance import INSTANCE_DOWN, CommandRefused
from xcat_hamn.errors import HamnError
from xcat_hamn.services import cfgloc, writable, writable_db2


class Instance:
    """A stand-in: what db2pd and GET DB CFG say, and what the database was asked."""

    name, database = "xcatdb", "XCATDB"

    def __init__(self, condition, role="", configured="", refuses=None):
        self.condition, self.found = condition, None
        if role:
            block = f"HADR_ROLE = {role}\nHADR_STATE = PEER\nHADR_CONNECT_STATUS = CONNECTED\n"
            (self.found,) = hadr.parse_db2pd(block)
        self.configured, self.refuses = configured, refuses
        self.asked = []

    def look(self):
        return self.condition, self.found

    def role(self):
        return self.configured

    def db2(self, command, timeout):
        assert timeout > 0
        self.asked.append(command)
        if self.refuses:
            raise self.refuses


CONNECTED = ["CONNECT TO XCATDB"]


@pytest.mark.parametrize(
    ("instance", "word", "asked"),
    [
        (Instance(hadr.ACTIVE, "PRIMARY"), writable.WRITABLE, CONNECTED),
        (Instance(hadr.ACTIVE, "STANDBY"), writable.READ_ONLY, []),
        (Instance(hadr.NOT_HADR), writable.WRITABLE, CONNECTED),
        (Instance(hadr.NOT_ACTIVATED, configured="STANDARD"), writable.WRITABLE, CONNECTED),
    ],
)
def test_only_an_active_primary_or_one_without_a_partner_is_connected_to(instance, word, asked):
    assert writable_db2.judge(instance, by_sight=False).word == word
    assert instance.asked == asked


def test_a_monitor_connects_to_nothing():
    instance = Instance(hadr.ACTIVE, "PRIMARY")
    assert writable_db2.judge(instance, by_sight=True).word == writable.WRITABLE
    assert instance.asked == []


@pytest.mark.parametrize(
    ("instance", "sentence"),
    [
        (Instance(INSTANCE_DOWN), "instance xcatdb does not run"),
        (Instance(hadr.NOT_ACTIVATED, configured="PRIMARY"), "role PRIMARY and is not active"),
        (Instance(hadr.NOT_ACTIVATED, configured="STANDBY"), "role STANDBY and is not active"),
        (Instance(hadr.ACTIVE, "NOVELTY"), "which is not known"),
    ],
)
def test_what_is_down_or_unknown_is_a_sentence_and_gets_no_connection(instance, sentence):
    with pytest.raises(HamnError, match=sentence):
        writable_db2.judge(instance, by_sight=False)
    assert instance.asked == []


def test_a_refused_connection_is_no_proof():
    refused = CommandRefused("Db2 refused `CONNECT TO XCATDB`: SQL1224N", "SQL1224N")
    with pytest.raises(HamnError, match="SQL1224N"):
        writable_db2.judge(Instance(hadr.ACTIVE, "PRIMARY", refuses=refused), by_sight=False)


def test_a_user_that_is_not_there_is_a_sentence_without_the_password():
    location = cfgloc.parse("DB2:xcatdb|nobody-of-this-name|s3cret")
    with pytest.raises(HamnError, match="no user") as caught:
        writable.proof(location, 1, None)
    assert "s3cret" not in str(caught.value)
