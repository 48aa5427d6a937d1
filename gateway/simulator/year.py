"""What a year may cost: Monte Carlo over many years of outages that come by chance.

While a workflow's fault tree has failed it loses everything; otherwise the largest share that the simulation saw it
lose to any of the domains that are down, and a little more as an outage begins, until the gateway has noticed.

    minutes lost = sum over time of loss(state) dt + sum over outages of min(transition, length) (1 - loss(state))
    VaR          a quantile of the years' losses
    ES           expected shortfall: the mean of the worst (1 - level) N of N years (Acerbi and Tasche 2002)
"""

from collections.abc import Mapping
from functools import cache, reduce

import numpy as np

from gateway.core.model import Snapshot
from gateway.simulator.causes import Cause, causes
from gateway.simulator.renewal import YEAR, Flags, Floats, Ints, Timeline, timeline
from gateway.simulator.result import Year, YearLoss
from gateway.simulator.structure import Node, domains, fault_trees, label
from gateway.simulator.world import MINUTE, World

TOGETHER = "all workflows"

ByWorkflow = Mapping[str, Mapping[str, float]]


def simulate_years(
    snapshot: Snapshot, world: World, losses: ByWorkflow, transition: ByWorkflow, seed: int, years: int = 10_000
) -> Year:
    """Minutes and USD that each workflow loses in a year, and how much less it were if a domain never failed.

    By workflow and domain label, as N-1 simulations found them: `losses` the share (0..1) not served while the domain
    is down, `transition` the minutes lost as an outage begins; never more than it lasts. What is not named is 0.
    `by_domain` of the result: E[loss] - E[loss where this domain never fails], USD a year, in the same years. `total`
    adds the workflows year by year: they suffer from the same outages.
    """
    known = causes(snapshot, world)
    course = timeline(known, seed, years)
    taken = dict.fromkeys(domain for cause in course.causes for domain in cause.takes)
    each, minutes, usd = [], np.zeros(years), np.zeros(years)
    for id_, tree in fault_trees(snapshot, world).items():
        lost = Lost(course, tree, losses.get(id_, {}), transition.get(id_, {}))
        price, by_year = snapshot.workflows[id_].usd_per_minute, lost.by_year()
        minutes, usd = minutes + by_year, usd + by_year * price
        blame = {domain: (lost.mean() - lost.mean(domain)) * price for domain in taken}
        each.append(_summary(id_, by_year, by_year * price, blame))
    blame = {domain: sum(one.by_domain[domain] for one in each) for domain in taken}
    words = _sources(snapshot, world, known, course.causes)
    return Year(years, tuple(each), _summary(TOGETHER, minutes, usd, blame), words)


def expected_shortfall(losses: Floats, level: float) -> float:
    """The mean of the worst (1 - level) N, of one at least."""
    worst = max(1, int((1.0 - level) * losses.size + 1e-9))
    return float(np.sort(losses)[-worst:].mean())


class Lost:
    """Minutes that one workflow loses in the years of a timeline. `perfect`: a domain that never fails."""

    def __init__(
        self, course: Timeline, tree: Node, losses: Mapping[str, float], transition: Mapping[str, float]
    ) -> None:
        self._course = course
        self._tree = tree
        self._losses = losses
        self._transition = transition
        self._down = {domain: course.down(domain) for cause in course.causes for domain in cause.takes}
        self._spent = _summed(course.state, course.minutes, course.states.size)
        self._begun = cache(self._begun_by_state)

    def by_year(self) -> Floats:
        course, rate = self._course, self._rate()
        lost = _summed(course.year, course.minutes * rate[course.state], course.years)
        for cause, starts in zip(course.causes, course.starts, strict=True):
            if longest := self._longest(cause):
                extra = np.minimum(starts.length, longest) * (1.0 - rate[starts.state])
                lost += _summed(starts.year, extra, course.years)
        return lost

    def mean(self, perfect: str = "") -> float:
        """Minutes a year."""
        rate = self._rate(perfect)
        lost = self._spent * rate
        for index, cause in enumerate(self._course.causes):
            if longest := self._longest(cause, perfect):
                lost += self._begun(index, longest) * (1.0 - rate)
        return float(lost.sum()) / self._course.years

    def _rate(self, perfect: str = "") -> Floats:
        """The share lost, by state."""
        down = {domain: flags for domain, flags in self._down.items() if domain != perfect}
        partly = (self._losses.get(domain, 0.0) * flags for domain, flags in down.items())
        none = np.zeros(self._course.states.size)
        return np.where(_failed(self._tree, down, none.size), 1.0, reduce(np.maximum, partly, none))

    def _longest(self, cause: Cause, perfect: str = "") -> float:
        """Minutes lost as it begins, if it lasts."""
        return max((self._transition.get(domain, 0.0) for domain in cause.takes if domain != perfect), default=0.0)

    def _begun_by_state(self, index: int, longest: float) -> Floats:
        starts = self._course.starts[index]
        return _summed(starts.state, np.minimum(starts.length, longest), self._course.states.size)


def _summed(places: Ints, amounts: Floats, size: int) -> Floats:
    """Amounts by place."""
    # Said to hold counts by its type stubs, and of nothing it does.
    return np.bincount(places, amounts, size).astype(np.float64)


def _failed(node: Node, down: Mapping[str, Flags], states: int) -> Flags:
    """By state: has the fault tree failed?"""
    if isinstance(node, str):
        return down.get(node, np.zeros(states, np.bool_))
    inputs = [_failed(one, down, states) for one in node.inputs]
    if node.kind == "and":
        return reduce(np.logical_and, inputs, np.ones(states, np.bool_))
    return reduce(np.logical_or, inputs, np.zeros(states, np.bool_))


def _summary(workflow: str, minutes: Floats, usd: Floats, blame: Mapping[str, float]) -> YearLoss:
    p50, p95 = np.quantile(minutes, (0.5, 0.95)).tolist()
    return YearLoss(
        workflow,
        float(minutes.mean()),
        p50,
        p95,
        float(usd.mean()),
        float(np.quantile(usd, 0.95)),
        expected_shortfall(usd, 0.95),
        expected_shortfall(usd, 0.975),
        dict(sorted(blame.items(), key=lambda item: (-item[1], item[0]))),
    )


def _sources(snapshot: Snapshot, world: World, known: tuple[Cause, ...], used: tuple[Cause, ...]) -> tuple[str, ...]:
    left_out = [cause.name for cause in known if cause not in used]
    unknown = [label(domain) for domain in domains(snapshot) if world.outages_of(domain) is None]
    return (
        *map(_words, used),
        *([f"left out, as the rarest of {len(known)}: {', '.join(left_out)}"] if left_out else []),
        *([f"no rate is known, so these never fail here: {', '.join(unknown)}"] if unknown else []),
    )


def _words(cause: Cause) -> str:
    rates = cause.outages
    a_year = YEAR * MINUTE / (rates.between + rates.repair)
    return f"{cause.name}: {a_year:.3g} outages a year of {rates.repair / MINUTE:.3g} minutes ({rates.source})"
