"""The key that opens one command, and host keys that are known beforehand.

OpenSSH's own programs make and read the keys; this writes the two lines that matter: what the other
node's key may do here, and which host keys the other node has.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from xcat_hamn.errors import CommandFailed, NodeError
from xcat_hamn.files.connection import alias
from xcat_hamn.files.places import RECEIVER, Places
from xcat_hamn.system.files import read_text, write_text
from xcat_hamn.system.runner import Runner

#: Curve 25519 where the policy allows it (FIPS 140-2 does not).
_KINDS = (("ed25519",), ("ecdsa", "-b", "256"))
_PUBLIC = re.compile(r"(ssh-[a-z0-9-]+|ecdsa-[a-z0-9-]+) ([A-Za-z0-9+/]{16,}={0,3})(?: .*)?")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,253}")


def make_key(places: Places, node: str, runner: Runner) -> str:
    """Return this node's public key, after making the pair unless it is there.

    Raises CommandFailed when no kind of key can be made.
    """
    path = f"{places.keys}/id"
    text = read_text(f"{path}.pub")
    if text is None or read_text(path) is None:
        os.makedirs(places.keys, mode=0o700, exist_ok=True)
        os.chmod(places.keys, 0o700)
        for kind in _KINDS:
            argv = ["ssh-keygen", "-q", "-N", "", "-C", f"xcat-filesync {node}", "-f", path]
            said = runner.run([*argv, "-t", *kind], timeout=60, input="y\n")
            if said.ok:
                break
        else:
            raise CommandFailed(f"{path} cannot be made: ssh-keygen says {said.last_line()}")
        text = read_text(f"{path}.pub")
    return public(text or "", f"{path}.pub")


def public(text: str, where: str) -> str:
    """Return kind and key of a public key, without its comment.  Raises NodeError."""
    found = _PUBLIC.fullmatch(text.strip())
    if not found:
        raise NodeError(f"{where} holds no public key of OpenSSH: make it anew with ssh-keygen")
    return f"{found[1]} {found[2]}"


def authorization(
    here: str, peer: str, key: str, *, program: Sequence[str] = (RECEIVER,), address: str = ""
) -> str:
    """Return the line of authorized_keys with which ``peer``'s ``key`` may send files to ``here``.

    ``address``: the only one that it may come from, where that is known to stay.
    """
    for node in (here, peer):
        if not _NODE.fullmatch(node):
            raise NodeError(f'"{node}" is no name of a cluster node')
    command = " ".join(shlex.quote(word) for word in (*program, here, peer))
    if '"' in command or "\\" in command:
        raise NodeError(f"{command} cannot stand in authorized_keys")
    limits = ["restrict", *([f'from="{address}"'] if address else []), f'command="{command}"']
    return f"{','.join(limits)} {key} xcat-filesync {peer}"


def authorize(path: str, line: str) -> bool:
    """Put ``line`` into the authorized_keys at ``path``, in place of an older one of its peer.

    Returns whether anything changed.  Other lines stay as they are.
    """
    mark = " ".join(line.split()[-2:])
    old = read_text(path)
    lines = [one for one in (old or "").splitlines() if not one.rstrip().endswith(f" {mark}")]
    new = "\n".join([*lines, line]) + "\n"
    if new == old:
        return False
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.makedirs(directory, mode=0o700)
    write_text(path, new, 0o600, durable=True)
    return True


def host_keys(directory: str = "/etc/ssh") -> list[str]:
    """Return this node's public host keys.  Raises NodeError when there is none."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        names = []
    found = [
        public(read_text(f"{directory}/{name}") or "", f"{directory}/{name}")
        for name in names
        if name.startswith("ssh_host_") and name.endswith(".pub")
    ]
    if not found:
        raise NodeError(f"{directory} holds no host key: install and start OpenSSH's server")
    return found


def know(places: Places, node: str, keys: Sequence[str]) -> None:
    """Let ``keys`` alone be the host keys of ``node``."""
    path, name = f"{places.keys}/known_hosts", alias(node)
    lines = [one for one in (read_text(path) or "").splitlines() if one.split()[:1] != [name]]
    os.makedirs(places.keys, mode=0o700, exist_ok=True)
    write_text(path, "\n".join([*lines, *(f"{name} {key}" for key in keys)]) + "\n", durable=True)
