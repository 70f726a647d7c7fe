"""What rsync's and ssh's last words mean, as a kind and a sentence that says what to do.

Both run in the C locale.  rsync's exit codes: rsync(1), "EXIT VALUES"; 255 is ssh's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xcat_hamn.files import ports
from xcat_hamn.files.receiver.refusal import found_in

#: In this order: what stands higher explains what stands lower.  {peer} is the other node.
_SAID: tuple[tuple[str, str, str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|"
        r"host key .* has changed|No .* host key is known",
        ports.HOST_KEY,
        "the host key of {peer} is not the one that is known: when it was really installed anew, "
        "run `xcat-hamn setup files`; else something else answers in its place",
    ),
    (
        r"Permission denied \(|Too many authentication failures|no mutual signature",
        ports.REFUSED_KEY,
        "{peer} does not accept the key of this node: run `xcat-hamn setup files`, which puts it "
        "into root's authorized_keys there, and look at PermitRootLogin (forced-commands-only is "
        "enough) in its sshd_config",
    ),
    (
        r"No space left on device|Disk quota exceeded|\(28\)|\(122\)",
        ports.FULL,
        "there is no room left on {peer}: make room on the file system that it copies to",
    ),
    (
        r"Read-only file system|\(30\)$",
        ports.READ_ONLY,
        "the file system on {peer} is read-only: look at the kernel's messages there, repair it "
        "and mount it anew",
    ),
    (
        r"Connection (?:refused|timed out|reset|closed)|No route to host|Network is unreachable|"
        r"Could not resolve|not responding|Broken pipe|kex_exchange_identification|"
        r"Operation timed out|[Cc]ontrol socket|mux_client|UNKNOWN port 65535|"
        r"error in rsync protocol data stream|connection unexpectedly closed|timeout in data",
        ports.UNREACHABLE,
        "{peer} does not answer, or the connection was lost: look at the network, and whether "
        "sshd runs there",
    ),
    (
        r"on remote machine: |unknown option|syntax or usage error|requested action not supported",
        ports.TOOL,
        "the two versions of rsync do not understand each other; at least 3.1.3 is needed on both",
    ),
)
_COMPILED = tuple((re.compile(form, re.MULTILINE), kind, text) for form, kind, text in _SAID)
_VANISHED = re.compile(r"file has vanished: |failed verification -- update discarded")


@dataclass(frozen=True)
class Outcome:
    """A kind of ``ports`` and its sentence ("" when all is well)."""

    kind: str
    sentence: str = ""


def outcome(code: int, stderr: str, peer: str) -> Outcome:
    """Return what the exit ``code`` and the last words of rsync or ssh mean."""
    if code == 0:
        return Outcome(ports.OK)
    refused = found_in(stderr)
    if refused:
        kind = refused[0] if refused[0] in ports.KINDS[1:] else ports.REFUSED
        return Outcome(kind, f"{peer} refuses: {_printable(refused[1])}")
    if code == 24:
        return Outcome(ports.VANISHED, "files went away while they were copied")
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for form, kind, text in _COMPILED:
        found = next((line for line in lines if form.search(line)), None)
        if found is not None:
            return Outcome(kind, f"{text.format(peer=peer)} ({_shown(found)})")
    telling = [line for line in lines if not line.startswith("rsync error:")]
    if code == 23:
        if telling and all(_VANISHED.search(line) for line in telling):
            return Outcome(ports.VANISHED, "files changed or went away while they were copied")
        here = next((line for line in telling if line.startswith("rsync: [sender]")), "")
        if here:
            return Outcome(ports.SOURCE, f"a file here cannot be read ({_shown(here)})")
    last = _shown(telling[0]) if telling else "it said nothing"
    return Outcome(ports.FAILED, f"the copy to {peer} failed: {last} (exit code {code})")


def _shown(line: str) -> str:
    return _printable(re.sub("^rsync: ", "", line))[:300]


def _printable(text: str) -> str:
    """Return ``text`` without what could move a terminal's cursor: the other side wrote it."""
    return "".join(character if character.isprintable() else "?" for character in text)


_ESCAPE = re.compile(rb"\\#([0-7]{3})")


def parse_items(stdout: str) -> list[tuple[str, bytes]]:
    """Return (what, name) for each line of ``--out-format=%i %n``.

    ``what`` is rsync's itemized change, ``*deleting`` for a deletion.  rsync writes what is not
    printable in the C locale as ``\\#ooo``; a directory's name ends with a slash.
    """
    found = []
    for line in stdout.split("\n"):
        what, _, name = line.partition(" ")
        if len(what) == 11 and what[0] in "<>ch.*" or what == "*deleting":
            text = name.lstrip(" ") if what == "*deleting" else name
            raw = _ESCAPE.sub(lambda code: bytes([int(code[1], 8) & 0xFF]), text.encode())
            found.append((what, raw.rstrip(b"/") or b"."))
    return found
