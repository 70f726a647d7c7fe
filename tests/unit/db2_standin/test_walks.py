"""The state machine of HADR, walked with two daemons over loopback."""

from __future__ import annotations


def test_setup_ships_rows_and_planned_takeover_swaps_the_roles(pair):
    one, other = pair
    assert one.sql("insert into nodes values ('cn2')").code == 0
    assert other.ok("takeover hadr on db xcatdb").text.startswith("DB20000I")
    assert other.state() == "PRIMARY/PEER/CONNECTED"
    one.wait_state("STANDBY/PEER/CONNECTED")
    assert other.rows() == ["cn1", "cn2"]
    assert other.sql("delete from nodes where name = 'cn2'").code == 0
    one.ok("takeover hadr on db xcatdb")
    assert one.rows() == ["cn1"]
