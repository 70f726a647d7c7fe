"""The key that opens one command, and host keys that are known beforehand.

OpenSSH's own programs make and read the keys; this writes the two lines that matter: what the other
node's key may do here, and which host keys the other node has.  ``runner`` is the door to the node
on which that happens.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from xcat_hamn.errors import CommandFailed, NodeError
from xcat_hamn.files.connection import alias
from xcat_hamn.files.places import RECEIVER, Places
from xcat_hamn.system.runner import Runner
from xcat_hamn.system.texts import Texts

#: Curve 25519 where the policy allows it (FIPS 140-2 does not).
_KINDS = (("ed25519",), ("ecdsa", "-b", "256"))
_PUBLIC = re.compile(r"(ssh-[a-z0-9-]+|ecdsa-[a-z0-9-]+) ([A-Za-z0-9+/]{16,}={0,3})(?: .*)?")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,253}")


def own_key(places: Places, runner: Runner) -> str | None:
    """Return the node's public key, None while there is no pair.  Raises NodeError."""
    path = f"{places.keys}/id"
    texts = Texts(runner)
    if len(texts.modes([path, f"{path}.pub"])) < 2:
        return None
    return public(texts.read(f"{path}.pub") or "", f"{path}.pub")


def make_key(places: Places, node: str, runner: Runner) -> str:
    """Return the public key of ``node``, after making the pair unless it is there.

    Raises CommandFailed when no kind of key can be made.
    """
    path = f"{places.keys}/id"
    key = own_key(places, runner)
    if key is not None:
        return key
    Texts(runner).folders([places.keys])
    for kind in _KINDS:
        argv = ["ssh-keygen", "-q", "-N", "", "-C", f"xcat-filesync {node}", "-f", path]
        said = runner.run([*argv, "-t", *kind], timeout=60, input="y\n")
        if said.ok:
            break
    else:
        raise CommandFailed(f"{path} cannot be made: ssh-keygen says {said.last_line()}")
    return public(Texts(runner).read(f"{path}.pub") or "", f"{path}.pub")


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


def authorized(old: str | None, line: str) -> str:
    """Return the authorized_keys ``old`` with ``line``, in place of an older one of its peer."""
    mark = " ".join(line.split()[-2:])
    return _replaced(old or "", [line], lambda one: one.rstrip().endswith(f" {mark}"))


def _replaced(old: str, ours: Sequence[str], is_ours: Callable[[str], bool]) -> str:
    """Return ``old`` with ``ours`` alone for the lines that are ours; unchanged where it is so."""
    lines = old.splitlines()
    if [one for one in lines if is_ours(one)] == list(ours):
        return old
    return "\n".join([*(one for one in lines if not is_ours(one)), *ours]) + "\n"


def authorize(path: str, line: str, runner: Runner) -> bool:
    """Put ``line`` into the authorized_keys at ``path``; other lines stay as they are.

    Returns whether anything changed.
    """
    texts = Texts(runner)
    old = texts.read(path)
    new = authorized(old, line)
    if new != old:
        texts.write(path, new)
    return new != old


def host_keys(runner: Runner, directory: str = "/etc/ssh") -> list[str]:
    """Return the node's public host keys.  Raises NodeError when there is none."""
    argv = ["find", directory, "-maxdepth", "1", "-name", "ssh_host_*_key.pub", "-exec", "cat"]
    said = runner.run([*argv, "{}", ";"])
    lines = sorted(line for line in said.stdout.splitlines() if line.strip())
    if not lines:
        raise NodeError(f"{directory} holds no host key: install and start OpenSSH's server")
    return [public(line, directory) for line in lines]


def known_hosts(places: Places) -> str:
    """Return the file in which a node has the host keys of the others."""
    return f"{places.keys}/known_hosts"


def knowing(old: str | None, node: str, keys: Sequence[str]) -> str:
    """Return the known_hosts ``old`` in which ``keys`` alone are the host keys of ``node``."""
    name = alias(node)
    lines = [f"{name} {key}" for key in keys]
    return _replaced(old or "", lines, lambda one: one.split()[:1] == [name])


def know(places: Places, node: str, keys: Sequence[str], runner: Runner) -> bool:
    """Let ``keys`` alone be the host keys of ``node``.  Returns whether anything changed."""
    texts, path = Texts(runner), known_hosts(places)
    old = texts.read(path)
    new = knowing(old, node, keys)
    if new != old:
        texts.write(path, new)
    return new != old
