"""What validate-all at level 10 finds missing on a node."""

from __future__ import annotations

import os

import pytest
from xcat_hamn import errors
from xcat_hamn.database.postgresql import environment
from xcat_hamn.database.postgresql.installation import Installation
from xcat_hamn.system import library, runner
from xcat_hamn.system.runner import Result


class StandInRunner:
    enabled = ()

    def run(self, argv, **options):
        assert argv[:2] == ["systemctl", "is-enabled"]
        said = "enabled" if argv[2] in self.enabled else "disabled"
        return Result(argv, 0, said + "\n", "", 0.0)


@pytest.fixture
def node(tmp_path, monkeypatch):
    """Give a node that has everything; tests take something away."""
    (tmp_path / "bin").mkdir()
    for name in ("postgres", "pg_controldata", "pg_basebackup"):
        (tmp_path / "bin" / name).write_text("")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "pass").write_text("*:*:replication:xcat_repl:secret\n")
    (tmp_path / "pass").chmod(0o600)
    monkeypatch.setattr(runner, "find_executable", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(library, "distribution_library", lambda *_: None)
    return Installation(
        StandInRunner(),
        pgdata=str(tmp_path / "main"),
        user=os.environ.get("USER", "root") if os.geteuid() else "root",
        bindir=str(tmp_path / "bin"),
        config_file="",
    )


def found(node, tmp_path, passfile="pass"):
    return environment.problems(node, str(tmp_path / passfile) if passfile else "")


def only(problems, kind, *words):
    assert len(problems) == 1, problems
    assert isinstance(problems[0], kind)
    for word in words:
        assert word in str(problems[0])
    assert ": " in str(problems[0]), "the sentence says what to do"


def test_a_complete_node_has_no_problem(node, tmp_path):
    assert found(node, tmp_path) == []
    assert found(node, tmp_path, passfile="") == []


def test_an_unknown_user(node, tmp_path):
    node.user = "nobody-of-that-name"
    only(found(node, tmp_path), errors.MissingTool, "nobody-of-that-name")


def test_an_absent_password_file(node, tmp_path):
    only(found(node, tmp_path, "absent"), errors.NodeError, "absent", "No such file")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_password_file_that_postgresql_would_ignore(node, tmp_path, mode):
    (tmp_path / "pass").chmod(mode)
    only(found(node, tmp_path), errors.PermissionProblem, "chmod 0600")


def test_missing_programs(node, tmp_path):
    (tmp_path / "bin/pg_basebackup").unlink()
    only(found(node, tmp_path), errors.MissingTool, "pg_basebackup", "bindir")


@pytest.mark.parametrize("tool", ["setpriv", "attrd_updater", "crm_attribute"])
def test_missing_tools(node, tmp_path, monkeypatch, tool):
    def find(name):
        if name == tool:
            raise errors.MissingTool(f"`{name}` is not installed: install it")
        return name

    monkeypatch.setattr(runner, "find_executable", find)
    only(found(node, tmp_path), errors.MissingTool, tool)


def test_a_missing_library(node, tmp_path, monkeypatch):
    def missing(name, package):
        raise errors.MissingTool(f"no {name}: install {package}")

    monkeypatch.setattr(library, "distribution_library", missing)
    only(found(node, tmp_path), errors.MissingTool, "python3-psycopg2")


def test_a_directory_without_a_database(node, tmp_path):
    (tmp_path / "main").mkdir()
    (tmp_path / "main/something").write_text("")
    only(found(node, tmp_path), errors.NodeError, "PG_VERSION")


@pytest.mark.parametrize("unit", ["postgresql.service", "postgresql@.service"])
def test_a_server_that_starts_at_boot(node, tmp_path, unit):
    node.runner.enabled = (unit,)
    only(found(node, tmp_path), errors.NodeError, f"systemctl disable {unit}")


def test_every_problem_is_reported_at_once(node, tmp_path):
    (tmp_path / "bin/postgres").unlink()
    (tmp_path / "pass").chmod(0o644)
    assert len(found(node, tmp_path)) == 2
