"""What a node must have before its Db2 database can be run: validate-all at level 10."""

from __future__ import annotations

import os

from xcat_hamn import errors
from xcat_hamn.database.db2 import hadr, introduction, nodes, pairing
from xcat_hamn.database.db2.instance import INSTANCE_DOWN, CommandRefused
from xcat_hamn.database.db2.introduction import Introduction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xcat_hamn.database.db2.instance import Instance
    from xcat_hamn.ocf.log import Log

#: Seconds until a dead primary is noticed, fenced, and its standby told to take over, where nobody
#: is asked first; an operator's decision comes on top.
_NEEDED = 60
_QUICK = 10.0

_NEEDED_PROGRAMS = ("db2", "db2pd", "db2start", "db2stop")
_CLUSTER_PROGRAMS = ("setpriv", "attrd_updater", "crm_attribute")


def problems(instance: Instance, log: Log, node: str, others: Mapping[str, str]) -> list[Exception]:
    """Return everything that keeps ``node`` from running the database; changes nothing.

    ``others``: how the other nodes introduced theirs, by node.
    """
    found = [*_programs(instance, _NEEDED_PROGRAMS, _CLUSTER_PROGRAMS), *_owner(instance)]
    if found:
        return found
    return [*_boot(instance), *_database(instance, log, node, others)]


def swap_problems(instance: Instance, *, named: bool) -> list[Exception]:
    """Return what keeps the host's name from being changed under the instance.

    ``named``: a host name that moves is given at all.
    """
    if not named:
        return [
            errors.NodeError(
                "parameter db2_instance is set and hostname is not, so no name moves: set hostname,"
                " or leave db2_instance out"
            )
        ]
    found = [*_programs(instance, ("db2", "db2pd", "db2gcf", "db2stop"), ()), *_owner(instance)]
    if found:
        return found
    path = f"{instance.home}/sqllib/db2nodes.cfg"
    text = _text_of(path)
    members = [line for line in text.splitlines() if line.strip()]
    if not nodes.host_of(text) or len(members) != 1:
        found.append(
            errors.NodeError(
                f"{path} has {len(members)} members and not member 0 alone, which is all that a "
                "change of the host's name can be made for: leave db2_instance out"
            )
        )
    return found


def _text_of(path: str) -> str:
    from xcat_hamn.system.files import read_text

    return read_text(path) or ""


def _programs(
    instance: Instance, needed: Sequence[str], others: Sequence[str]
) -> Iterator[Exception]:
    from xcat_hamn.system.runner import find_executable

    try:
        programs = [instance.program(name) for name in needed]
    except errors.MissingTool as problem:
        yield problem
        return
    if not os.path.isdir(f"{instance.home}/sqllib"):
        yield errors.MissingTool(
            f"user {instance.name} has no Db2 instance ({instance.home}/sqllib is missing): create "
            "it with db2icrt, or correct parameter instance"
        )
        return
    for program in (*programs, *others):
        try:
            find_executable(program)
        except errors.MissingTool as problem:
            yield problem


def _owner(instance: Instance) -> Iterator[Exception]:
    """Complain of an instance that belongs to somebody else than its name says."""
    import pwd

    try:
        folder = os.stat(f"{instance.home}/sqllib")
        expected = pwd.getpwnam(instance.name).pw_uid
    except (OSError, KeyError, errors.MissingTool):
        return  # told already
    if folder.st_uid != expected:
        yield errors.NodeError(
            f"{instance.home}/sqllib does not belong to {instance.name}, so it is another "
            "instance: correct parameter instance"
        )


def _boot(instance: Instance) -> Iterator[Exception]:
    """Complain of an instance that starts at boot, where a client could activate the database."""
    program = instance.program("db2set")
    if not os.access(program, os.X_OK):
        return
    try:
        said = instance.run([program, "DB2AUTOSTART"], _QUICK)
    except errors.HamnError:
        return
    if said.stdout.strip().upper() == "YES":
        yield errors.NodeError(
            f"instance {instance.name} starts at boot, behind the cluster's back, and a client "
            f"could make its database a second primary: run db2iauto -off {instance.name}"
        )


def _database(
    instance: Instance, log: Log, node: str, others: Mapping[str, str]
) -> Iterator[Exception]:
    """Check that the database is there, that db2pd tells what it is, and how it is configured."""
    try:
        known = databases(instance)
        condition, found = instance.look()
    except errors.HamnError as problem:
        yield problem
        return
    if known and instance.database.upper() not in known:
        yield errors.NodeError(
            f"instance {instance.name} has no database {instance.database} (it has "
            f"{', '.join(known)}): correct parameter database, or restore the database here"
        )
        return
    try:
        here = introduce(instance)
    except errors.HamnError as problem:
        if condition != INSTANCE_DOWN:
            yield problem
            return
        log.warning(f"the configuration of {instance.database} was not checked: {problem}")
        return
    heartbeat = found.heartbeat_interval if found is not None else None
    yield from _configuration(instance, log, here, heartbeat)
    yield from _partners(log, node, here, others)


def databases(instance: Instance) -> list[str]:
    """Return the databases of the instance, in capitals; also while it is stopped."""
    try:
        said = instance.db2("LIST DATABASE DIRECTORY", _QUICK)
    except CommandRefused:
        return []
    lines = (line.partition("=") for line in said.splitlines())
    return [
        value.strip().upper()
        for label, _, value in lines
        if " ".join(label.split()).lower() == "database name"
    ]


def introduce(instance: Instance) -> Introduction:
    """Return the release and the configuration here.  Raises CommandFailed, CommandTimeout."""
    configuration = instance.configuration()
    program = instance.program("db2level")
    release: tuple[int, ...] = ()
    if os.access(program, os.X_OK):
        release = introduction.parse_release(instance.run([program], _QUICK).stdout)
    return Introduction(release, configuration)


def _configuration(
    instance: Instance, log: Log, here: Introduction, heartbeat: int | None
) -> Iterator[Exception]:
    role = here.configuration.role
    if role not in (hadr.PRIMARY, hadr.STANDBY):
        yield errors.NodeError(
            f"database {instance.database} has role {role or 'unknown'}, and is no HADR "
            "database: make it one with `xcat-hamn setup database`"
        )
    more = [heartbeat] if heartbeat else []
    for warning in pairing.warnings(here.configuration, _NEEDED, *more):
        log.warning(warning)


def _partners(
    log: Log, node: str, here: Introduction, others: Mapping[str, str]
) -> Iterator[Exception]:
    """Compare with what the other nodes said at their start."""
    if not others:
        log.warning("the database was compared with no other node's: none has started it yet")
    for name, text in sorted(others.items()):
        there = introduction.parse(text)
        for sentence in introduction.mismatches(here, there, (node, name)):
            yield errors.NodeError(sentence)
        for warning in introduction.warnings(here, there, (node, name)):
            log.warning(warning)
