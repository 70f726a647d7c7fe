"""Services of one instance, started or stopped in parallel; every failure in one sentence."""

from __future__ import annotations

import threading
import traceback

from xcat_hamn.errors import HamnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xcat_hamn.services.service import Service
    from xcat_hamn.system.deadline import Deadline

#: Beyond the deadline, which every wait inside a service keeps itself.
_MARGIN = 0.2


def each(
    services: Sequence[Service], act: Callable[[Service], None], deadline: Deadline
) -> dict[str, HamnError]:
    """Do ``act`` to every service, each in a thread of its own; return the failures by name.

    A service that has not come back by ``deadline`` is a failure, and is not waited for.
    """
    failures: dict[str, HamnError] = {}

    def run(service: Service) -> None:
        try:
            act(service)
        except HamnError as problem:
            failures[service.name] = problem
        except Exception as problem:  # noqa: BLE001 - a thread's own last line of defense
            service.ports.log.error(f"{service.name}: {traceback.format_exc()}")
            failures[service.name] = HamnError(
                f"met a fault of the agent itself ({type(problem).__name__}: {problem}): report it "
                "with the traceback in the system log"
            )

    threads = {
        service.name: threading.Thread(target=run, args=(service,), name=service.name, daemon=True)
        for service in services
    }
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        thread.join(deadline.left() + _MARGIN)
        if thread.is_alive():
            failures[name] = HamnError(
                f"not done within {deadline.total:.0f} s: raise the operation's timeout, or look "
                "at the log for what it waited on"
            )
    return failures


def together_failed(failures: dict[str, HamnError]) -> HamnError:
    """Return one error for all ``failures``: its sentence names each service.

    It keeps their kind when all are of one kind, for that decides the exit code.
    """
    kinds = {type(problem) for problem in failures.values()}
    sentence = "; ".join(f"{name}: {problem}" for name, problem in failures.items())
    kind: type[HamnError] = kinds.pop() if len(kinds) == 1 else HamnError
    return kind(sentence)
