"""Virtual time: performs the actions of the gateway's own core on a heap instead of on sockets.

`gateway/server/drive.py` is the other driver. Nothing of routing, breaking or failover is written here.
"""

import gc
import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from gateway.core.actions import Action, Ask, Commit, Event, Finish, Send, Wait, Woke
from gateway.core.breaker import Transition
from gateway.core.failover import Failover
from gateway.core.fault import Exposure, Fault
from gateway.core.health import OWN_BOUNDS, HealthTable
from gateway.core.limits import RetryBudget
from gateway.core.model import Snapshot
from gateway.core.outcome import Kind
from gateway.simulator.luck import Lucks, rng
from gateway.simulator.traffic import Request
from gateway.simulator.vendor import FIRST_TOKEN, Plan, Vendor
from gateway.simulator.world import World

WOKE = Woke()


class Record(NamedTuple):
    """What became of one request, as its app saw it. Times are seconds; `began` on the scenario's clock.

    `served` is the deployment, "" where none did; `tier` its place in the route, from 0, or -1.
    `first_token` is None for plain replies and where none came. `over_quota` names the deployments that could not
    serve because our quota with them was used up.
    """

    workflow: str
    route: str
    began: float
    took: float
    kind: Kind
    served: str
    tier: int
    fell_back: bool
    attempts: int
    first_token: float | None
    usd: float
    tokens: int
    poor: bool
    over_quota: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """How a run went: the requests in the order in which they ended, and every change of a breaker."""

    records: Sequence[Record]
    transitions: Sequence[Transition]


def run(snapshot: Snapshot, world: World, faults: Iterable[Fault], requests: Sequence[Request], seed: int) -> Course:
    """All requests to their end. The same arguments give the same course, to the last bit."""
    with _without_collector():
        return _Simulation(snapshot, world, tuple(faults), seed).run(requests)


class _Flight:
    """One request under way."""

    __slots__ = ("began", "extra", "first_token", "machine", "plan", "poor", "request", "said")

    def __init__(self, request: Request, machine: Failover) -> None:
        self.request = request
        self.machine = machine
        self.began = request.at
        self.plan: Plan | None = None
        self.first_token: float | None = None
        self.said = 0  # output tokens the app has got
        self.extra = 0.0  # USD that a price fault adds
        self.poor = False


class _Simulation:
    def __init__(self, snapshot: Snapshot, world: World, faults: tuple[Fault, ...], seed: int) -> None:
        self._seed = seed
        self._transitions: list[Transition] = []
        self._records: list[Record] = []
        self._health = HealthTable(snapshot.breaker, rng(seed, "breakers"), self._transitions.append)
        self._budget = RetryBudget(snapshot.retry_budget)
        self._rng = rng(seed, "routing")
        self._vendors = {
            id_: Vendor(one, world.profile(one), Exposure(one, faults), rng(seed, "vendor", id_))
            for id_, one in snapshot.deployments.items()
        }
        self._tiers = {
            name: {one.id: tier for tier, members in enumerate(route.tiers) for one in members}
            for name, route in snapshot.routes.items()
        }
        self._lucks: dict[tuple[str, int], Lucks] = {}
        self._heap: list[tuple[float, int, _Flight, Event | None]] = []
        self._order = count()

    def run(self, requests: Sequence[Request]) -> Course:
        heap, pop = self._heap, heapq.heappop
        for request in requests:
            while heap and heap[0][0] < request.at:
                self._go_on(*pop(heap))
            self._start(self._flight(request), request.at)
        while heap:
            self._go_on(*pop(heap))
        return Course(self._records, self._transitions)

    def _flight(self, request: Request) -> _Flight:
        ask = Ask(
            request.route,
            request.workflow.id,
            request.workflow.allow,
            request.need,
            request.input_tokens + request.output_tokens,
            request.stream,
            request.resumable,
            request.route.deadline,
        )
        return _Flight(request, Failover(ask, self._health, self._budget, self._rng))

    def _start(self, flight: _Flight, now: float) -> None:
        flight.began = now
        self._perform(flight, flight.machine.start(now), now)

    def _go_on(self, now: float, order: int, flight: _Flight, event: Event | None) -> None:
        if event is None:
            self._start(flight, now)
            return
        plan = flight.plan
        action = flight.machine.receive(event, now)
        if plan is not None and event is not FIRST_TOKEN:
            flight.plan = None
            flight.said += plan.said
            flight.poor = plan.poor
            if plan.price != 1.0:
                flight.extra += flight.machine.attempts[-1].usd * (plan.price - 1.0)
        self._perform(flight, action, now)

    def _perform(self, flight: _Flight, action: Action, now: float) -> None:
        match action:
            case Send():
                self._send(flight, action, now)
            case Commit():
                plan = flight.plan
                assert plan is not None
                assert plan.end is not None
                if flight.first_token is None:
                    flight.first_token = now - flight.began
                self._at(plan.ends, flight, plan.end)
            case Finish():
                self._finish(flight, action, now)
            case Wait(until):
                self._at(until, flight, WOKE)

    def _send(self, flight: _Flight, send: Send, now: float) -> None:
        request = flight.request
        luck = self._luck(request.workflow.id, len(flight.machine.attempts)).of(request.number)
        plan = self._vendors[send.deployment.id].call(send, request, flight.said, luck, now)
        flight.plan = plan
        self._at(plan.at, flight, plan.event)

    def _luck(self, workflow: str, attempt: int) -> Lucks:
        """The n-th call of a request has its luck, whoever is called."""
        lucks = self._lucks.get((workflow, attempt))
        if lucks is None:
            lucks = self._lucks[workflow, attempt] = Lucks(self._seed, "call", workflow, str(attempt))
        return lucks

    def _finish(self, flight: _Flight, finish: Finish, now: float) -> None:
        machine, request = flight.machine, flight.request
        good = finish.outcome.kind is Kind.OK
        served = finish.served.id if good and finish.served is not None else ""
        attempts = machine.attempts
        self._records.append(
            Record(
                request.workflow.id,
                request.route.name,
                flight.began,
                now - flight.began,
                finish.outcome.kind,
                served,
                self._tiers[request.route.name][served] if served else -1,
                machine.fell_back,
                len(attempts),
                flight.first_token,
                sum([attempt.usd for attempt in attempts]) + flight.extra,
                request.input_tokens + flight.said,
                good and flight.poor,
                () if good and not machine.fell_back else _over_quota(machine),
            )
        )
        if not request.then:
            return
        if good:
            following, *rest = request.then
            later = now + request.pause
            self._at(later, self._flight(following._replace(at=later, then=tuple(rest))), None)
        else:
            self._records += [_never_made(one, finish.outcome.kind, now) for one in request.then]

    def _at(self, when: float, flight: _Flight, event: Event | None) -> None:
        heapq.heappush(self._heap, (when, next(self._order), flight, event))


def _never_made(request: Request, kind: Kind, now: float) -> Record:
    """A call of an agent's task that a failed one before it has ended: work that was not done all the same."""
    return Record(request.workflow.id, request.route.name, now, 0.0, kind, "", -1, False, 0, None, 0.0, 0, False)


def _over_quota(machine: Failover) -> tuple[str, ...]:
    answered = {attempt.deployment for attempt in machine.attempts if attempt.outcome == Kind.RATE_LIMITED.value}
    kept = {rejected.deployment for rejected in machine.rejected if rejected.reason in OWN_BOUNDS}
    return tuple(sorted(answered | kept))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing here makes cycles, and looking for them costs a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
