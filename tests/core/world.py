"""The core in virtual time: steady traffic against vendors that behave as a function says."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import NamedTuple

from gateway.core.actions import Action, Ask, Commit, Done, Event, Failed, Finish, FirstToken, Send, Wait, Woke
from gateway.core.breaker import Transition
from gateway.core.failover import Failover
from gateway.core.health import HealthTable
from gateway.core.limits import RetryBudget
from gateway.core.model import BreakerSettings, RetryBudgetSettings
from gateway.core.outcome import OK, Kind, Outcome, Usage


class Reply(NamedTuple):
    """`latency`: seconds to the first token of a stream, or to the end of a plain reply; `flow`: of the rest."""

    latency: float = 0.2
    outcome: Outcome = OK
    flow: float = 0.2


class Sent(NamedTuple):
    at: float
    deployment: str
    forced: bool


class Ended(NamedTuple):
    began: float
    at: float
    kind: Kind
    served: str


@dataclass
class World:
    """`behave(deployment id, now)` says how a call that begins now will go."""

    behave: Callable[[str, float], Reply]
    settings: BreakerSettings = field(default_factory=BreakerSettings)
    retries: RetryBudgetSettings = field(default_factory=RetryBudgetSettings)
    seed: int = 1
    sent: list[Sent] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = HealthTable(self.settings, Random(self.seed), self.transitions.append)
        self.budget = RetryBudget(self.retries)
        self._rng = Random(self.seed + 1)
        self._heap: list[tuple[float, int, Failover, Event | None]] = []
        self._order = count()
        self._flows: dict[int, float] = {}

    def run(self, requests: Callable[[int], Ask], rate: float, until: float, since: float = 0.0) -> None:
        """`rate` requests a second from `since` to `until`, then to the end of the last one."""
        for number in range(round((until - since) * rate)):
            machine = Failover(requests(number), self.health, self.budget, self._rng)
            self._at(since + number / rate, machine, None)
        while self._heap:
            now, _, machine, event = heapq.heappop(self._heap)
            self._perform(machine, machine.receive(event, now) if event else machine.start(now), now)

    def _perform(self, machine: Failover, action: Action, now: float) -> None:
        match action:
            case Send():
                self.sent.append(Sent(now, action.deployment.id, action.permit.forced))
                self._call(machine, action, now)
            case Wait(until):
                assert until >= now
                self._at(until, machine, Woke())
            case Commit():
                self._at(now + self._flows.pop(id(machine)), machine, Done(Usage(10, 10)))
            case Finish(outcome, served):
                began = now - sum(attempt.took for attempt in machine.attempts[-1:])
                self.ended.append(Ended(began, now, outcome.kind, served.id if served else ""))

    def _call(self, machine: Failover, send: Send, now: float) -> None:
        latency, outcome, self._flows[id(machine)] = self.behave(send.deployment.id, now)
        by = send.first_token_by if machine.ask.stream else send.finish_by
        if now + latency > by:
            self._at(by, machine, Failed(Outcome(Kind.TIMEOUT)))
        elif outcome.kind is not Kind.OK:
            self._at(now + latency, machine, Failed(outcome))
        else:
            self._at(now + latency, machine, FirstToken() if machine.ask.stream else Done(Usage(10, 10)))

    def _at(self, when: float, machine: Failover, event: Event | None) -> None:
        heapq.heappush(self._heap, (when, next(self._order), machine, event))

    def reached(self, deployment: str, since: float, until: float) -> list[Sent]:
        """The calls of one deployment in [since, until)."""
        return [sent for sent in self.sent if sent.deployment == deployment and since <= sent.at < until]
