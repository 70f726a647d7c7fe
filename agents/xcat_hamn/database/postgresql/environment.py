"""What a node must have before its database can be run: the checks of validate-all at level 10."""

from __future__ import annotations

import os

from xcat_hamn import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from xcat_hamn.database.postgresql.installation import Installation

#: Units that would start the server at boot, beside the cluster and as a primary.
_BOOT_UNITS = ("postgresql.service", "postgresql@.service")


def _account(installation: Installation, passfile: str) -> Iterator[Exception]:
    import pwd

    user = installation.user
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        yield errors.MissingTool(
            f'there is no user "{user}" on this node: install PostgreSQL, or set parameter user'
        )
        return
    if not passfile:
        return
    try:
        status = os.stat(passfile)
    except OSError as problem:
        yield errors.NodeError(
            f"password file {passfile} cannot be read ({problem.strerror}): create it with the "
            "password of the replication user"
        )
        return
    if status.st_uid != entry.pw_uid or status.st_mode & 0o077:
        yield errors.PermissionProblem(
            f"password file {passfile} must belong to {user} and be readable by it alone, or "
            f"PostgreSQL ignores it: chown {user} and chmod 0600 it"
        )


def _programs(installation: Installation) -> Iterator[Exception]:
    from xcat_hamn.system.library import distribution_library
    from xcat_hamn.system.runner import find_executable

    for name in ("postgres", "pg_controldata", "pg_basebackup"):
        try:
            installation.program(name)
        except errors.MissingTool as problem:
            yield problem
    for tool in ("setpriv", "attrd_updater", "crm_attribute"):
        try:
            find_executable(tool)
        except errors.MissingTool as problem:
            yield problem
    try:
        distribution_library("psycopg2", "python3-psycopg2")
    except errors.MissingTool as problem:
        yield problem


def _data(installation: Installation) -> Iterator[Exception]:
    if installation.is_empty():
        return
    try:
        installation.require_usable()
    except errors.HamnError as problem:
        yield problem


def _boot(installation: Installation) -> Iterator[Exception]:
    for unit in _BOOT_UNITS:
        try:
            said = installation.runner.run(["systemctl", "is-enabled", unit], timeout=5)
        except errors.HamnError:
            return
        if said.stdout.strip() == "enabled":
            yield errors.NodeError(
                f"{unit} starts PostgreSQL at boot, behind the cluster's back and possibly as a "
                f"second primary: run systemctl disable {unit}"
            )


def problems(installation: Installation, passfile: str) -> list[Exception]:
    """Return everything that keeps this node from running the database; changes nothing."""
    return [
        *_account(installation, passfile),
        *_programs(installation),
        *_data(installation),
        *_boot(installation),
    ]
