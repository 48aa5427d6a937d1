"""Which changes to the config buy the most resilience: each proposal is simulated, the best is kept, then the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway.core.model import Snapshot
from gateway.simulator.analysis import expected_loss, year
from gateway.simulator.contingency import SHORTEST, single_case
from gateway.simulator.jobs import Advance, Workers
from gateway.simulator.losses import single_losses
from gateway.simulator.proposals import Change, proposals
from gateway.simulator.result import Advice, Case
from gateway.simulator.trial import Ground, Trial, quiet_days, try_all

BEST = 3
MOST_PROPOSALS = 8
WORTH = 0.95  # what is lost must shrink to less than this share of itself
SCREENED = 4  # of so many requests one, while changes are compared


@dataclass(frozen=True, slots=True, order=True)
class Stake:
    """What losses cost: less is better, the first figure first.

    `usd`: the expected loss a year. `not_secure` and `single_points` count workflows times domains that are lost by
    themselves; the latter those that stop a workflow.
    """

    usd: float
    not_secure: int
    single_points: int


class Tried(NamedTuple):
    """A changed config, what it would cost, and the N-1 cases that say so."""

    stake: Stake
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """How a changed config is tried: the same traffic and luck; `years` of the Monte Carlo."""

    base: Ground
    years: int

    def screen(self, snapshot: Snapshot) -> Stake:
        """Quickly, to compare: less traffic, and money without drawing years."""
        changed = replace(self.base, snapshot=snapshot, seconds=max(SHORTEST, self.base.seconds / SCREENED))
        cases = _single_cases(changed)
        return stake(expected_loss(snapshot, changed.world, cases), cases)

    def verify(self, snapshot: Snapshot) -> Tried:
        """As thoroughly as the config itself."""
        changed = replace(self.base, snapshot=snapshot)
        cases = _single_cases(changed)
        usd = year(snapshot, changed.world, cases, changed.seed, self.years).total.usd_mean
        return Tried(stake(usd, cases), cases)


def _single_cases(changed: Ground) -> tuple[Case, ...]:
    quiet, _ = quiet_days(changed)
    losses = single_losses(changed.snapshot)
    trials = list(dict.fromkeys(Trial(loss.hits) for loss in losses))
    found = dict(zip(trials, try_all(changed, trials), strict=True))
    return tuple(single_case(loss, found[Trial(loss.hits)], quiet) for loss in losses)


def stake(usd: float, cases: Sequence[Case]) -> Stake:
    """Of the N-1 cases among these."""
    verdicts = [effect.verdict for case in cases if case.kind == "N-1" for effect in case.effects.values()]
    return Stake(usd, sum(verdict != "secure" for verdict in verdicts), verdicts.count("lost"))


def advise(
    judge: Judge, before: Stake, cases: Sequence[Case], workers: Workers, announce: Callable[[str, int], Advance]
) -> tuple[tuple[Advice, ...], Advice | None]:
    """The best change, the best one after it, and so on; and all of them together (None where there is at most one).

    One step at a time, since what helps depends on what has been done already. All that may help are screened, the
    best is verified.
    """
    pairs = tuple(case for case in cases if case.kind != "N-1")
    snapshot, now = judge.base.snapshot, Tried(before, tuple(case for case in cases if case.kind == "N-1"))
    advice: list[Advice] = []
    while len(advice) < BEST:
        title = f"change {len(advice) + 1} to the config"
        found = _best(judge, snapshot, now.cases, workers, announce, title) or _best(
            judge, snapshot, pairs, workers, announce, title
        )
        if found is None:
            break
        after = judge.verify(found.snapshot)
        if not _worth_it(now.stake, after.stake):
            break
        advice.append(_advice(found, now.stake, after.stake))
        snapshot, now = found.snapshot, after
    together = Change("all of them together", "", "", snapshot)
    return tuple(advice), _advice(together, before, now.stake) if len(advice) > 1 else None


def _best(
    judge: Judge,
    snapshot: Snapshot,
    losses: Sequence[Case],
    workers: Workers,
    announce: Callable[[str, int], Advance],
    title: str,
) -> Change | None:
    """Of the changes against these losses."""
    changes = proposals(snapshot, judge.base.world, losses)[:MOST_PROPOSALS]
    if not changes:
        return None
    tried = [snapshot, *(change.snapshot for change in changes)]
    now, *after = workers.map(_screen_all, judge, tried, announce(title, len(tried)))
    helpful = [place for place, found in enumerate(after) if _worth_it(now, found)]
    return changes[min(helpful, key=lambda place: after[place])] if helpful else None


def _screen_all(judge: Judge, snapshots: Sequence[Snapshot]) -> list[Stake]:
    return [judge.screen(snapshot) for snapshot in snapshots]


def _worth_it(before: Stake, after: Stake) -> bool:
    if after.usd > before.usd / WORTH or after.single_points > before.single_points:
        return False
    return after.not_secure < before.not_secure or after.usd < WORTH * before.usd


def _advice(change: Change, before: Stake, after: Stake) -> Advice:
    return Advice(
        change.title,
        change.yaml,
        change.needs,
        at_stake_before=before.usd,
        at_stake_after=after.usd,
        not_secure_before=before.not_secure,
        not_secure_after=after.not_secure,
        single_points_before=before.single_points,
        single_points_after=after.single_points,
    )
