"""How commands of Db2 are called, and what is made of their answers."""

from __future__ import annotations

import os
import pwd

import pytest
from db2_samples import read
from xcat_hamn import errors
from xcat_hamn.database.db2 import hadr
from xcat_hamn.database.db2.instance import INSTANCE_DOWN, CommandRefused, Instance
from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.runner import Result

ME = pwd.getpwuid(os.geteuid())
DOWN = "Unable to attach to database manager on member 0.\n"
OFF = (
    "\nDatabase XCATDB not activated on database member 0 or this database name cannot be found in "
    "the local database directory.\n\nOption -hadr requires -db <database> or -alldbs option and "
    "active database.\n"
)


class Silent:
    def info(self, _message):
        """Say nothing."""

    warning = info


class Commands:
    """A stand-in for the Runner: answers by program, in turn; the last answer stays."""

    home = ME.pw_dir

    def __init__(self, **answers):
        self.answers = {name: list(found) for name, found in answers.items()}
        self.calls = []

    def run(self, argv, *, timeout, user, user_env, input):  # noqa: A002 - the Runner's name
        assert timeout > 0
        assert user == ME.pw_name
        assert user_env["DB2INSTANCE"] == ME.pw_name
        assert user_env["LD_LIBRARY_PATH"].startswith(f"{self.home}/sqllib/lib")
        name = os.path.basename(argv[0])
        self.calls.append([name, *argv[1:]])
        if argv[1:] == ["terminate"]:
            return Result(argv, 0, "DB20000I  The TERMINATE command completed successfully.", "", 0)
        waiting = self.answers[name]
        answer = waiting.pop(0) if waiting[1:] else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        code, text = answer
        return Result(argv, code, text, "", 0.0)

    def commands(self):
        """Return what was asked of db2 and the programs, without db2pd and terminate."""
        return [
            " ".join(call)
            for call in self.calls
            if call[0] != "db2pd" and call[1:] != ["terminate"]
        ]


def instance(commands):
    return Instance(commands, Deadline(20), Silent(), ME.pw_name, "XCATDB")


PRIMARY = "db2pd-11.5-primary-peer-nearsync-ddmmyyyy-lasttakeover"


def test_the_look_asks_db2pd_alone():
    commands = Commands(db2pd=[(0, read(PRIMARY))])
    one = Instance(commands, Deadline(5), Silent(), ME.pw_name, "XCATDB")
    condition, found = one.look()
    assert (condition, found.role) == (hadr.ACTIVE, hadr.PRIMARY)
    assert [call[0] for call in commands.calls] == ["db2pd"]


@pytest.mark.parametrize(("text", "condition"), [(DOWN, INSTANCE_DOWN), (OFF, hadr.NOT_ACTIVATED)])
def test_nothing_active(text, condition):
    assert instance(Commands(db2pd=[(1, text)])).look() == (condition, None)


def test_a_structure_that_changes_is_looked_at_again():
    busy = "Changing data structure forced command termination.\n"
    commands = Commands(db2pd=[(1, busy), (1, busy), (1, OFF)])
    assert instance(commands).look()[0] == hadr.NOT_ACTIVATED


def test_the_back_end_of_each_command_is_ended():
    answer = "DB20000I  The ACTIVATE DATABASE command completed successfully."
    commands = Commands(db2=[(0, answer)])
    instance(commands).activate()
    assert commands.calls == [["db2", "ACTIVATE", "DATABASE", "XCATDB"], ["db2", "terminate"]]


def test_a_warning_is_no_failure():
    text = "SQL1766W  The command completed successfully. However, LOGINDEXBUILD was not \nenabled."
    instance(Commands(db2=[(2, text)])).start_as_standby()


def test_a_refusal_tells_code_and_reason_however_lines_are_broken():
    text = 'SQL1770N  Takeover HADR cannot complete. Reason code = \n"9".\n'
    with pytest.raises(CommandRefused) as caught:
        instance(Commands(db2=[(4, text)])).db2("TAKEOVER HADR ON DATABASE XCATDB", 5)
    assert (caught.value.code, caught.value.reason) == ("SQL1770N", "9")


def test_applications_are_forced_off_a_database_that_they_hold():
    held = "SQL1495W  Deactivate database is successful, however, there is still a connection."
    done = "DB20000I  The DEACTIVATE DATABASE command completed successfully."
    force = "DB20000I  The FORCE APPLICATION command completed successfully."
    active = read(PRIMARY)
    commands = Commands(db2=[(2, held), (0, force), (0, done)], db2pd=[(0, active), (0, OFF)])
    Instance(commands, Deadline(9), Silent(), ME.pw_name, "XCATDB").deactivate(Deadline(9))
    asked = [command.split()[1] for command in commands.commands()]
    assert asked == ["DEACTIVATE", "FORCE", "DEACTIVATE"]


def test_an_instance_that_runs_is_started():
    text = "SQL1026N  The database manager is already active."
    instance(Commands(db2start=[(1, text)])).start_instance()


WRONG_HOST = 'SQL6031N  Error in the db2nodes.cfg file at line number "1".  Reason code "10".'


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of the instance's owner, with db2nodes.cfg."""
    (tmp_path / "sqllib").mkdir()
    monkeypatch.setattr(Instance, "home", str(tmp_path))
    monkeypatch.setattr(Commands, "home", str(tmp_path))
    return tmp_path


def test_an_instance_that_bears_the_name_of_another_host_gets_this_ones(home):
    """As after a power loss of a host that bore the name that moves."""
    (home / "sqllib/db2nodes.cfg").write_text("0 the-name-that-moves 0\n")
    commands = Commands(db2start=[(255, WRONG_HOST)], db2gcf=[(0, "DB2 Start : Success")])
    instance(commands).start_instance()
    assert commands.commands() == ["db2start", f"db2gcf -u -p 0 -i {ME.pw_name}"]
    refused = Commands(db2start=[(255, WRONG_HOST)], db2gcf=[(1, WRONG_HOST)])
    with pytest.raises(errors.CommandFailed, match="SQL6031N"):
        instance(refused).start_instance()


def test_an_instance_that_does_not_start_under_its_own_name_is_left_alone(home):
    (home / "sqllib/db2nodes.cfg").write_text(f"0 {os.uname().nodename} 0\n")
    commands = Commands(db2start=[(255, WRONG_HOST)])
    with pytest.raises(CommandRefused, match="SQL6031N"):
        instance(commands).start_instance()
    assert commands.commands() == ["db2start"]


def test_an_instance_is_stopped_orderly_then_by_force_then_killed():
    refused = (
        4,
        "SQL1025N  The database manager was not stopped because databases are still active.",
    )
    hangs = errors.CommandTimeout("`db2stop force` had not ended: look")
    commands = Commands(
        db2stop=[refused, hangs], db2_kill=[(0, "")], db2pd=[(0, OFF), (0, OFF), (1, DOWN)]
    )
    instance(commands).stop_instance()
    assert commands.commands() == ["db2stop", "db2stop force", "db2_kill"]
    clean = Commands(
        db2stop=[(0, "SQL1064N  DB2STOP processing was successful.")], db2pd=[(1, DOWN)]
    )
    instance(clean).stop_instance()
    assert clean.commands() == ["db2stop"]


def test_a_user_that_is_not_there_is_said():
    one = Instance(Commands(), Deadline(5), Silent(), "nobody-has-this-name", "XCATDB")
    with pytest.raises(errors.MissingTool, match="nobody-has-this-name"):
        one.look()
