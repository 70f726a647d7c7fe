"""Preparing two nodes for copying files to each other: keys, host keys, directories; then proof.

Everything goes over a connection that the administrator trusts already, so no host key and no key
is ever taken on the word of the network.  Each step asks first whether it is done.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from xcat_hamn.errors import HamnError, NodeError
from xcat_hamn.files import keys
from xcat_hamn.files.places import RECEIVER, Places
from xcat_hamn.files.ports import OK, UNREACHABLE, Result
from xcat_hamn.files.transfer import SshTransfer
from xcat_hamn.system.runner import Runner
from xcat_hamn.system.texts import Texts


@dataclass(frozen=True)
class Side:
    """A node: its cluster name, its own address, and the door to it.

    ``receiver``: the program that its sshd is to run for the key of the other node; ``ssh``: where
    its sshd looks for host keys; ``authorized``: root's authorized_keys; ``port``: of its sshd.
    """

    name: str
    address: str
    runner: Runner
    places: Places = Places()  # noqa: RUF009 - it cannot be changed
    receiver: str = RECEIVER
    ssh: str = "/etc/ssh"
    authorized: str = "/root/.ssh/authorized_keys"
    port: int = 22


@dataclass(frozen=True)
class Step:
    """One thing to do on ``side``; ``done`` asks whether it is there, ``do`` sees to it."""

    side: Side
    text: str
    done: Callable[[], bool]
    do: Callable[[], object]


def require(side: Side) -> None:
    """Raise HamnError when the node lacks a program; ssh-keygen is missed soon enough."""
    side.runner.run(["rsync", "--version"], timeout=20)
    if not side.runner.run(["test", "-x", side.receiver]).ok:
        raise NodeError(
            f"{side.receiver} is not on {side.name}: install the package xcat-hamn there, the same "
            "version on both nodes"
        )


def steps(sides: Sequence[Side]) -> Iterator[Step]:
    """Yield what is to be done on the two nodes, in order; later ones build on earlier ones."""
    for side in sides:
        yield _folders(side)
        yield _key(side)
    for sender, receiver in (sides, tuple(reversed(sides))):
        yield _authorization(sender, receiver, _key_of(sender))
        yield _host_keys(sender, receiver)


def _folders(side: Side) -> Step:
    paths = [side.places.state, side.places.aside, side.places.keys]
    texts = Texts(side.runner)

    def done() -> bool:
        modes = texts.modes(paths)
        return all(modes.get(path) == "700" for path in paths)

    def do() -> None:
        texts.folders(paths)

    return Step(side, "directories that only root can read", done, do)


def _key_of(side: Side) -> Callable[[], str | None]:
    """Return what asks for the node's key until there is one."""
    found: list[str] = []

    def ask() -> str | None:
        if not found:
            found.extend(filter(None, [keys.own_key(side.places, side.runner)]))
        return found[0] if found else None

    return ask


def _key(side: Side) -> Step:
    return Step(
        side,
        f"a key of its own, {side.places.keys}/id",
        lambda: keys.own_key(side.places, side.runner) is not None,
        lambda: keys.make_key(side.places, side.name, side.runner),
    )


def _authorization(sender: Side, receiver: Side, ask: Callable[[], str | None]) -> Step:
    def line(key: str) -> str:
        return keys.authorization(receiver.name, sender.name, key, program=[receiver.receiver])

    def done() -> bool:
        key = ask()
        old = Texts(receiver.runner).read(receiver.authorized)
        return key is not None and keys.authorized(old, line(key)) == old

    def do() -> None:
        key = ask() or keys.make_key(sender.places, sender.name, sender.runner)
        keys.authorize(receiver.authorized, line(key), receiver.runner)

    text = f"the key of {sender.name} may send file sets, and nothing else ({receiver.authorized})"
    return Step(receiver, text, done, do)


def _host_keys(sender: Side, receiver: Side) -> Step:
    path = keys.known_hosts(sender.places)

    def done() -> bool:
        old = Texts(sender.runner).read(path)
        return old is not None and keys.knowing(old, receiver.name, theirs()) == old

    def theirs() -> list[str]:
        return keys.host_keys(receiver.runner, receiver.ssh)

    def do() -> None:
        keys.know(sender.places, receiver.name, theirs(), sender.runner)

    return Step(sender, f"the host keys of {receiver.name} are known ({path})", done, do)


@dataclass(frozen=True)
class _Apart(Places):
    """The same node, but connections of our own: what the resident process has stays its."""

    folder: str = ""

    @property
    def run(self) -> str:
        """Return the directory of the connections."""
        return self.folder


def hello(here: Side, there: Side) -> Result:
    """Ask ``there`` from this node, with the key that copies use, whether it would receive."""
    with tempfile.TemporaryDirectory(prefix="xcat-hamn-hello.") as folder:
        places = _Apart(here.places.under, folder)
        transfer = SshTransfer(
            here.name, there.name, there.address, places, Runner(), port=there.port
        )
        try:
            peer = transfer.hello()
        finally:
            transfer.close()
    if peer.problem:
        return peer.problem
    if peer.node != there.name:
        sentence = (
            f"what answers at {there.address} calls itself {peer.node}, not {there.name}: correct "
            "the addresses of the nodes in the site file"
        )
        return Result(False, UNREACHABLE, sentence)
    return Result(True, OK, f"{there.name} receives the files of {here.name}")


def differences(sides: Sequence[Side]) -> list[str]:
    """Return a sentence for each definition of file sets that is not the same on both nodes."""
    found: list[dict[str, str]] = [{}, {}]
    for side, sums in zip(sides, found):
        for directory, plain in zip(side.places.definitions, Places().definitions):
            argv = ["find", directory, "-maxdepth", "1", "-name", "*.conf"]
            said = side.runner.run([*argv, "-exec", "sha256sum", "--", "{}", "+"])
            for line in said.stdout.splitlines():
                checksum, _, path = line.partition("  ")
                sums[plain + path[len(directory) :]] = checksum
    first, second = found
    names = [path for path in sorted({*first, *second}) if first.get(path) != second.get(path)]
    return [
        f"{path} is not the same on {sides[0].name} and {sides[1].name}, and a set that differs is "
        "not received: make it the same on both"
        for path in names
    ]


class Unprepared(HamnError):
    """A step did not do what it should; the sentence says which."""


def carry_out(step: Step) -> None:
    """Do a step and see that it is done.  Raises HamnError."""
    step.do()
    if not step.done():
        raise Unprepared(
            f"{step.side.name}: {step.text}: it was done and is not there: look whether something "
            "else writes the same files (a configuration management), then run this again"
        )
