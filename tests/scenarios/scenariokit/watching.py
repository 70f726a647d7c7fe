"""What must be seen in a scenario.  A method for each word."""

from __future__ import annotations

import time

from labkit.host import LabError, wait_for

from scenariokit.faults import Faults
from scenariokit.plan import Step
from scenariokit.world import MEMBERS, NotSeen, World
from scenariokit.writers import Writers

_SECONDS = 60.0
#: How long a commit that was under way may still be on its way to the one who counts.
_UNDER_WAY = 0.7


class Watcher:
    """Looks, and raises NotSeen."""

    def __init__(self, world: World, writers: Writers, faults: Faults) -> None:
        self._world = world
        self._writers = writers
        self._faults = faults
        self._powered: dict[str, int] = {}

    def begin(self) -> None:
        """Remember how things are at the beginning of a scenario."""
        self._powered = {name: self._power_commands(name) for name in MEMBERS}

    def _power_commands(self, name: str) -> int:
        return self._world.lab.bmc(name).log().count("power ")

    def _viewer(self, step: Step) -> str:
        return step.text("on", step.object)

    def role(self, step: Step) -> None:
        self._world.wait_role(step.object, step.number("within", _SECONDS))

    def settled(self, step: Step) -> None:
        self._world.wait_settled(step.object, step.number("within", 90))

    def stays(self, step: Step) -> None:
        for wait in (0.0, step.number("seconds", 3)):
            time.sleep(wait)
            if self._world.role_on(step.object) != step.object:
                raise NotSeen(f"the role did not stay on {step.object}\n{self._world.shown()}")

    def gate(self, step: Step) -> None:
        on = step.text("on")
        within = step.number("within", 40)
        self._world.wait_attribute("xcat-gate", on, step.object or ".", on, within)

    def attribute(self, step: Step) -> None:
        of = step.text("of")
        within = step.number("within", _SECONDS)
        on = step.text("on", of)
        self._world.wait_attribute(step.object, of, step.text("is"), on, within)

    def lost(self, step: Step) -> None:
        viewer, name = self._viewer(step), step.object
        within = step.number("within", 40)
        self._world.wait(
            lambda: not self._world.online(name, viewer), within, f"{viewer} to lose {name}"
        )

    def online(self, step: Step) -> None:
        viewer, name = self._viewer(step), step.object
        within = step.number("within", _SECONDS)
        self._world.wait(lambda: self._world.online(name, viewer), within, f"{name} to be online")

    def off(self, step: Step) -> None:
        node = self._world.node(step.object)
        what = f"{step.object} to be switched off"
        self._world.wait(lambda: not node.powered(), step.number("within", 40), what)

    def alive(self, step: Step) -> None:
        if not self._world.node(step.object).powered():
            raise NotSeen(f"{step.object} was switched off\n{self._world.shown()}")

    def spared(self, step: Step) -> None:
        if self._power_commands(step.object) != self._powered[step.object]:
            log = self._world.lab.bmc(step.object).log()[-300:]
            raise NotSeen(f"somebody used the power of {step.object}: {log}")

    def recovered(self, step: Step) -> None:
        on, daemon = step.text("on"), step.object
        before = self._faults.hit.get((daemon, on), set())

        def back() -> bool:
            now = set(self._world.pids(daemon, on))
            return bool(now) and not now & before and self._world.role_on(on) is not None

        self._world.wait(back, step.number("within", 90), f"{daemon} to run again on {on}")

    def writes(self, step: Step) -> None:
        self._writers.ensure()
        before = self._writers.count(step.object)
        within = step.number("within", 30) + self._world.database.patience
        try:
            wait_for(lambda: self._writers.count(step.object) > before + 5, within, 0.05)
        except LabError:
            met = "\n".join(self._writers.problems(step.object)[-3:])
            raise NotSeen(
                f"in {within:.0f} s no commit of the writer on {step.object} was acknowledged: "
                f"{met}\n{self._world.shown()}"
            ) from None

    def hangs(self, step: Step) -> None:
        time.sleep(_UNDER_WAY)
        before = self._writers.count(step.object)
        time.sleep(step.number("seconds", 3))
        more = self._writers.count(step.object) - before
        if more:
            raise NotSeen(
                f"{more} commits of the writer on {step.object} were acknowledged, and none was "
                f"to be\n{self._world.shown()}"
            )

    def pause(self, step: Step) -> None:
        time.sleep(float(step.object))
