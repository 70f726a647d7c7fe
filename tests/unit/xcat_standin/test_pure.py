"""What the stand-in decides and writes, without any process."""

from __future__ import annotations

import ipaddress

import pytest
from xcat.standin import client, server
from xcat.standin.commands import boot, console, dhcp, dns
from xcat.standin.context import Network, my_ip_facing
from xcat.standin.database import parse_location

OWN = [("127.0.0.1", 8), ("10.11.0.11", 24), ("10.11.0.10", 24)]
NETWORK = Network.of(
    {"net": "10.11.0.0", "mask": "255.255.255.0", "dynamicrange": "10.11.0.200-10.11.0.250"}
)


def test_cfgloc_is_read_and_its_password_never_shown() -> None:
    location = parse_location("Pg:dbname=xcatdb;host=10.11.0.10|xcatadm|s3cret\n")
    assert location == ("Pg", "xcatdb", "10.11.0.10", "xcatadm", "s3cret")
    assert location.describe() == [
        "cfgloc=Pg:dbname=xcatdb;host=10.11.0.10|xcatadm",
        "dbengine=Pg",
        "dbname=xcatdb",
        "dbhost=10.11.0.10",
        "dbadmin=xcatadm",
    ]
    assert parse_location("").describe() == ["dbengine=SQLite"]
    location = parse_location("DB2:xcatdb|xcatdb|s3cret")
    assert location == ("DB2", "xcatdb", "", "xcatdb", "s3cret")
    assert not any("s3cret" in line for line in location.describe())
    with pytest.raises(ValueError, match="the stand-in knows"):
        parse_location("mysql:dbname=xcatdb;host=10.11.0.10|xcatadm|x")


POLICIES = [
    {"priority": "4", "commands": "getdestiny", "rule": "allow"},
    {"priority": "1", "name": "root", "rule": "allow"},
    {"priority": "1.5", "name": "*", "commands": "nodels,nodeset", "rule": "deny"},
    {"priority": "2.3", "commands": "lsxcatd", "rule": "allow"},
]


@pytest.mark.parametrize(
    ("peer", "command", "expected"),
    [
        ("root", "nodeset", True),
        ("", "lsxcatd", True),
        ("", "tabdump", False),
        ("other", "getdestiny", True),
        ("other", "nodels", False),
        ("", "nodels", False),
    ],
)
def test_the_first_fitting_policy_decides(peer: str, command: str, expected: bool) -> None:
    assert server.allowed(POLICIES, peer, command) is expected


def test_node_ranges_are_names_and_groups() -> None:
    nodes = {"cn1": {"groups": "all,rack1"}, "cn2": {"groups": "all"}}
    assert server.node_range(nodes, "cn2,all") == (["cn2", "cn1"], [])
    assert server.node_range(nodes, "rack1,nix") == (["cn1"], ["nix"])


def test_the_first_word_that_is_no_option_is_the_node_range() -> None:
    asked = client.request("makedhcp", ["-l", "cn1", "-d"])
    assert (asked["noderange"], asked["arg"]) == (["cn1"], ["-l", "-d"])
    assert client.request("tabdump", ["site"])["arg"] == ["site"]


def test_the_address_facing_a_node_is_the_first_one_the_xcatmaster_trap() -> None:
    assert my_ip_facing("10.11.0.101", OWN) == "10.11.0.11"
    assert my_ip_facing("10.11.0.101", [OWN[2], OWN[1]]) == "10.11.0.10"
    assert my_ip_facing("192.0.2.1", OWN[1:]) == ""


@pytest.mark.parametrize(
    ("net", "zones"),
    [
        ("10.11.0.0/24", ["0.11.10.IN-ADDR.ARPA."]),
        ("10.11.0.0/27", ["0.11.10.IN-ADDR.ARPA."]),
        ("10.11.0.0/16", ["11.10.IN-ADDR.ARPA."]),
        ("10.11.2.0/23", ["2.11.10.IN-ADDR.ARPA.", "3.11.10.IN-ADDR.ARPA."]),
        ("10.0.0.0/8", ["10.IN-ADDR.ARPA."]),
        ("fd11::/64", ["0.0.0.0.0.0.0.0.0.0.0.0.1.1.d.f.ip6.arpa."]),
    ],
)
def test_reverse_zones(net: str, zones: list[str]) -> None:
    assert dns.zones_of(Network(ipaddress.ip_network(net), {})) == zones


def test_a_zone_names_this_host_as_its_server() -> None:
    text = dns.zone_text("cluster.test", "mn1.cluster.test.", "10.11.0.11", 2026010100)
    assert "@ IN SOA mn1.cluster.test. root.mn1.cluster.test. ( 2026010100 " in text
    assert "  IN NS  mn1.cluster.test.\n" in text
    assert "mn1.cluster.test.  IN A  10.11.0.11\n" in text
    assert "IN A " not in dns.zone_text(
        "0.11.10.IN-ADDR.ARPA.", "mn1.cluster.test.", "10.11.0.11", 1
    )


def test_named_conf_has_every_zone_with_its_file() -> None:
    text = dns.named_conf(["cluster.test", "0.11.10.IN-ADDR.ARPA."], "c2VjcmV0", ["192.0.2.53"])
    assert "stand-in" in text.splitlines()[0]
    assert 'file "db.cluster.test";' in text
    assert 'file "db.10.11.0";' in text
    assert 'secret "c2VjcmV0";' in text
    assert "192.0.2.53;" in text


def test_hosts_become_updates_and_strangers_do_not() -> None:
    records = dns.hosts_records(
        "127.0.0.1 localhost\n10.11.0.101 cn1.cluster.test cn1 login # one\n"
        "fd11::101 cn1.cluster.test cn1\n192.0.2.7 elsewhere\n",
        "cluster.test",
    )
    v6 = Network.of({"net": "fd11::/64"})
    lines = dns.updates(records, "cluster.test", [NETWORK, v6], delete=False)
    assert "update add cn1.cluster.test. 86400 A 10.11.0.101" in lines
    assert "update add cn1.cluster.test. 86400 AAAA fd11::101" in lines
    assert "update add login.cluster.test. 86400 CNAME cn1.cluster.test." in lines
    assert "update add 101.0.11.10.in-addr.arpa. 86400 PTR cn1.cluster.test." in lines
    assert not [line for line in lines if "elsewhere" in line]
    assert lines[-1] == "send"


def test_updates_go_in_bulks_of_300() -> None:
    records = [dns.Record(f"n{i}", f"10.11.0.{i % 250}") for i in range(350)]
    lines = dns.updates(records, "cluster.test", [NETWORK], delete=False)
    assert lines.count("send") == 2 + 3  # 350 forward lines, 700 reverse lines


def test_dhcpd_gets_the_physical_address_for_xcatmaster() -> None:
    row = {**NETWORK.row, "tftpserver": "<xcatmaster>"}
    text = "\n".join(
        dhcp.subnet(NETWORK._replace(row=row), {"nameservers": "10.11.0.10"}, OWN, True)
    )
    assert "    next-server 10.11.0.11;" in text
    assert "    option domain-name-servers 10.11.0.10;" in text
    assert "    authoritative;" in text
    assert "    range dynamic-bootp 10.11.0.200 10.11.0.250;" in text


def test_an_explicit_tftp_server_cures_it() -> None:
    row = {**NETWORK.row, **dict.fromkeys(("tftpserver", "ntpservers", "logservers"), "10.11.0.10")}
    assert "10.11.0.11" not in "\n".join(dhcp.subnet(NETWORK._replace(row=row), {}, OWN, True))


def test_another_server_gets_no_dynamic_range() -> None:
    assert "range" not in "\n".join(dhcp.subnet(NETWORK, {}, OWN, served=False))


def test_dhcpd_conf_opens_omapi() -> None:
    text = dhcp.configuration({"eth0": ["  subnet ..."]}, "c2VjcmV0")
    assert "omapi-port 7911;" in text
    assert "omapi-key xcat_key;" in text
    assert "shared-network eth0 {" in text


def test_interfaces_are_read_from_ip() -> None:
    text = (
        "1: lo    inet 127.0.0.1/8 scope host lo\\ valid_lft forever\n"
        "2: eth0    inet 10.11.0.11/24 brd 10.11.0.255 scope global eth0\\ valid_lft forever\n"
    )
    assert dhcp.interfaces(text) == {"eth0": ["10.11.0.11"]}


def test_a_reservation_replaces_what_conflicts() -> None:
    lines = dhcp.reservation("cn1", "02:00:00:00:00:01", "10.11.0.101")
    assert lines.count("remove") == 3
    assert "set ip-address = 10.11.0.101" in lines
    assert lines[-2:] == ["create", "close"]


def test_conserver_trusts_the_master_and_what_is_held_now() -> None:
    text = console.configuration("10.11.0.10", [a for a, _ in OWN], {"cn1": "standin"})
    assert "  trusted 10.11.0.10;\n  trusted 10.11.0.11;\n" in text
    assert "  exec /opt/xcat/share/xcat/cons/standin cn1;" in text


def test_a_console_needs_a_method_or_a_serial_port() -> None:
    rows = [
        {"node": "a", "cons": "standin"},
        {"node": "b", "mgt": "ipmi", "serialport": "0"},
        {"node": "c", "mgt": "ipmi"},
    ]
    assert console.consoles_of(rows) == {"a": "standin", "b": "ipmi"}


def test_boot_files_hold_state_and_master() -> None:
    assert boot.boot_file("boot").splitlines()[1] == "#boot"
    image = boot.Image("img", "install", "compute", "v1", "x86_64")
    text = boot.boot_file("install v1-x86_64-compute", "10.11.0.11", image)
    assert text.splitlines()[1] == "#install v1-x86_64-compute"
    assert "XCAT=10.11.0.11:3001" in text
