"""Clients of the Db2 stand-in on other hosts, as xCAT's service nodes are."""

from __future__ import annotations

import contextlib
import os
import socket
import time

import pytest
from db2.standin import client


def free_port():
    """Return a port outside the ephemeral range that nobody has."""
    for port in range(18000 + os.getpid() % 1500, 20000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


@pytest.fixture
def served(make_pair):
    """Give a pair whose primary serves the wire, and its port."""
    one, other = make_pair({"passwords": {"xcatdb": "cluster"}})
    port = free_port()
    for machine in (one, other):
        machine.run("db2stop", "force")
        machine.db2("update", "dbm", "cfg", "using", "SVCENAME", str(port))
    one.run("db2set", "DB2COMM=TCPIP")
    for machine in (other, one):
        machine.run("db2start")
        machine.ok("activate db xcatdb")
    other.wait_state("STANDBY/PEER/CONNECTED")
    return one, other, port


def rows(connection):
    return connection.execute("SELECT name FROM nodes ORDER BY name")


def test_a_client_on_the_wire_reads_and_writes_with_its_password(served):
    one, _, port = served
    connection = client.dial("xcatdb", "127.0.0.1", port, "xcatdb", "cluster")
    connection.execute("INSERT INTO nodes VALUES (?)", ["cn2"])
    assert rows(connection) == [["cn1"], ["cn2"]]
    assert one.rows() == ["cn1", "cn2"]
    with pytest.raises(client.Refusal, match="SQL1092N"):
        connection.ask("command", "DEACTIVATE DATABASE xcatdb")
    connection.close()


def test_a_wrong_password_and_a_closed_port_are_refused(served):
    _, _, port = served
    with pytest.raises(client.Refusal, match="SQL30082N"):
        client.dial("xcatdb", "127.0.0.1", port, "xcatdb", "guess")
    with pytest.raises(client.Down, match="SQL30081N"):
        client.dial("xcatdb", "127.0.0.1", free_port(), "xcatdb", "cluster")


def test_a_takeover_and_a_stop_end_the_connections(served):
    one, other, port = served
    connection = client.dial("xcatdb", "127.0.0.1", port, "xcatdb", "cluster")
    other.ok("takeover hadr on db xcatdb")
    with pytest.raises(client.Refusal, match="SQL1224N"):
        rows(connection)
    with pytest.raises(client.Refusal, match="SQL1776N"):
        client.dial("xcatdb", "127.0.0.1", port, "xcatdb", "cluster")
    one.run("db2stop", "force")
    with pytest.raises(client.Down):
        rows(connection)


def test_a_client_that_is_gone_holds_nothing(served):
    one, _, port = served
    connection = client.dial("xcatdb", "127.0.0.1", port, "xcatdb", "cluster")
    assert one.db2("deactivate db xcatdb").message().startswith("SQL1495W")
    connection._socket.shutdown(socket.SHUT_RDWR)
    end = time.monotonic() + 10
    while one.state() != "inactive":
        assert time.monotonic() < end, "the database is still held"
        time.sleep(0.01)
