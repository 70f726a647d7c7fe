"""Keeps all sets fresh: takes what the watch saw, begins copies, takes note of their ends.

Nothing here waits, and only one thread calls it.  Before anything is decided the watch is drained:
what happened before a copy begins, or before its end is judged, is known by then.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xcat_hamn.files.ports import CLOCK, UNREACHABLE, Result, Transfer
from xcat_hamn.files.resident import orders, schedule, state
from xcat_hamn.files.resident.decision import NOTHING, Step, View, decide
from xcat_hamn.files.resident.orders import FINISH, Order, Standing
from xcat_hamn.files.resident.parts import Clock, Journal, Track, Watching
from xcat_hamn.files.resident.state import FULL, SAMPLE, SOME, Job
from xcat_hamn.files.sets import FileSet

#: Seconds between two messages to the other node that everything is there.
MARK_EVERY = 30.0
#: Seconds between two drains of the watch: the kernel merges repeated events meanwhile.
REST = 0.1
#: Parts into which the contents of a set are divided: one is compared after each scheduled check.
PARTS = 30
MARK = " mark"
#: Every so many messages the clocks are compared.
GREET_EVERY = 10
#: A comparison that took less than this many seconds goes with the changes.
_QUICK = 1.0


def roots_of(fileset: FileSet) -> list[bytes]:
    """Return what is to be watched for ``fileset``: the named files alone where they are named."""
    found = []
    for root in fileset.roots:
        if not root.directory:
            continue
        plain = [name for name in root.only if not any(sign in name for sign in "*?")]
        if root.only and len(plain) == len(root.only):
            found += [f"{root.directory}/{name}" for name in plain]
        else:
            found.append(root.directory)
    return [os.fsencode(path) for path in found]


class Keeper:
    """All sets with their states; ``quick`` and ``whole`` are the lanes.

    ``until``: by the clock that people set, up to when sets were proven by a process before.
    """

    def __init__(
        self,
        sets: Sequence[FileSet],
        watch: Watching,
        quick: Track,
        whole: Track,
        clock: Clock,
        journal: Journal,
        until: Mapping[str, float] | None = None,
    ) -> None:
        self.sets = {one.name: one for one in sets}
        self._watch = watch
        self._lanes = {"quick": quick, "whole": whole}
        self._clock = clock
        self._journal = journal
        self._roots = {one.name: roots_of(one) for one in sets}
        self._of_root: dict[bytes, list[FileSet]] = {}
        for one in sets:
            for root in self._roots[one.name]:
                self._of_root.setdefault(root, []).append(one)
        ahead = clock.time() - clock.monotonic()
        known = {name: moment - ahead for name, moment in (until or {}).items()}
        self.states = {name: state.beginning(known.get(name)) for name in self.sets}
        self.steps: dict[str, Step] = {}
        self.orders: list[Order] = []
        self.away: Result | None = None
        self._clocks = ""
        self._marks = 0
        self._drained = (clock.monotonic(), clock.time())
        self._marked = self._drained[0]

    # What is learned

    def drain(self) -> None:
        """Take what the watch saw since the last call."""
        before = self._drained[0]
        self._drained = (self._clock.monotonic(), self._clock.time())
        changes = self._watch.changes()
        for root, found in changes.by_root.items():
            for one in self._of_root.get(root, ()):
                known = self.states[one.name]
                if found.doubt:
                    if not known.doubt:
                        self._journal.warning(f"{one.name}: {found.doubt}")
                    known = state.doubted(known, found.doubt, before)
                else:
                    mine = {path for path in found.paths if one.root_of(path)}
                    trees = {path for path in found.trees if one.root_of(path)}
                    # Events wake us: what they tell is not older than the rest between drains.
                    known = state.changed(known, mine, trees, self._drained[0] - REST)
                self.states[one.name] = known
        blind = self._watch.blind()
        for one in self.sets.values():
            why = next((blind[root] for root in self._roots[one.name] if root in blind), "")
            known = self.states[one.name]
            if why != known.blind:
                # Seeing again is no knowledge of what happened in the dark.
                known = known if why else state.doubted(known, "the watch began anew", None)
                self.states[one.name] = replace(known, blind=why)
                if why:
                    self._journal.warning(f"{one.name}: {why}")

    def ended(self, lane: str, key: str, result: Result) -> None:
        """Take note that the call for ``key`` ended in ``lane``."""
        self.drain()
        self._lanes[lane].free()
        self._contact(result)
        if key == MARK:
            clocks = result.sentence if result.kind == CLOCK else ""
            if clocks and not self._clocks:
                self._journal.warning(clocks)
            self._clocks = clocks
            return
        before = self.states[key]
        after = self.states[key] = state.ended(before, result, self._drained[0])
        job = before.job
        if job and job.kind != SOME:
            what = "everything was compared" if job.kind == FULL else "a sample was compared"
            self._journal.info(f"{key}: {what} in {result.seconds:.1f} s: {result.sentence}")
        if not result.ok and (before.problem is None or before.problem.kind != result.kind):
            self._journal.warning(f"{key}: {result.sentence}")
        if result.ok and before.problem:
            self._journal.info(f"{key}: it works again: {result.sentence}")
        if after.doubt and not before.doubt and not (job and job.doubt):
            self._journal.warning(f"{key}: {after.doubt}")

    def contact(self) -> str:
        """Return a sentence when the other node is away or its clock makes no sense."""
        return self.away.sentence if self.away else self._clocks

    def _contact(self, result: Result) -> None:
        if result.kind == UNREACHABLE:
            self.away = result
        elif result.ok and self.away:
            self.away = None
            sentence = "the other node was away, and may have lost what it had not yet on disk"
            self.doubt_all(sentence)

    def doubt_all(self, sentence: str) -> None:
        """Put every set in doubt."""
        self._journal.info(sentence)
        for name, known in self.states.items():
            self.states[name] = state.doubted(known, sentence, self._drained[0])

    # What is asked

    def order(self, kind: str, names: Sequence[str], patience: float) -> Order:
        """Take an order for the sets ``names`` (none: all), to be over in ``patience`` seconds."""
        now = self._clock.monotonic()
        chosen = [name for name in self.sets if not names or name in names]
        made = Order(kind, tuple(chosen), now, now + patience)
        self.orders.append(made)
        if kind == FINISH and any(self._idle_check(known.job) for known in self.states.values()):
            for lane in self._lanes.values():
                lane.cancel()
        for name in chosen:
            if orders.wants_comparison(made, self.states[name]):
                self.states[name] = replace(self.states[name], asked=True)
        return made

    @staticmethod
    def _idle_check(job: Job | None) -> bool:
        """Tell whether ``job`` is a check that the last copy before a move need not wait for."""
        return job is not None and job.kind != SOME and not (job.doubt or job.paths or job.trees)

    def standing(self, order: Order) -> Standing:
        """Return how far ``order`` is; it is forgotten once it is over."""
        sentences = {name: step.sentence for name, step in self.steps.items()}
        found = orders.standing(order, self.states, sentences, self._clock.monotonic())
        if found.over and order in self.orders:
            self.orders.remove(order)
        return found

    # What is done

    def advance(self) -> float:
        """Begin what is to be begun; return the moment at which to call again at the latest."""
        self.drain()
        now, wall = self._drained
        urgent = any(order.kind == FINISH for order in self.orders)
        next_times = [now + MARK_EVERY]
        for name, one in sorted(self.sets.items(), key=lambda pair: self._rank(pair[1], urgent)):
            self._schedule(one, now, wall)
            step = self.steps[name] = decide(View(self.states[name], now, urgent))
            if step.at is not None:
                next_times.append(step.at)
            if step.kind != NOTHING:
                self._begin(one, step)
        self._mark(now, wall)
        next_times += [self._marked + MARK_EVERY, *(order.end for order in self.orders)]
        # What is overdue waits for a lane, whose end calls here.
        return min(moment for moment in next_times if moment > now)

    def _rank(self, one: FileSet, urgent: bool) -> tuple[float, ...]:
        """The most important first; before a move, of equals the one that changed last."""
        since = self.states[one.name].since
        return (one.importance, -(since or 0.0) if urgent else (since or 0.0))

    def _schedule(self, one: FileSet, now: float, wall: float) -> None:
        known = self.states[one.name]
        elapsed = None if known.full_at is None else now - known.full_at
        if not known.due and schedule.is_due(one.schedule, known.full_wall, wall, elapsed):
            self.states[one.name] = replace(known, due=True, sample=True)

    def _begin(self, one: FileSet, step: Step) -> None:
        known = self.states[one.name]
        small = one.staged or (known.full_at is not None and known.full_seconds < _QUICK)
        lane = self._lanes["quick" if step.kind == SOME or small else "whole"]
        if lane.busy:
            return
        now, wall = self._drained
        self.states[one.name] = begun = state.begun(known, step.kind, now, wall)
        if begun.job:
            if step.kind != SOME:
                self._journal.info(f"{one.name}: {step.sentence}")
            lane.begin(one.name, _Call(one, begun.job))

    def _mark(self, now: float, wall: float) -> None:
        lane = self._lanes["quick"]
        if lane.busy or now < self._marked + MARK_EVERY:
            return
        self._marked = now
        until = {name: wall for name, known in self.states.items() if known.fresh}
        greet = self._marks % GREET_EVERY == 0 or bool(self._clocks)
        self._marks += 1
        lane.begin(MARK, lambda transfer: _mark(transfer, until, greet=greet))


def _mark(transfer: Transfer, until: Mapping[str, float], *, greet: bool) -> Result:
    """Tell the other node what it has; ``greet``: look at its clock too."""
    result = transfer.mark(until)
    problem = transfer.hello().problem if greet and result.ok else None
    return problem or result


class _Call:
    """A job as a call of the transfer."""

    def __init__(self, one: FileSet, job: Job) -> None:
        self._set = one
        self._job = job

    def __call__(self, transfer: Transfer) -> Result:
        job = self._job
        until = job.wall if job.proves else None
        if job.kind == SAMPLE:
            day = datetime.date.fromtimestamp(job.wall).toordinal()
            return transfer.sample(self._set, day % PARTS, PARTS)
        if job.kind == FULL:
            return transfer.full(self._set, checksum=job.checksum, until=until)
        # A directory that came or went: one that has gone is a name like any other.
        trees = [path for path in job.trees if os.path.isdir(path) and not os.path.islink(path)]
        alone = job.paths.union(job.trees).difference(trees)
        return transfer.some(self._set, sorted(alone), sorted(trees), until=until)
