"""xCAT's commands and its daemon, good, bad and hanging."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading

import pytest
from xcat_hamn.errors import (
    CommandFailed,
    CommandTimeout,
    DeadlineExceeded,
    HamnError,
    MissingTool,
    NodeError,
)
from xcat_hamn.services import xcatd_request
from xcat_hamn.services.xcat import Xcat
from xcat_hamn.services.xcat_table import rows
from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.runner import Result, Runner

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "lab")))
from xcat.standin import credentials

END = b"<xcatresponse>\n<serverdone></serverdone>\n</xcatresponse>\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Certificates as xCAT makes them, by the path that they have on a management node."""
    root = tmp_path_factory.mktemp("certificates")
    for file in credentials.create("xcat"):
        target = root / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text)
    return root


@pytest.fixture
def xcatd(folder, monkeypatch):
    """A daemon on loopback that answers every request with what the test sets."""
    for name in ("CREDENTIALS", "AUTHORITY"):
        path = getattr(xcatd_request, name)
        monkeypatch.setattr(xcatd_request, name, str(folder / path.lstrip("/")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "etc/xcat/cert/server-cred.pem")
    context.load_verify_locations(folder / "etc/xcat/cert/ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    made = Server(listener, context)
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.over.set()
    socket.create_connection(listener.getsockname()).close()
    thread.join()
    listener.close()


class Server:
    def __init__(self, listener, context):
        self.listener, self.context = listener, context
        self.port = listener.getsockname()[1]
        self.over = threading.Event()
        self.answer, self.hangs, self.resets = END, False, False
        self.requests = []

    def serve(self):
        while True:
            plain, _ = self.listener.accept()
            with plain:
                if self.over.is_set():
                    return
                if self.resets:
                    continue
                with self.context.wrap_socket(plain, server_side=True) as secure:
                    self.requests.append(secure.recv(65536))
                    if self.hangs:
                        self.over.wait(10)
                    secure.sendall(self.answer)

    def ask(self, *arguments, seconds=5):
        deadline = Deadline(seconds)
        return xcatd_request.request("127.0.0.1", "tabdump", arguments, deadline, self.port)


def test_a_table_is_read_over_tls(xcatd):
    xcatd.answer = (
        b"<xcatresponse>\n<data>#key,value,comments,disable</data>\n"
        b'<data>"domain","cluster.test",,</data>\n</xcatresponse>\n' + END
    )
    assert rows(xcatd.ask("site")) == [
        {"key": "domain", "value": "cluster.test", "comments": "", "disable": ""}
    ]
    (request,) = xcatd.requests
    assert request == (
        b"<xcatrequest><command>tabdump</command><arg>site</arg>"
        b"<clienttype>cli</clienttype></xcatrequest>\n"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"<xcatresponse><errorcode>1</errorcode><error>Permission denied for request"
            b"</error></xcatresponse>" + END,
            "policy table, so check the database",
        ),
        (b"<xcatresponse><error>no such table</error></xcatresponse>" + END, "no such table"),
        (b"<xcatresponse><data>half", "broke off in the middle"),
        (b"", "broke off in the middle"),
        (b"<xcatresponse>&&<serverdone/></xcatresponse>", "not XML"),
    ],
)
def test_wrong_answers_are_told(xcatd, answer, words):
    xcatd.answer = answer
    with pytest.raises(HamnError, match=words):
        xcatd.ask("site")


def test_escape_characters_do_not_break_the_answer(xcatd):
    xcatd.answer = b"<xcatresponse><data>\x1b[1mbold</data></xcatresponse>" + END
    assert xcatd.ask("site") == ["?[1mbold"]


def test_a_hanging_daemon_is_not_waited_for(xcatd):
    xcatd.hangs = True
    with pytest.raises(DeadlineExceeded, match="it hangs"):
        xcatd.ask("site", seconds=0.3)


def test_a_daemon_without_its_certificate_breaks_off(xcatd):
    xcatd.resets = True
    with pytest.raises(HamnError, match=r"server-cred\.pem"):
        xcatd.ask("site")


def test_nobody_listens(xcatd):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(HamnError, match="does not accept"):
        xcatd_request.request("127.0.0.1", "tabdump", ["site"], Deadline(2), port)


def test_a_certificate_of_another_authority_is_refused(xcatd, tmp_path, monkeypatch):
    for file in credentials.create("other"):
        if file.path == "/root/.xcat/ca.pem":
            (tmp_path / "ca.pem").write_text(file.text)
    monkeypatch.setattr(xcatd_request, "AUTHORITY", str(tmp_path / "ca.pem"))
    thread_errors = []
    monkeypatch.setattr(threading, "excepthook", thread_errors.append)
    with pytest.raises(HamnError, match="is not signed by"):
        xcatd.ask("site")


def test_without_credentials_the_node_is_wrong(xcatd, tmp_path, monkeypatch):
    monkeypatch.setattr(xcatd_request, "CREDENTIALS", str(tmp_path / "none"))
    with pytest.raises(NodeError, match="copy ~root/.xcat"):
        xcatd.ask("site")


def test_a_disabled_row_does_not_count():
    lines = ["#key,value,comments,disable", '"a","1",,', '"b","say ""hi""",,"yes"', '"c","x,y",,']
    assert [(row["key"], row["value"]) for row in rows(lines)] == [("a", "1"), ("c", "x,y")]
    assert rows([]) == rows(["no header"]) == []


class Commands:
    def __init__(self, code, output):
        self.outcome = (code, output, "")

    def run(self, argv, timeout):
        self.argv = argv
        return Result(argv, *self.outcome, 0.1)


@pytest.mark.parametrize(
    ("code", "output", "words"),
    [
        (1, "Error: failed to start named.", r"/makedns -n ended with 1 \(Error: failed to start"),
        (111, "Unable to open socket connection to xcatd daemon", "start it first"),
        (104, "SSL connect attempt failed", r"server-cred\.pem"),
        (255, "certificate verify failed", "do not fit together"),
        (1, "Error: Permission denied for request", "check the database"),
    ],
)
def test_a_failed_command_says_which_why_and_what_to_do(tmp_path, code, output, words):
    (tmp_path / "makedns").write_text("#!/bin/sh\n")
    (tmp_path / "makedns").chmod(0o755)
    xcat = Xcat(Commands(code, output), "10.11.0.10", Deadline(5))
    with pytest.raises(CommandFailed, match=words):
        xcat.command(f"{tmp_path}/makedns", "-n")


def test_a_command_is_asked_to_end_before_it_is_made_to(tmp_path):
    """xCAT's client tells xcatd to abort when it gets SIGTERM; a stand-in for it here."""
    tool, told = tmp_path / "makedhcp", tmp_path / "told"
    trap = f"trap 'echo abort > {told}; exit 1' TERM"
    tool.write_text(f"#!/bin/sh\n{trap}\nwhile :; do sleep 0.05; done\n")
    tool.chmod(0o755)
    deadline = Deadline(1.6)
    with pytest.raises(CommandTimeout, match="makedhcp -n had not ended after"):
        Xcat(Runner(deadline), "10.11.0.10", deadline).command(str(tool), "-n")
    assert told.read_text() == "abort\n"


def test_a_command_that_ignores_that_is_killed(tmp_path):
    tool = tmp_path / "makedhcp"
    tool.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n")
    tool.chmod(0o755)
    deadline = Deadline(1.6)
    with pytest.raises(CommandTimeout, match="had not ended after"):
        Xcat(Runner(deadline), "10.11.0.10", deadline).command(str(tool), "-n")


def test_an_absent_command_is_a_missing_tool():
    with pytest.raises(MissingTool, match="makedns-of-nobody"):
        Xcat(Commands(0, ""), "", Deadline(5)).command("makedns-of-nobody")
