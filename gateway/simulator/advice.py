"""Which changes to the config buy the most resilience: each proposal is simulated, the best is kept, then the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway.core.model import Snapshot
from gateway.simulator.analysis import year
from gateway.simulator.contingency import single_case
from gateway.simulator.jobs import Advance, Workers
from gateway.simulator.losses import single_losses
from gateway.simulator.proposals import Change, proposals
from gateway.simulator.result import Advice, Case
from gateway.simulator.trial import Ground, Trial, quiet_days, try_all

BEST = 3
MOST_PROPOSALS = 8
WORTH = 0.01  # of what is at stake today: a change that saves less is not worth a word


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
    """How a changed config is tried: the same traffic, luck and years."""

    base: Ground
    years: int

    def try_(self, snapshot: Snapshot) -> Tried:
        changed = replace(self.base, snapshot=snapshot)
        quiet, _ = quiet_days(changed)
        losses = single_losses(snapshot)
        trials = list(dict.fromkeys(Trial(loss.hits) for loss in losses))
        found = dict(zip(trials, try_all(changed, trials), strict=True))
        cases = tuple(single_case(loss, found[Trial(loss.hits)], quiet) for loss in losses)
        usd = year(snapshot, changed.world, cases, changed.seed, self.years).total.usd_mean
        return Tried(stake(usd, cases), cases)


def stake(usd: float, cases: Sequence[Case]) -> Stake:
    """Of the N-1 cases among these."""
    verdicts = [effect.verdict for case in cases if case.kind == "N-1" for effect in case.effects.values()]
    return Stake(usd, sum(verdict != "secure" for verdict in verdicts), verdicts.count("lost"))


def advise(
    judge: Judge, before: Stake, cases: Sequence[Case], workers: Workers, announce: Callable[[str, int], Advance]
) -> tuple[tuple[Advice, ...], Advice | None]:
    """The best change, the best one after it, and so on; and all of them together (None where there is at most one).

    One step at a time, since what helps depends on what has been done already.
    """
    pairs = tuple(case for case in cases if case.kind != "N-1")
    snapshot, now = judge.base.snapshot, Tried(before, tuple(case for case in cases if case.kind == "N-1"))
    advice: list[Advice] = []

    def best_against(losses: Sequence[Case]) -> tuple[Change, Tried] | None:
        changes = proposals(snapshot, judge.base.world, losses)[:MOST_PROPOSALS]
        advance = announce(f"change {len(advice) + 1} to the config", len(changes))
        tried = workers.map(_try_all, judge, [change.snapshot for change in changes], advance)
        helpful = [
            (change, found)
            for change, found in zip(changes, tried, strict=True)
            if _worth_it(now.stake, found.stake, WORTH * before.usd)
        ]
        return min(helpful, key=lambda one: one[1].stake, default=None)

    while len(advice) < BEST and (found := best_against(now.cases) or best_against(pairs)):
        change, after = found
        advice.append(_advice(change, now.stake, after.stake))
        snapshot, now = change.snapshot, after
    together = Change("all of them together", "", "", snapshot)
    return tuple(advice), _advice(together, before, now.stake) if len(advice) > 1 else None


def _try_all(judge: Judge, snapshots: Sequence[Snapshot]) -> list[Tried]:
    return [judge.try_(snapshot) for snapshot in snapshots]


def _worth_it(before: Stake, after: Stake, least: float) -> bool:
    return after.not_secure < before.not_secure or after.usd < before.usd - least


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
