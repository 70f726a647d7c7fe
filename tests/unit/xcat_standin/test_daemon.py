"""xcatd and its clients on loopback: exit codes and the traps of the real ones."""

from __future__ import annotations

import os
import socket
import sqlite3
import ssl
import stat
from typing import TYPE_CHECKING

import pytest
from xcat.standin import credentials, wire

if TYPE_CHECKING:
    from .conftest import Site


def test_tells_about_itself(serving: Site) -> None:
    done = serving.run("lsxcatd", "-a")
    assert done.returncode == 0
    assert "stand-in" in done.stdout
    assert done.stdout.splitlines()[1:] == ["This is a Management Node", "dbengine=SQLite"]


def test_dumps_tables_as_csv(serving: Site) -> None:
    lines = serving.run("tabdump", "site").stdout.splitlines()
    assert lines[0] == "#key,value,comments,disable"
    assert '"domain","cluster.test",,' in lines
    missing = serving.run("tabdump", "nix")
    assert (missing.returncode, "No such table: nix" in missing.stderr) == (1, True)


def test_a_node_is_defined_changed_and_removed(serving: Site) -> None:
    made = serving.run("mkdef", "-t", "node", "cn1", "groups=all", "ip=10.11.0.101")
    assert made.stdout == "1 object definitions have been created or modified.\n"
    assert serving.run("mkdef", "-t", "node", "cn1", "groups=all").returncode == 1
    assert serving.run("nodels").stdout == "cn1\n"
    serving.run("chdef", "cn1", "mac=02:00:00:00:00:01")
    assert "    mac=02:00:00:00:00:01\n" in serving.run("lsdef", "cn1").stdout
    assert serving.run("nodels", "all", "hosts.ip").stdout == "cn1: 10.11.0.101\n"
    assert serving.run("rmdef", "cn1").stdout == "1 object definitions have been removed.\n"
    gone = serving.run("nodels", "cn1")
    assert gone.returncode == 1
    assert "Invalid nodes and/or groups in noderange: cn1" in gone.stderr


def test_exit_code_111_when_the_daemon_is_down(site: Site) -> None:
    done = site.run("tabdump", "site")
    assert done.returncode == 111
    assert "Unable to open socket connection to xcatd daemon" in done.stdout


def test_exit_code_104_when_the_server_has_no_certificate(serving: Site) -> None:
    os.rename(serving.path("/etc/xcat/cert"), serving.path("/etc/xcat/cert.away"))
    done = serving.run("tabdump", "site")
    assert (done.returncode, "SSL connect attempt failed" in done.stderr) == (104, True)
    os.rename(serving.path("/etc/xcat/cert.away"), serving.path("/etc/xcat/cert"))
    assert serving.run("tabdump", "site").returncode == 0  # read again for every connection


def test_exit_code_255_when_the_authority_is_another(serving: Site) -> None:
    stranger = {file.path: file.text for file in credentials.create("other")}
    with open(serving.path("/root/.xcat/ca.pem"), "w", encoding="ascii") as stream:
        stream.write(stranger["/root/.xcat/ca.pem"])
    done = serving.run("tabdump", "site")
    assert (done.returncode, "certificate verify failed" in done.stderr) == (255, True)


def test_without_client_certificate_only_lsxcatd_is_allowed(serving: Site) -> None:
    os.unlink(serving.path("/root/.xcat/client-cred.pem"))
    allowed = serving.run("lsxcatd", "-d")
    assert allowed.returncode == 0
    assert "warning: the client certificates" in allowed.stdout
    denied = serving.run("tabdump", "site")
    assert (denied.returncode, "Permission denied" in denied.stderr) == (1, True)


def test_a_lost_database_denies_and_comes_back_by_itself(serving: Site) -> None:
    cfgloc = serving.path("/etc/xcat/cfgloc")
    with open(cfgloc, "w", encoding="ascii") as stream:
        stream.write("Pg:dbname=xcatdb;host=127.0.0.1|xcatadm|secret")
    denied = serving.run("tabdump", "site")
    assert denied.returncode == 1
    assert "Permission denied for request" in denied.stderr
    os.unlink(cfgloc)
    assert serving.run("tabdump", "site").returncode == 0


def test_a_refused_write_says_modified_and_keeps_nothing(site: Site) -> None:
    with sqlite3.connect(site.path("/etc/xcat/site.sqlite")) as database:
        for event in ("INSERT", "UPDATE"):
            database.execute(
                f"CREATE TRIGGER refuse_{event} BEFORE {event} ON site"
                " BEGIN SELECT RAISE(ABORT, 'as in a read-only transaction'); END"
            )
    site.start()
    done = site.run("chdef", "-t", "site", "domain=other.test")
    assert (done.returncode, "created or modified" in done.stdout) == (0, True)
    assert '"domain","cluster.test"' in site.run("tabdump", "site").stdout


@pytest.mark.parametrize(("text", "code"), [("fail", 1), ("slow 0.1", 0)])
def test_faults_come_on_request(serving: Site, text: str, code: int) -> None:
    os.makedirs(serving.path("/etc/xcat/standin-faults"))
    with open(serving.path("/etc/xcat/standin-faults/tabdump"), "w", encoding="ascii") as stream:
        stream.write(text)
    assert serving.run("tabdump", "site").returncode == code
    assert serving.run("nodels").returncode == 0


def test_xcatbypass_needs_no_daemon(site: Site) -> None:
    done = site.run("tabdump", "site", XCATBYPASS="1")
    assert '"domain","cluster.test",,' in done.stdout.splitlines()


def test_chtab_writes_without_the_daemon(site: Site) -> None:
    assert site.run("chtab", "key=domain", "site.value=new.test").returncode == 0
    assert '"domain","new.test",,' in site.run("tabdump", "site", XCATBYPASS="1").stdout


def test_both_ports_are_served(serving: Site) -> None:
    with socket.create_connection(("127.0.0.1", serving.install_port), timeout=5) as plain:
        assert plain.recv(100) == b"ready\n"


def test_the_wire_is_xcats(serving: Site) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(serving.path("/root/.xcat/ca.pem"))
    context.load_cert_chain(serving.path("/root/.xcat/client-cred.pem"))
    data = b""
    with (
        socket.create_connection(("127.0.0.1", serving.port), timeout=5) as plain,
        context.wrap_socket(plain) as secure,
    ):
        secure.sendall(
            b"<xcatrequest>\n <command>tabdump</command>\n <arg>site</arg>\n</xcatrequest>\n"
        )
        while b"serverdone" not in data:
            data += secure.recv(65536)
    responses, rest = wire.split_responses(data)
    assert rest.strip() == b""
    assert '"domain","cluster.test",,' in responses[0]["data"]
    assert "serverdone" in responses[-1]
    assert responses[0]["xcatdsource"] == [socket.gethostname().split(".")[0]]


def test_secrets_are_for_root_only(site: Site) -> None:
    for name in ("/root/.xcat/client-cred.pem", "/etc/xcat/cert/server-cred.pem"):
        assert stat.S_IMODE(os.stat(site.path(name)).st_mode) == 0o600


def test_it_says_everywhere_that_it_is_a_stand_in(site: Site) -> None:
    for folder, _, names in os.walk(site.path("/opt/xcat")):
        for name in names:
            if not name.endswith((".py", ".pyc")):
                with open(os.path.join(folder, name), encoding="utf-8") as stream:
                    assert "stand-in" in stream.read(), name
