"""BACKUP, RESTORE and ROLLFORWARD: as much of them as the set-up of a standby needs."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from typing import Any

from .configuration import Config
from .database import Database, create, fresh, names, replace
from .instance import Instance
from .log import place
from .messages import Refused


class Prompt(Exception):
    """The command asks before it goes on."""


def _image_name(name: str, instance: str, stamp: str, release: str) -> str:
    if release == "9.7":
        return f"{name}.0.{instance}.NODE0000.CATN0000.{stamp}.001"
    return f"{name}.0.{instance}.DBPART000.{stamp}.001"


def _unused_stamp(instance: Instance, database: Database, target: str) -> str:
    """Return the second of a backup: never that of another one, since a real one takes longer."""
    while True:
        stamp = time.strftime("%Y%m%d%H%M%S", time.localtime(instance.home.now()))
        used = {entry["stamp"] for entry in database.control.values.get("backups", [])}
        name = _image_name(database.name, instance.home.instance, stamp, instance.home.release)
        if stamp not in used and not os.path.exists(f"{target}/{name}"):
            return stamp
        time.sleep(0.05)


def backup(instance: Instance, database: Database, target: str, *, online: bool) -> str:
    """Write an image; return its timestamp.  Raises Refused."""
    control = database.control
    if control.role == "STANDBY":
        raise Refused("SQL1776N", reason=1)
    if not online and database.active:
        raise Refused("SQL1035N")
    if control.rollforward_pending:
        raise Refused("SQL1117N", database.name)
    if online and (not database.config.archives() or control.backup_pending):
        raise Refused("SQL2413N")
    if target != "/dev/null" and not os.path.isdir(target):
        raise Refused("SQL2036N", target)
    with database.command_lock, database.write_lock:
        if not database.active:
            database.open()
        stamp = _unused_stamp(instance, database, target)
        log = database.log
        meta = {
            "name": database.name,
            "origin": control.origin,
            "chains": control.chains,
            "base": [log.end, log.digest],
            "config": dict(database.config),
        }
        if target != "/dev/null":
            image = _image_name(database.name, instance.home.instance, stamp, instance.home.release)
            _write(f"{target}/{image}", meta, _rows(database))
        if not database.active:
            database.close()
        entry = {"stamp": stamp, "type": "N" if online else "F", "location": target}
        backups = [*control.values.get("backups", []), entry]
        control.change(backup_pending=False, last_backup=stamp, backups=backups)
    return stamp


def _rows(database: Database) -> bytes:
    assert database.writer is not None
    copy_path = f"{database.path}/backup.tmp"
    copy = sqlite3.connect(copy_path)
    database.writer.backup(copy)
    copy.close()
    with open(copy_path, "rb") as stream:
        data = stream.read()
    os.unlink(copy_path)
    return data


def _write(path: str, meta: dict[str, Any], rows: bytes) -> None:
    import io
    import tarfile

    with tarfile.open(path, "w") as image:
        for name, data in (("meta.json", json.dumps(meta).encode()), ("rows.sqlite", rows)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            image.addfile(entry, io.BytesIO(data))
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())


def _find(folder: str, name: str, stamp: str | None) -> str:
    if not os.path.isdir(folder):
        raise Refused("SQL2036N", folder)
    found = [f for f in os.listdir(folder) if f.split(".")[0] == name and f.endswith(".001")]
    found = [f for f in found if stamp is None or f.split(".")[-2] == stamp]
    if len(found) != 1:
        raise Refused("SQL2542N", name, stamp or "")
    return f"{folder}/{found[0]}"


def restore(
    instance: Instance, name: str, folder: str, stamp: str | None, *, asked: bool, pending: bool
) -> None:
    """Put an image in place of a database.  Raises Refused, or Prompt unless it was asked."""
    import tarfile

    name = name.upper()
    config: dict[str, str] | None = None
    if name in names(instance.home):
        database = instance.database(name)
        if database.active:
            raise Refused("SQL1035N")
        config = dict(database.config)
    image = _find(folder, name, stamp)
    if config is not None and not asked:
        raise Prompt
    with tarfile.open(image) as archive:
        members = {m.name: archive.extractfile(m) for m in archive.getmembers()}
        data = {key: stream.read() for key, stream in members.items() if stream is not None}
    meta = json.loads(data["meta.json"])
    values = fresh(name, meta["origin"], meta["chains"], meta["base"])
    values["config"] = meta["config"] if config is None else config
    values["rollforward_pending"] = pending and Config(meta["config"]).archives()
    temporary = f"{instance.home.own}/restore.tmp"
    with open(temporary, "wb") as stream:
        stream.write(data["rows.sqlite"])
    os.makedirs(instance.home.databases, exist_ok=True)
    replace(instance.home, name, values, temporary)
    os.unlink(temporary)
    if config is not None:
        instance.forget(instance.database(name))


def roll_forward(database: Database, *, complete: bool) -> str:
    """ROLLFORWARD; its end makes a database of its own, which never is that standby again."""
    pending = database.control.rollforward_pending
    if database.active:
        raise Refused("SQL1035N")
    if pending and complete:
        database.open()
        database.apply(database.log.end)
        database.fork()
        database.close()
        database.control.change(rollforward_pending=False)
        pending = False
    files = f"{place(database.control.base[0])[0]} - {place(database.log.end)[0]}"
    status = "DB  pending" if pending else "not pending"
    label = "Number of members have returned status"
    return (
        "\n                                 Rollforward Status\n\n"
        f" Input database alias                   = {database.name.lower()}\n"
        f" {label} = 1\n\n"
        " Member ID                              = 0\n"
        f" Rollforward status                     = {status}\n"
        " Next log file to be read               =\n"
        f" Log files processed                    = {files}\n"
        " Last committed transaction             = "
        f"{time.strftime('%Y-%m-%d-%H.%M.%S', time.gmtime(database.last_time() or 0))}.000000 UTC\n"
    )


def create_database(instance: Instance, name: str) -> None:
    """CREATE DATABASE.  Raises Refused."""
    if name.upper() in names(instance.home):
        raise Refused("SQL1005N", name.upper())
    os.makedirs(instance.home.databases, exist_ok=True)
    create(instance.home, name)
