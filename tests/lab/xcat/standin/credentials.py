"""The certificates of an xCAT management node, made by the openssl command.

Made once and copied to both management nodes: xCAT's clients check the chain only, and policy
goes by common name, so they are never made again at a failover.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import NamedTuple

from . import LABEL, system

# Extensions as in xCAT-server/share/xcat/ca/openssl.cnf.tmpl: the CA carries an authority key id,
# the others none (Python 3.13's VERIFY_X509_STRICT refuses those, the real ones too).
CONFIGURATION = """\
# {label}
[ req ]
distinguished_name = dn
prompt = no
[ dn ]
commonName = {name}
[ ca ]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer
basicConstraints = critical,CA:true
keyUsage = cRLSign, keyCertSign
[ server ]
basicConstraints = CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = none
keyUsage = digitalSignature,keyAgreement,keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:{name}
[ client ]
basicConstraints = CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = none
keyUsage = digitalSignature,keyAgreement,keyEncipherment
extendedKeyUsage = clientAuth
"""


class File(NamedTuple):
    """A file of a node: absolute path, text, mode; a link has a target instead of a text."""

    path: str
    text: str
    mode: int
    link: str = ""


def create(server_name: str) -> list[File]:
    """Make a CA, the server's certificate (CN *server_name*) and root's client certificate.

    Raises CommandError when openssl fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        authority = _issue(folder, "ca", "xCAT CA (stand-in)", ("-x509",))
        signed = ("-x509", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key")
        server = _issue(folder, "server", server_name, signed)
        client = _issue(folder, "client", "root", signed)
    conf, home = "/etc/xcat", "/root/.xcat"
    return [
        File(f"{conf}/ca/ca-cert.pem", authority[0], 0o644),
        File(f"{conf}/ca/private/ca-key.pem", authority[1], 0o600),
        File(f"{conf}/cert/ca.pem", authority[0], 0o600),
        File(f"{conf}/cert/server-cert.pem", server[0], 0o600),
        File(f"{conf}/cert/server-key.pem", server[1], 0o600),
        File(f"{conf}/cert/server-cred.pem", "".join(server), 0o600),
        File(f"{home}/ca.pem", authority[0], 0o644),
        File(f"{home}/client-cert.pem", client[0], 0o600),
        File(f"{home}/client-key.pem", client[1], 0o600),
        File(f"{home}/client-cred.pem", "".join(client), 0o600),
    ]


def _issue(folder: str, kind: str, name: str, how: tuple[str, ...]) -> tuple[str, str]:
    configuration = f"{folder}/{kind}.cnf"
    with open(configuration, "w", encoding="ascii") as stream:
        stream.write(CONFIGURATION.format(label=LABEL, name=name))
    argv = [
        "openssl", "req", "-new", "-newkey", "rsa:2048", "-noenc", "-sha256", "-days", "7300",
        "-config", configuration, "-extensions", kind,
        "-keyout", f"{folder}/{kind}.key", "-out", f"{folder}/{kind}.pem", *how,
    ]  # fmt: skip
    code, text = system.run(argv)
    if code:
        raise system.CommandError(f"openssl req: {text.strip()}")
    with open(f"{folder}/{kind}.pem", encoding="ascii") as stream:
        certificate = stream.read()
    with open(f"{folder}/{kind}.key", encoding="ascii") as stream:
        return certificate, stream.read()


def main(arguments: list[str]) -> int:
    """``xcat-standin-credentials CN``: make them and put them in place."""
    if len(arguments) != 1:
        print("Usage: xcat-standin-credentials COMMON-NAME-OF-THE-SERVER", file=sys.stderr)
        return 1
    os.umask(0o077)
    for file in create(arguments[0]):
        system.write(file.path, file.text, file.mode)
    return 0
