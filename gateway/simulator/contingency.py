"""N-1, N-2 and N-1-1: what each loss means for each workflow, by simulation.

As in transmission planning (NERC TPL-001): the system is held against the loss of every single element, of pairs at
once (N-2), and of a second one after it has adjusted to the first (N-1-1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.core.model import Snapshot
from gateway.simulator.jobs import Advance, Workers
from gateway.simulator.losses import Loss, Pair, pairs, single_losses
from gateway.simulator.result import Case, CaseKind, Effect
from gateway.simulator.structure import label
from gateway.simulator.traffic import sources
from gateway.simulator.trial import Amounts, Ground, Sight, Trial, effect, quiet_days, try_all
from gateway.simulator.world import World

FEWEST = 200  # requests of the rarest workflow
SHORTEST = 300.0  # seconds: a vendor lets us save up a minute's quota, which must not carry us through
LONGEST = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Contingencies:
    """`quiet` is what each workflow saw with nothing lost. `seen`: each single loss, by its label.

    `left_out`: pairs that were not tried.
    """

    cases: tuple[Case, ...]
    quiet: Sight
    seen: Mapping[str, Sight]
    left_out: int


def ground(snapshot: Snapshot, world: World, seed: int, requests: int) -> Ground:
    """So long that the workflows send `requests` each on the mean, and the rarest of them enough to judge by."""
    rates = [source.pattern.per_minute / 60.0 for source in sources(snapshot, world)]
    if not rates:
        return Ground(snapshot, world, seed, 0.0)
    seconds = max(SHORTEST, requests * len(rates) / sum(rates), min(FEWEST, requests) / min(rates))
    return Ground(snapshot, world, seed, min(seconds, LONGEST))


def contingencies(
    base: Ground, workers: Workers, most_pairs: int, advance: Advance = lambda done: None
) -> Contingencies:
    """All single losses, and the first `most_pairs` pairs, both at once and one after the other."""
    quiet, quiet_later = quiet_days(base)
    singles = single_losses(base.snapshot)
    known = pairs(base.snapshot, base.world, _load(quiet))
    chosen = known[:most_pairs]
    trials = _distinct(singles, chosen)
    found = dict(zip(trials, workers.map(try_all, base, trials, advance), strict=True))
    cases = [single_case(loss, found[Trial(loss.hits)], quiet) for loss in singles]
    for kind in ("N-2", "N-1-1"):
        cases += [_double(kind, pair, found, quiet if kind == "N-2" else quiet_later) for pair in chosen]
    seen = {label(loss.domain): found[Trial(loss.hits)] for loss in singles}
    return Contingencies(tuple(cases), quiet, seen, len(known) - len(chosen))


def single_case(loss: Loss, sight: Sight, quiet: Sight) -> Case:
    return Case("N-1", (label(loss.domain),), loss.hits, _effects(sight, quiet))


def how_many(base: Ground, most_pairs: int) -> int:
    """Simulations that `contingencies` will run, for a progress bar."""
    singles = single_losses(base.snapshot)
    return len(_distinct(singles, pairs(base.snapshot, base.world, {})[:most_pairs]))


def _distinct(singles: Sequence[Loss], chosen: Sequence[Pair]) -> list[Trial]:
    """Domains that take the same deployments down need one trial together."""
    wanted = [Trial(loss.hits) for loss in singles]
    for pair in chosen:
        wanted += [_at_once(pair), _in_turn(pair)]
    return list(dict.fromkeys(wanted))


def _at_once(pair: Pair) -> Trial:
    return Trial(tuple(sorted({*pair.first.hits, *pair.second.hits})))


def _in_turn(pair: Pair) -> Trial:
    return Trial(pair.first.hits, pair.second.hits)


def _double(kind: CaseKind, pair: Pair, found: Mapping[Trial, Sight], quiet: Sight) -> Case:
    trial = _at_once(pair) if kind == "N-2" else _in_turn(pair)
    hits = tuple(sorted({*pair.first.hits, *pair.second.hits}))
    lost = (label(pair.first.domain), label(pair.second.domain))
    return Case(kind, lost, hits, _effects(found[trial], quiet), pair.correlated)


def _effects(sight: Sight, quiet: Sight) -> dict[str, Effect]:
    return {id_: effect(sight[id_], usual) for id_, usual in quiet.items() if id_ in sight}


def _load(quiet: Sight) -> dict[str, float]:
    """Requests by deployment, of all workflows together."""
    total: dict[str, float] = {}
    for seen in quiet.values():
        _add(total, seen.served)
    return total


def _add(total: dict[str, float], amounts: Amounts) -> None:
    for id_, amount in amounts.items():
        total[id_] = total.get(id_, 0.0) + amount
