"""Which changes to the config buy the most resilience: each proposal is simulated, the best are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.core.model import Domain, Snapshot
from gateway.simulator.jobs import Advance, Workers
from gateway.simulator.losses import Loss, single_losses
from gateway.simulator.proposals import Change, merged, proposals
from gateway.simulator.result import Advice, Case
from gateway.simulator.structure import label
from gateway.simulator.trial import Ground, Sight, Trial, effect, quiet_days, try_all
from gateway.simulator.world import World

BEST = 3
MOST_PROPOSALS = 12
WORTH = 0.95  # what is lost must shrink to less than this share of itself
YEAR_MINUTES = 365 * 24 * 60.0


@dataclass(frozen=True, slots=True, order=True)
class Stake:
    """What single losses cost: less is better, the first figure first.

    `usd`: expected a year, over the domains whose outage rate is known: outages a year times what one costs (the
    minutes lost on the way, and the share lost while it lasts). `not_secure` and `single_points` count workflows
    times domains; the latter those that stop a workflow.
    """

    usd: float
    not_secure: int
    single_points: int


def stake(snapshot: Snapshot, world: World, cases: Sequence[Case]) -> Stake:
    """Of the N-1 cases among these."""
    usd, not_secure, single_points = 0.0, 0, 0
    domains = {label(loss.domain): loss.domain for loss in single_losses(snapshot)}
    for case in cases:
        if case.kind != "N-1":
            continue
        for id_, seen in case.effects.items():
            not_secure += seen.verdict != "secure"
            single_points += seen.verdict == "lost"
            share = 1.0 if seen.verdict == "lost" else 1.0 - seen.steady
            minutes = minutes_a_year(world, domains[case.lost[0]], share, seen.transition)
            usd += minutes * snapshot.workflows[id_].usd_per_minute
    return Stake(usd, not_secure, single_points)


def minutes_a_year(world: World, domain: Domain, share: float, transition: float) -> float:
    """Expected minutes lost to one domain's outages; 0 where no rate is known."""
    rates = world.outages_of(domain)
    if rates is None:
        return 0.0
    outages = YEAR_MINUTES * 60.0 / (rates.between + rates.repair)
    return outages * min(rates.repair / 60.0, transition + share * rates.repair / 60.0)


def advise(
    base: Ground, cases: Sequence[Case], workers: Workers, announce: Callable[[str, int], Advance]
) -> tuple[tuple[Advice, ...], Advice | None]:
    """The best changes, each by itself, and all of them together (None where there is at most one)."""
    before = stake(base.snapshot, base.world, cases)
    changes = proposals(base.snapshot, base.world, cases)[:MOST_PROPOSALS]
    advance = announce("changes to the config", len(changes))
    stakes = workers.map(_stakes, base, [change.snapshot for change in changes], advance)
    better = [(after, place) for place, after in enumerate(stakes) if _worth_it(before, after)]
    best = [(changes[place], after) for after, place in sorted(better)[:BEST]]
    advice = tuple(_advice(change, before, after) for change, after in best)
    if len(best) < 2:
        return advice, None
    whole = merged(base.snapshot, base.world, cases, [change.title for change, _ in best])
    (after,) = _stakes(base, [whole])
    together = Change("all of them together", "", "", whole)
    return advice, _advice(together, before, after)


def _worth_it(before: Stake, after: Stake) -> bool:
    return after.not_secure < before.not_secure or after.usd < WORTH * before.usd


def _stakes(base: Ground, snapshots: Sequence[Snapshot]) -> list[Stake]:
    return [_stake(replace(base, snapshot=snapshot)) for snapshot in snapshots]


def _stake(changed: Ground) -> Stake:
    quiet, _ = quiet_days(changed)
    losses = single_losses(changed.snapshot)
    trials = list(dict.fromkeys(Trial(loss.hits) for loss in losses))
    found = dict(zip(trials, try_all(changed, trials), strict=True))
    cases = [_case(loss, found[Trial(loss.hits)], quiet) for loss in losses]
    return stake(changed.snapshot, changed.world, cases)


def _case(loss: Loss, sight: Sight, quiet: Sight) -> Case:
    effects = {id_: effect(sight[id_], usual) for id_, usual in quiet.items() if id_ in sight}
    return Case("N-1", (label(loss.domain),), loss.hits, effects)


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
