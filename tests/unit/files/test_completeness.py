"""Credentials that fit together, by openssl's own word, and a directory to install from."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from xcat_hamn.files.completeness import credential_problem, problems
from xcat_hamn.files.sets import FileSet, Root, Sets
from xcat_hamn.system.runner import Runner

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30)


def authority(top):
    top.mkdir(parents=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", f"/CN={top.name}",
            "-keyout", top / "ca.key", "-out", top / "ca.pem")  # fmt: skip
    return top


def credential(ca, path, days=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mn", "-keyout", ca / "key",
            "-out", ca / "csr")  # fmt: skip
    openssl("x509", "-req", "-in", ca / "csr", "-CA", ca / "ca.pem", "-CAkey", ca / "ca.key",
            "-CAcreateserial", "-days", days, "-out", ca / "cert")  # fmt: skip
    path.write_text((ca / "key").read_text() + (ca / "cert").read_text())
    shutil.copy(ca / "ca.pem", path.parent / "ca.pem")


def test_a_complete_node_and_each_thing_that_it_may_lack(tmp_path):
    ca, other, runner = authority(tmp_path / "one"), authority(tmp_path / "two"), Runner()
    server = tmp_path / "etc/xcat/cert/server-cred.pem"
    client = tmp_path / "home/.xcat/client-cred.pem"
    install = tmp_path / "install"
    sets = Sets((FileSet("install", (Root("/install", str(install)),)),))

    def found():
        return problems(sets, runner, home=str(tmp_path / "home"), under=str(tmp_path))

    assert len(found()) == 3
    credential(ca, server)
    credential(ca, client)
    install.mkdir()
    assert ["install is empty" in one for one in found()] == [True]
    (install / "autoinst").touch()
    assert found() == []

    whole = server.read_text()
    key, certificate = whole.split("-----BEGIN CERTIFICATE-----")
    foreign = (other / "ca.key").read_text()
    ca_file = str(server.parent / "ca.pem")
    for text, word in (
        (foreign + "-----BEGIN CERTIFICATE-----" + certificate, "not that of the certificate"),
        (key, "no certificate"),
        ("-----BEGIN CERTIFICATE-----" + certificate, "no private key"),
        ("", "no certificate"),
        (whole[:-200], "no certificate"),
    ):
        server.write_text(text)
        assert word in credential_problem(str(server), ca_file, runner)
    server.write_text(whole)
    shutil.copy(other / "ca.pem", ca_file)
    assert "not accepted" in credential_problem(str(server), ca_file, runner)
    assert "server-cred.pem is not accepted" in found()[0]
