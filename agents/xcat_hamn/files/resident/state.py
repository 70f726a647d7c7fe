"""What is known of one file set: a value, and the only ways in which it changes.

The rule behind all of it: a set is *fresh* only when everything that happened to it up to now is
known and was delivered.  So whatever is taken into a copy stays owed until that copy succeeded;
what is not known exactly is a *doubt*, which only a full comparison removes; and a process begins
with a doubt about every set, since what happened before it watched is known to nobody.

Times are seconds of the monotonic clock, which nobody can set; ``wall`` are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from xcat_hamn.files.ports import CANCELLED, PASSING, VANISHED, Result

#: Paths owed at once; beyond, a full comparison is cheaper, and the memory stays bounded.
LIMIT = 10_000
#: Seconds before the next try: doubled with each failure up to LONGEST; what needs somebody's
#: hand (a refused key) is tried again after LONGEST at once.
FIRST, LONGEST = 1.0, 60.0
_NONE: frozenset[bytes] = frozenset()

SOME, FULL, SAMPLE = "some", "full", "sample"


@dataclass(frozen=True)
class Job:
    """A copy that runs, with all that it took along and gives back when it fails.

    ``began`` and ``wall``: whatever happened before that time is in it.  ``proves``: when it
    succeeds, everything up to then is on the other node.
    """

    kind: str
    began: float
    wall: float
    proves: bool
    paths: frozenset[bytes] = _NONE
    trees: frozenset[bytes] = _NONE
    doubt: str = ""
    since: float | None = None
    checksum: bool = False


@dataclass(frozen=True)
class SetState:
    """One set.

    ``paths``, ``trees``, ``doubt``: what is owed and in no job; ``since``: when the oldest of it
    happened (None while owing: nobody knows).  ``proven``/``proven_wall``: everything up to then
    is on the other node.  ``due``: a full check on schedule; ``asked``: somebody waits for one;
    ``sample``: a check of contents is due; ``suspicious``: contents differed unseen.  ``blind``:
    why the watch does not see everything.  ``failures``, ``not_before``, ``failed_at``,
    ``problem``: of the copies that failed since the last that succeeded.
    """

    paths: frozenset[bytes] = _NONE
    trees: frozenset[bytes] = _NONE
    doubt: str = ""
    since: float | None = None
    job: Job | None = None
    proven: float | None = None
    proven_wall: float | None = None
    full_at: float | None = None
    full_wall: float | None = None
    full_seconds: float = 0.0
    due: bool = False
    asked: bool = False
    sample: bool = False
    suspicious: bool = False
    blind: str = ""
    failures: int = 0
    not_before: float = 0.0
    failed_at: float = 0.0
    problem: Result | None = None

    @property
    def owes(self) -> bool:
        """Tell whether anything is known or feared to be missing on the other node."""
        job = self.job
        taken = job is not None and bool(job.paths or job.trees or job.doubt)
        return bool(self.paths or self.trees or self.doubt) or taken

    @property
    def fresh(self) -> bool:
        """Tell whether everything is proven to be on the other node."""
        return self.proven is not None and not self.owes and not self.blind

    def behind_since(self) -> float | None:
        """Return when the oldest change happened that is not there; None: nobody knows.

        Meaningful only while the set is not fresh.
        """
        moments = [self.since] if self.paths or self.trees or self.doubt else []
        if self.job and (self.job.paths or self.job.trees or self.job.doubt):
            moments.append(self.job.since)
        known = [moment for moment in moments if moment is not None]
        if len(known) < len(moments):
            return None
        return min(known) if known else self.proven

    def pending(self) -> int:
        """Return how many changed paths are owed, those on their way included."""
        job = (len(self.job.paths) + len(self.job.trees)) if self.job else 0
        return len(self.paths) + len(self.trees) + job


def beginning(since: float | None = None) -> SetState:
    """Return the state of a set when the process starts; ``since``: proven up to then, if known."""
    return SetState(
        doubt="what happened before the copying process started is unknown", since=since
    )


def _earliest(state: SetState, moment: float | None) -> float | None:
    """Return since when the set owes something, given that it also owes since ``moment``."""
    if not (state.paths or state.trees or state.doubt):
        return moment
    if state.since is None or moment is None:
        return None
    return min(state.since, moment)


def changed(
    state: SetState, paths: Iterable[bytes], trees: Iterable[bytes], moment: float
) -> SetState:
    """``paths``, and ``trees`` with all beneath them, changed at ``moment`` at the earliest."""
    more, whole = state.paths.union(paths), state.trees.union(trees)
    if not (more or whole):
        return state
    since = _earliest(state, moment)
    if state.doubt:
        return replace(state, since=since)  # the comparison will find them
    if len(more) + len(whole) > LIMIT:
        return doubted(state, f"more than {LIMIT} paths wait to be copied", moment)
    return replace(state, paths=more, trees=whole, since=since)


def doubted(state: SetState, sentence: str, moment: float | None) -> SetState:
    """Anything may differ since ``moment`` (None: nobody knows since when)."""
    since = _earliest(state, moment)
    return replace(state, paths=_NONE, trees=_NONE, doubt=state.doubt or sentence, since=since)


def begun(state: SetState, kind: str, moment: float, wall: float) -> SetState:
    """A copy of ``kind`` begins; all that happened before ``moment`` has been reported."""
    if kind == SAMPLE:
        job = Job(SAMPLE, moment, wall, proves=False)
        return replace(state, job=job)
    full = kind == FULL
    job = Job(
        kind,
        moment,
        wall,
        proves=not state.blind and (full or (state.proven is not None and not state.doubt)),
        paths=state.paths,
        trees=state.trees,
        doubt=state.doubt if full else "",
        since=state.since,
        checksum=full and state.suspicious,
    )
    doubt = "" if full else state.doubt
    return replace(state, job=job, paths=_NONE, trees=_NONE, doubt=doubt, since=None)


def ended(state: SetState, result: Result, moment: float) -> SetState:
    """The copy ended; all that happened before ``moment`` has been reported."""
    job = state.job
    if job is None:
        return state
    state = replace(state, job=None)
    if not result.ok:
        return _failed(_given_back(state, job), job, result, moment)
    state = replace(state, failures=0, not_before=0.0, problem=None)
    if job.kind == SAMPLE:
        return _sampled(replace(state, sample=False), result)
    if job.kind == FULL:
        state = replace(
            state,
            full_at=moment,
            full_wall=job.wall,
            full_seconds=moment - job.began,
            due=False,
            asked=False,
            suspicious=state.suspicious and not job.checksum,
        )
    if job.proves or job.kind == FULL:
        state = replace(state, proven=job.began, proven_wall=job.wall)
    if result.doubt:
        return doubted(state, result.sentence, job.began)
    return state


def _given_back(state: SetState, job: Job) -> SetState:
    """Owe again what ``job`` took along."""
    if job.doubt:
        return doubted(state, job.doubt, job.since)
    if job.paths or job.trees:
        since = _earliest(state, job.since)
        state = changed(state, job.paths, job.trees, job.began)
        return replace(state, since=since)
    return state


def _failed(state: SetState, job: Job, result: Result, moment: float) -> SetState:
    if result.kind == CANCELLED:
        return state
    failures = state.failures + 1
    pause = min(FIRST * 2 ** min(failures - 1, 10), LONGEST)
    if result.kind == VANISHED:
        pause = FIRST  # it rests sooner or later, and then it shall not wait for us
    elif result.kind not in PASSING:
        pause = LONGEST
    if job.kind == SAMPLE:
        state = replace(state, sample=False)
    return replace(
        state, failures=failures, not_before=moment + pause, failed_at=moment, problem=result
    )


def _sampled(state: SetState, result: Result) -> SetState:
    """Contents that differ, though no event told of them, put everything in doubt."""
    known = state.paths | state.trees
    strange = [name for name in result.differing if name not in known]
    if not strange or state.doubt:
        return state
    sentence = f"the contents of {len(strange)} files differed though no change was seen"
    return replace(doubted(state, sentence, None), suspicious=True)
