"""Whether a node has what the role needs: usable credentials, and something to install nodes from.

Asked before the services of a new active node start.  A certificate whose key is another one's, or
that its CA did not sign, would let xcatd start and fail every request (``xcat.md``: silently).
"""

from __future__ import annotations

import os

from xcat_hamn.errors import HamnError
from xcat_hamn.files.marks import filled
from xcat_hamn.files.sets import Sets
from xcat_hamn.system.runner import Runner

#: Key and certificate in one file, and the CA that signed it, relative to a set's root.
SERVER = ("/etc/xcat/cert/server-cred.pem", "/etc/xcat/cert/ca.pem")
CLIENT = (".xcat/client-cred.pem", ".xcat/ca.pem")


def credential_problem(credential: str, authority: str, runner: Runner) -> str | None:
    """Return why the key and certificate in ``credential`` cannot be used, or None.

    The private key stays in openssl; only public halves are compared.
    """
    for path in (credential, authority):
        if not os.path.isfile(path):
            return f"{path} is missing"
    try:
        own = runner.run(["openssl", "x509", "-in", credential, "-noout", "-pubkey"], timeout=20)
        key = runner.run(
            ["openssl", "pkey", "-in", credential, "-pubout", "-passin", "pass:"], timeout=20
        )
        chain = runner.run(["openssl", "verify", "-CAfile", authority, credential], timeout=20)
    except HamnError as problem:
        return str(problem)
    if not own.ok:
        return f"{credential} holds no certificate ({own.last_line()})"
    if not key.ok:
        return f"{credential} holds no private key that can be read ({key.last_line()})"
    if own.stdout.strip() != key.stdout.strip():
        return f"the private key in {credential} is not that of the certificate in it"
    if not chain.ok:
        return f"{credential} is not accepted by {authority} ({chain.last_line()})"
    return None


def problems(sets: Sets, runner: Runner, *, home: str = "/root", under: str = "") -> list[str]:
    """Return what is missing for the role on this node, a sentence each; none: it is complete.

    ``under`` is put before the absolute paths (tests).
    """
    pairs = [(under + SERVER[0], under + SERVER[1])]
    pairs.append((f"{home}/{CLIENT[0]}", f"{home}/{CLIENT[1]}"))
    found = []
    for credential, authority in pairs:
        why = credential_problem(credential, authority, runner)
        if why:
            found.append(
                f"{why}: copy the set credentials from the node that has them, or make them anew "
                "with xcatconfig -c"
            )
    install = sets.named("install")
    for root in install.roots if install else ():
        if not filled(root):
            found.append(
                f"{root.directory or root.label} is empty or not there: mount it, or copy the set "
                "install from the node that has it"
            )
    return found
