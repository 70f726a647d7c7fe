"""From a process call to a handler and back to an exit code.

``main`` is the only place that reads the environment and exits.  The rules it keeps for every
agent: bad parameters change nothing and let a stop succeed when nothing was started here; the
exit reason is one line on stderr; the agent's own deadline comes before Pacemaker's SIGKILL.
"""

from __future__ import annotations

import os
import sys

from xcat_hamn import errors
from xcat_hamn.cluster.attributes import Attributes
from xcat_hamn.ocf import codes
from xcat_hamn.ocf.call import Call
from xcat_hamn.ocf.context import Context
from xcat_hamn.ocf.log import Log
from xcat_hamn.ocf.parameters import Values
from xcat_hamn.system.deadline import Deadline
from xcat_hamn.system.files import read_pairs, remove, write_pairs
from xcat_hamn.system.runner import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xcat_hamn.ocf.declaration import Agent

USAGE = "usage: {name} {{{actions}}}"


def _parameters_file(context: Context) -> str:
    return f"{context.run_directory}/parameters"


def _reason(environ: Mapping[str, str], sentence: str) -> None:
    prefix = environ.get("OCF_EXIT_REASON_PREFIX") or "ocf-exit-reason:"
    sys.stderr.write(prefix + " ".join(sentence.split()) + "\n")


def _alarm(deadline: Deadline) -> None:
    """Raise DeadlineExceeded in whatever Python code is running when the deadline passes.

    Every wait has its own bound; this is the net below them.  ``_signal`` is ``signal`` without
    the enums that cost a monitor 5 ms to build.
    """
    import _signal

    def ring(_number: int, _frame: object) -> None:
        raise errors.DeadlineExceeded(
            f"the action was not done after {deadline.total:.0f} s, just short of Pacemaker's "
            "timeout: look at the log for what it waited on, or raise the operation's timeout"
        )

    _signal.signal(_signal.SIGALRM, ring)
    # A little later than the deadline, so that a wait with its own bound can tell what it was for.
    grace = min(0.25, deadline.total * 0.05)
    _signal.setitimer(_signal.ITIMER_REAL, max(0.001, deadline.left() + grace))


def _usable(agent: Agent, context: Context, values: Values) -> Values:
    """Return parameters to act on when the given ones are wrong: those of the last start.

    Raises ParameterError when there is no such memory, that is when nothing was started here.
    """
    remembered = read_pairs(_parameters_file(context))
    if remembered is not None:
        again = Values(agent, remembered)
        if not again.problems:
            return again
    raise errors.ParameterError(values.problems[0])


def _validate(call: Call, agent: Agent) -> int:
    """Report every problem on stderr; level 0 looks at the parameters alone."""
    found: list[Exception] = [errors.ParameterError(text) for text in call.values.problems]
    if not found and call.context.check_level >= 10:
        found = agent.handlers(call).problems()
    for problem in found[:-1]:
        sys.stderr.write(f"{problem}\n")
    if found:
        raise found[-1]
    return codes.SUCCESS


def _act(call: Call, agent: Agent) -> int:
    action = call.context.action
    if call.values.problems and action in ("start", "promote"):
        raise errors.ParameterError(call.values.problems[0])
    if call.values.problems:
        try:
            call.values = _usable(agent, call.context, call.values)
        except errors.ParameterError:
            if action == "stop":
                return codes.SUCCESS
            if action == "monitor":
                return codes.NOT_RUNNING
            raise
    if action == "start":
        write_pairs(_parameters_file(call.context), call.values.as_environment())
    handler = getattr(agent.handlers(call), action.replace("-", "_"))
    code = handler()
    if action == "stop":
        remove(_parameters_file(call.context))
    return codes.SUCCESS if code is None else int(code)


def _prepare(agent: Agent, action: str, environ: Mapping[str, str]) -> Call:
    context = Context(action, environ, agent.timeout_of(action))
    values = Values(agent, environ)
    log = Log(agent.name, context, environ)
    deadline = Deadline(context.seconds)
    runner = Runner(deadline, log)
    return Call(context, values, deadline, runner, log, Attributes(context, runner, log))


def run(agent: Agent, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Perform the action that ``argv`` asks for and return its OCF exit code.

    Further arguments are ignored, as OCF demands.
    """
    action = argv[1] if len(argv) > 1 else ""
    if action == "meta-data":
        from xcat_hamn.ocf.metadata import PACEMAKER, metadata

        sys.stdout.write(metadata(agent, doctype=PACEMAKER not in environ))
        return codes.SUCCESS
    known = {declared.name for declared in agent.actions}
    if action not in known:
        sys.stderr.write(USAGE.format(name=agent.name, actions="|".join(sorted(known))) + "\n")
        return codes.ERR_UNIMPLEMENTED
    call = _prepare(agent, action, environ)
    try:
        _alarm(call.deadline)
        if action == "validate-all":
            return _validate(call, agent)
        return _act(call, agent)
    except errors.HamnError as problem:
        _reason(environ, str(problem))
        if not isinstance(problem, errors.DegradedPromoted):  # told at every monitor, logged once
            call.log.error(f"{action}: {problem}")
        return codes.exit_code(action, problem)
    except Exception as problem:  # noqa: BLE001 - the last line of defense; nothing is hidden
        import traceback

        call.log.error(f"{action}: {traceback.format_exc()}")
        _reason(
            environ,
            f"{action} met a fault of the agent itself ({type(problem).__name__}: {problem}): "
            "report it with the traceback in the system log",
        )
        return codes.ERR_GENERIC


def main(agent: Agent) -> None:
    """Run ``agent`` for this process and exit."""
    os.chdir("/")
    os.umask(0o022)
    code = run(agent, sys.argv, os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # Skips the interpreter's tear-down, which a monitor would pay for every time.
    os._exit(code)
