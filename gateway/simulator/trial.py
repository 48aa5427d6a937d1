"""One loss, tried: the traffic of a quiet day, with the same luck, while some deployments are gone for good."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from gateway.core.fault import Fault, FaultKind, Selector
from gateway.core.model import Slo, Snapshot, Workflow
from gateway.simulator.measure import MINUTE, by_workflow, first_tokens, quantiles, slo_verdict
from gateway.simulator.result import Effect, Verdict
from gateway.simulator.run import Course, Record, run
from gateway.simulator.traffic import Request, busiest, generate
from gateway.simulator.world import World

WARM = 60.0  # quiet seconds before, so that the gateway knows its deployments
ADJUSTED = 300.0  # seconds between the two losses of N-1-1: the gateway has adjusted to the first
FLOOR = 0.99  # of the requests, where a workflow promises no share
HALF = 0.5  # below it, a route has stopped
FEW = 5  # requests, below which a minute or a route says nothing
SIGNIFICANT = 2.0  # standard deviations: a year would multiply every unlucky request by all its outages
QUOTA_HELD = 0.01  # of the requests may miss a deployment for its quota before its headroom counts as violated

Amounts = Mapping[str, float]


class Trial(NamedTuple):
    """Deployments (ids) that are lost at once, and those that follow `ADJUSTED` seconds later."""

    lost: tuple[str, ...]
    later: tuple[str, ...] = ()

    @property
    def since(self) -> float:
        """When the last of them is lost."""
        return WARM + (ADJUSTED if self.later else 0.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one workflow saw from some moment on. `success` and `steady` (of the second half) are shares.

    `stopped`: routes of which less than half was served. `lost`: the share not served, by minute. `served` (requests)
    and `usd` are by the deployment that answered; the money counts its failed attempts too. `first_token_p95` is None
    without streams.
    """

    requests: int
    success: float
    steady: float
    first_token_p95: float | None
    lost: Mapping[int, float]
    served: Amounts
    usd: Amounts
    over_quota: tuple[str, ...]
    missed: tuple[str, ...]
    stopped: tuple[str, ...]

    @property
    def usd_per_answer(self) -> float | None:
        answers = sum(self.served.values())
        return sum(self.usd.values()) / answers if answers else None


Sight = dict[str, Seen]  # by workflow id; those without a request are not in it


@dataclass(frozen=True, slots=True)
class Ground:
    """What all trials share. `seconds` of traffic are measured after the last loss."""

    snapshot: Snapshot
    world: World
    seed: int
    seconds: float

    def requests(self) -> list[Request]:
        """Those of the busiest time of the day: there a second source must hold."""
        begins = busiest(self.snapshot, self.world)
        return generate(self.snapshot, self.world, self.seed, WARM + ADJUSTED + self.seconds, begins)


def quiet_days(ground: Ground) -> tuple[Sight, Sight]:
    """Nothing lost: over the time in which single losses are measured, and over that of second losses."""
    course = run(ground.snapshot, ground.world, (), ground.requests(), ground.seed)
    return _sight(course, ground, WARM), _sight(course, ground, WARM + ADJUSTED)


def try_all(ground: Ground, trials: Sequence[Trial]) -> list[Sight]:
    """What each workflow saw after the last loss of each trial."""
    whole = ground.requests()
    return [_try(ground, trial, whole) for trial in trials]


def effect(seen: Seen, quiet: Seen) -> Effect:
    """The difference that a loss makes to a workflow."""
    steady = _steady(seen, quiet)
    return Effect(
        verdict=_verdict(seen),
        served=seen.success,
        requests=seen.requests,
        usd=_beyond(seen.usd_per_answer, quiet.usd_per_answer),
        first_token_p95=_beyond(seen.first_token_p95, quiet.first_token_p95),
        over_quota=seen.over_quota,
        worst_minute=1.0 - max(seen.lost.values()) if seen.lost else None,
        transition=_transition(seen, quiet, 1.0 - steady),
        steady=steady,
        reasons=(*(f"route {route} has stopped" for route in seen.stopped), *seen.missed),
    )


def _try(ground: Ground, trial: Trial, requests: Sequence[Request]) -> Sight:
    until = trial.since + ground.seconds
    faults = [_gone(ids, at) for ids, at in ((trial.lost, WARM), (trial.later, trial.since)) if ids]
    early = [request for request in requests if request.at < until]
    return _sight(run(ground.snapshot, ground.world, faults, early, ground.seed), ground, trial.since)


def _gone(ids: tuple[str, ...], at: float) -> Fault:
    return Fault(FaultKind.OUTAGE, Selector({"deployment": ids}), start=at)


def _sight(course: Course, ground: Ground, since: float) -> Sight:
    until = since + ground.seconds
    records = {
        id_: [record for record in found if since <= record.began < until] for id_, found in by_workflow(course).items()
    }
    return {id_: _seen(found, ground.snapshot.workflows[id_], since, until) for id_, found in records.items() if found}


def _seen(records: Sequence[Record], workflow: Workflow, since: float, until: float) -> Seen:
    first = quantiles(first_tokens(records))
    later = [record for record in records if record.began >= (since + until) / 2.0] or records
    return Seen(
        requests=len(records),
        success=_success(records),
        steady=_success(later),
        first_token_p95=first.p95 if first else None,
        lost={minute: 1.0 - _success(members) for minute, members in _minutes(records, since)},
        served=_by_deployment(records, lambda record: 1.0),
        usd=_by_deployment(records, lambda record: record.usd),
        over_quota=_over_quota(records),
        missed=slo_verdict(_promised(workflow.slo), records).missed,
        stopped=_stopped(records),
    )


def _promised(slo: Slo) -> Slo:
    return slo if slo.success is not None else Slo(FLOOR, slo.first_token_p95)


def _verdict(seen: Seen) -> Verdict:
    """Secure: its SLO holds all the time, the failover included. Lost: a route it needs serves less than half."""
    if seen.stopped or seen.success < HALF:
        return "lost"
    return "degraded" if seen.missed else "secure"


def _beyond(seen: float | None, quiet: float | None) -> float | None:
    return None if seen is None or quiet is None else seen - quiet


def _steady(seen: Seen, quiet: Seen) -> float:
    """The share served once the loss is got over, of what a quiet day serves."""
    half = seen.requests / 2.0
    if not quiet.steady or not _more(half * (1.0 - seen.steady), half * (1.0 - quiet.steady)):
        return 1.0 if quiet.steady else 0.0
    return seen.steady / quiet.steady


def _transition(seen: Seen, quiet: Seen, steady_loss: float) -> float:
    """Minutes' worth of requests that were lost on the way, beyond what stays lost and what a quiet day loses."""
    usual = 1.0 - quiet.success + steady_loss
    if not _more(seen.requests * (1.0 - seen.success), seen.requests * usual):
        return 0.0
    beyond = sum(lost - quiet.lost.get(minute, 0.0) - steady_loss for minute, lost in seen.lost.items())
    return max(0.0, beyond)


def _more(failures: float, usual: float) -> bool:
    """Are there more than chance explains? Two standard deviations of the difference of two Poisson counts."""
    return failures - usual > SIGNIFICANT * math.sqrt(failures + usual)


def _success(records: Sequence[Record]) -> float:
    return sum(bool(record.served) for record in records) / len(records)


def _stopped(records: Sequence[Record]) -> tuple[str, ...]:
    by_route: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_route[record.route].append(record)
    return tuple(sorted(route for route, found in by_route.items() if len(found) >= FEW and _success(found) < HALF))


def _minutes(records: Sequence[Record], since: float) -> Iterable[tuple[int, list[Record]]]:
    """Minutes after the loss with enough requests to say something."""
    for minute, group in groupby(records, key=lambda record: int((record.began - since) // MINUTE)):
        members = list(group)
        if len(members) >= FEW:
            yield minute, members


def _by_deployment(records: Iterable[Record], amount: Callable[[Record], float]) -> Amounts:
    found: dict[str, float] = defaultdict(float)
    for record in records:
        if record.served:
            found[record.served] += amount(record)
    return dict(sorted(found.items()))


def _over_quota(records: Sequence[Record]) -> tuple[str, ...]:
    missed: dict[str, int] = defaultdict(int)
    for record in records:
        for id_ in record.over_quota:
            missed[id_] += 1
    return tuple(sorted(id_ for id_, count in missed.items() if count > QUOTA_HELD * len(records)))
