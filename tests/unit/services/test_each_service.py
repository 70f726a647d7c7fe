"""What is special to each service."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from xcat_hamn.errors import CommandFailed, HamnError, MissingTool
from xcat_hamn.services import console, dhcp, dhcp_probe, osdeploy, xcatd
from xcat_hamn.services.console import Console, consoles_in
from xcat_hamn.services.dhcp import Dhcp
from xcat_hamn.services.dns import Dns
from xcat_hamn.services.osdeploy import OsDeploy, expected, verdict
from xcat_hamn.services.writable import READ_ONLY, UNPROVEN, WRITABLE, Proof
from xcat_hamn.services.xcatd import Xcatd
from xcat_hamn.system.runner import Result


class Xcat:
    """xCAT with tables and commands; a command may have an effect on the machine."""

    def __init__(self, **tables):
        empty = ("site", "nodelist", "chain", "networks", "mac")
        self.tables = {**{name: [] for name in empty}, **tables}
        self.ran, self.effects, self.prints = [], {}, {}

    def command(self, *argv):
        self.ran.append(" ".join(argv))
        self.effects.get(" ".join(argv), lambda: None)()
        return Result(argv, 0, self.prints.get(" ".join(argv), ""), "", 0.0)

    def table(self, name):
        return self.tables[name]

    def site(self):
        return {row["key"]: row["value"] for row in self.tables["site"]}


class Runner:
    def __init__(self, answer):
        self.answer, self.ran = answer, []

    def run(self, argv, timeout):
        self.ran.append(argv)
        return Result(argv, *self.answer(argv), 0.0)


DOMAIN = {"key": "domain", "value": "cluster.test"}


# -- xcatd ---------------------------------------------------------------------------------


@pytest.fixture
def daemon(ports, machine, monkeypatch):
    machine.name = "xcatd"
    made = Xcatd(ports)
    made.open_ports = set()
    monkeypatch.setattr(Xcatd, "units", ["xcatd"])
    monkeypatch.setattr(xcatd, "accepts", lambda port: port in made.open_ports)
    made.proof = Proof(WRITABLE)
    monkeypatch.setattr("xcat_hamn.services.writable.proof", lambda *_asked, **_how: made.proof)
    return made


@pytest.mark.parametrize("word", [READ_ONLY, UNPROVEN])
def test_xcatd_does_not_start_on_a_database_without_proof(daemon, machine, word):
    daemon.proof = Proof(word, "changes would be lost")
    with pytest.raises(HamnError, match="changes would be lost"):
        daemon.start()
    assert machine.done == []


def test_xcatd_bears_with_a_database_that_is_just_recovered(daemon, machine, monkeypatch):
    answers = [HamnError("the database does not answer"), Proof(WRITABLE)]

    def proof(*_asked, **_how):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("xcat_hamn.services.writable.proof", proof)
    daemon._require_writable(10)
    assert not answers


def test_xcatd_does_not_bear_with_it_for_ever(daemon, monkeypatch):
    def proof(*_asked, **_how):
        raise HamnError("the database does not answer")

    monkeypatch.setattr("xcat_hamn.services.writable.proof", proof)
    monkeypatch.setattr(xcatd, "DATABASE", 0.1)
    with pytest.raises(HamnError, match="does not answer"):
        daemon._require_writable(10)


def test_xcatd_starts_afresh_when_it_runs_already(daemon, machine):
    machine.spawn()
    daemon.start()
    assert machine.done == ["stop xcatd", "restart xcatd"]


def test_xcatd_needs_both_ports(daemon, machine):
    machine.spawn()
    daemon.open_ports = {3001}
    found = daemon.state(deep=False)
    assert found.word == "broken" and "port 3002" in found.reason
    daemon.open_ports = {3001, 3002}
    assert daemon.state(deep=False).word == "healthy"


def test_a_database_that_becomes_read_only_breaks_a_running_xcatd(daemon, machine):
    machine.spawn()
    daemon.open_ports = {3001, 3002}
    daemon.proof = Proof(READ_ONLY, "the database is a standby")
    found = daemon.state(deep=False)
    assert (found.word, found.reason) == ("broken", "the database is a standby")


def test_a_port_held_by_a_stranger_is_not_stopped(daemon):
    assert daemon.state(deep=False).word == "stopped"
    daemon.open_ports = {3002}
    found = daemon.state(deep=False)
    assert found.word == "broken" and "3002" in found.reason


def test_xcatd_proves_itself_by_a_table(daemon, ports):
    daemon.open_ports = {3001, 3002}
    ports.xcat = Xcat(site=[DOMAIN])
    daemon.prove()
    ports.xcat = Xcat()
    with pytest.raises(HamnError, match="site table is empty"):
        daemon.prove()


def test_xcatd_stop_waits_for_the_ports(daemon, ports):
    from xcat_hamn.system.deadline import Deadline

    daemon.open_ports = {3002}
    ports.deadline = Deadline(0.2)
    with pytest.raises(HamnError, match="closing of ports 3001 and 3002"):
        daemon.stop()


# -- dns -----------------------------------------------------------------------------------


NETWORKS = [{"net": "10.11.0.0", "mask": "255.255.255.0"}]


def test_dns_is_proven_by_soa_and_by_nodes(ports, monkeypatch):
    nodes = [{"node": "cn1"}, {"node": "cn2"}]
    ports.xcat = Xcat(site=[DOMAIN], nodelist=nodes, networks=NETWORKS)
    answers = {
        "cluster.test": "mn1.cluster.test. root. 1 2 3 4 5\n",
        "cn1.cluster.test": "10.11.0.101\n",
        "cn2.cluster.test": "10.11.0.102\n",
    }
    ports.runner = Runner(lambda argv: (0, answers[argv[-2]], ""))
    hosts = "10.11.0.101 cn1\n10.11.0.102 cn2\n"
    monkeypatch.setattr("xcat_hamn.services.dns.read_text", lambda path: hosts)
    Dns(ports).prove()
    assert [argv[-2:] for argv in ports.runner.ran] == [
        ["cluster.test", "SOA"],
        ["cn1.cluster.test", "A"],
        ["cn2.cluster.test", "A"],
    ]
    assert "@10.11.0.10" in ports.runner.ran[0]
    answers["cn1.cluster.test"] = "10.11.0.99\n"
    Dns(ports).prove()  # one odd node is a warning
    assert "resolves to 10.11.0.99" in ports.log.lines[-1]
    answers["cn2.cluster.test"] = ""
    with pytest.raises(HamnError, match=r"resolves to 10\.11\.0\.99.*all 2 nodes"):
        Dns(ports).prove()
    Dns(ports).examine()  # a monitor does not mind: an administrator may be adding nodes


@pytest.mark.parametrize("output", ["", ";; communications error: timed out\n"])
def test_dns_silence_is_a_failure_whatever_dig_s_exit_code(ports, output):
    ports.xcat = Xcat(site=[DOMAIN])
    ports.runner = Runner(lambda argv: (0, output, ""))
    with pytest.raises(CommandFailed, match="got no answer"):
        Dns(ports).prove()


def test_dns_asks_xcat_for_its_domain_at_every_start(ports):
    ports.remember("dns", {"domain": "old.test"})
    ports.xcat = Xcat(site=[DOMAIN])
    ports.runner = Runner(lambda argv: (0, "something\n", ""))
    service = Dns(ports)
    service.regenerate()
    service.prove()
    assert ports.facts("dns") == {"domain": "cluster.test"}


# -- dhcp ----------------------------------------------------------------------------------


def test_dhcp_does_not_believe_makedhcp(ports, machine, monkeypatch):
    machine.name = "dhcpd"
    monkeypatch.setattr(Dhcp, "units", ["isc-dhcp-server"])
    ports.xcat = Xcat()
    Dhcp(ports).regenerate()
    assert ports.xcat.ran == ["makedhcp -n", "makedhcp -a"]
    assert machine.done == ["restart isc-dhcp-server"]  # makedhcp -n had left nothing running
    ports.xcat.effects["makedhcp -n"] = machine.spawn
    machine.done.clear()
    Dhcp(ports).regenerate()
    assert machine.done == []


def test_dhcp_reservations_that_were_written_into_the_void_are_made_again(
    ports, machine, monkeypatch, tmp_path
):
    machine.name = "dhcpd"
    machine.spawn()
    monkeypatch.setattr(Dhcp, "units", ["isc-dhcp-server"])
    hosts = tmp_path / "hosts"
    hosts.write_text("10.11.0.101 cn1.cluster.test cn1\n10.11.0.102 cn2\n")
    monkeypatch.setattr(dhcp, "HOSTS", str(hosts))
    rows = [{"node": name, "mac": "02:00:00:00:00:01"} for name in ("cn1", "cn2", "unnamed")]
    ports.xcat = Xcat(nodelist=rows, mac=rows)
    with pytest.raises(HamnError, match=r"no reservation of cn1, cn2: look"):
        Dhcp(ports).regenerate()
    assert ports.xcat.ran.count("makedhcp -a") > 1
    listed = "cn2: ip-address = 10.11.0.102, hardware-address = 02:00:00:00:00:01\n"

    def listens():
        if ports.xcat.ran.count("makedhcp -a") > 1:
            ports.xcat.prints["makedhcp -q cn1,cn2"] = listed

    ports.xcat.ran.clear()
    ports.xcat.effects["makedhcp -a"] = listens
    Dhcp(ports).regenerate()
    assert ports.xcat.ran.count("makedhcp -a") == 2


def test_dhcp_is_asked_from_the_service_address(ports, machine, monkeypatch):
    machine.name = "dhcpd"
    asked = []
    monkeypatch.setattr(dhcp_probe, "probe", lambda address, deadline: asked.append(address))
    Dhcp(ports).prove()
    assert asked == ["10.11.0.10"]
    for address in ("", "fd11::10"):
        ports.address = address
        with pytest.raises(HamnError, match="ended after its start"):
            Dhcp(ports).prove()
    machine.spawn()
    Dhcp(ports).prove()
    assert asked == ["10.11.0.10"]


# -- console -------------------------------------------------------------------------------

CONSERVER = """\
default * {
  logfile /var/log/consoles/&;
}
#xCAT BEGIN cn1 CONS
console cn1 {
  type exec;
}
console cn2 {
}
"""


@pytest.fixture
def consoles(ports, machine, monkeypatch, tmp_path):
    machine.name = "conserver"
    monkeypatch.setattr(Console, "units", ["conserver"])
    monkeypatch.setattr(console, "CONFIGURATION", str(tmp_path / "conserver.cf"))
    (tmp_path / "conserver.cf").write_text(CONSERVER)
    return Console(ports)


def test_the_consoles_of_a_configuration():
    assert consoles_in(CONSERVER) == {"cn1", "cn2"}


def test_every_console_must_be_listed(consoles, ports):
    shown = " cn1   on /dev/pts/0   at Local\n cn2   on /dev/pts/1   at Local\n"
    ports.runner = Runner(lambda argv: (0, shown, ""))
    consoles.prove()
    ports.runner = Runner(lambda argv: (0, shown.splitlines()[0], ""))
    with pytest.raises(HamnError, match=r"does not list console cn2 \(1 in all\)"):
        consoles.prove()


def test_a_client_that_could_not_connect_ends_with_0(consoles, ports):
    words = "console: Unable to connect to 10.11.0.10:782"
    ports.runner = Runner(lambda argv: (0, "", words))
    with pytest.raises(CommandFailed, match="Unable to connect"):
        consoles.prove()


def test_without_consoles_the_service_is_idle_until_its_stop(consoles, machine, tmp_path):
    (tmp_path / "conserver.cf").write_text("default * {\n}\n")
    assert consoles.state(deep=False).word == "stopped"
    consoles.start()
    consoles.prove()
    assert consoles.state(deep=True).word == "healthy"
    assert machine.done == []
    consoles.stop()
    assert consoles.state(deep=False).word == "stopped"


def test_goconserver_is_refused_with_a_sentence(ports, monkeypatch):
    monkeypatch.setattr(Console, "units", [])
    monkeypatch.setattr(console, "installed", lambda names: list(names))
    with pytest.raises(MissingTool, match="goconserver"):
        Console(ports).unit()


# -- osdeploy ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "present", "word", "words"),
    [
        ([], set(), "healthy", ""),
        (["a", "b"], {"a", "b", "c"}, "healthy", ""),
        (["a", "b"], {"a"}, "healthy", "1 of 2 nodes have no boot file (b)"),
        (["a", "b", "c", "d"], set(), "stopped", "4 of 4 nodes have no boot file (a, b, c, ...)"),
    ],
)
def test_boot_files_of_nodes(nodes, present, word, words):
    found = verdict(nodes, present)
    assert found.word == word
    assert words in found.reason if words else not found.reason


def test_a_node_without_a_state_boots_from_nothing():
    chain = [
        {"node": "a", "currstate": "boot"},
        {"node": "b", "currstate": "install debian12-x86_64"},
        {"node": "c", "currstate": "ondiscover"},
        {"node": "d", "currstate": ""},
    ]
    assert expected(chain) == ["a", "b"]


def test_osdeploy_writes_looks_and_runs_until_its_stop(ports, tmp_path):
    ports.xcat = Xcat(
        site=[{"key": "tftpdir", "value": str(tmp_path)}],
        chain=[{"node": "cn1", "currstate": "boot"}],
    )
    service = OsDeploy(ports)
    service.regenerate()
    assert ports.xcat.ran == ["nodeset all enact"]
    with pytest.raises(HamnError, match="1 of 1 nodes have no boot file"):
        service.prove()
    assert service.state(deep=False).word == "stopped"
    boot = tmp_path / osdeploy._BOOT_DIRECTORIES[0]
    boot.mkdir(parents=True)
    (boot / "cn1").write_text("#!gpxe\n")
    service.prove()
    assert service.state(deep=True).word == "healthy"
    (boot / "cn1").unlink()
    assert service.state(deep=True).word == "broken"
    service.stop()
    assert service.state(deep=False).word == "stopped"


def test_osdeploy_without_nodes_calls_nothing(ports):
    ports.xcat = Xcat()
    OsDeploy(ports).regenerate()
    assert ports.xcat.ran == []


def test_unknown_services_have_no_class():
    from xcat_hamn import services

    assert {services.make(name, SimpleNamespace()).name for name in services.NAMES} == set(
        services.NAMES
    )
    with pytest.raises(KeyError):
        services.make("nfs", SimpleNamespace())
