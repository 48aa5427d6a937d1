"""What is known of each deployment: breaker, latency, calls in flight, cool-down, limits. One table a process.

The table hands out the permit of one call and takes it back with the outcome. It outlives config reloads: health is
kept by deployment id for as long as the deployment stays the same thing.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from random import Random

from gateway.core.breaker import Breaker, Permit, Phase, Transition
from gateway.core.candidates import CandidateCache
from gateway.core.latency import PeakEwma
from gateway.core.limits import TokenBucket
from gateway.core.model import BreakerSettings, Deployment, Limits
from gateway.core.outcome import Kind, Outcome, Signal
from gateway.core.rejections import Rejections
from gateway.core.rollup import DomainPermit, Rollup

COOL_DOWN = 1.0
COOL_DOWN_MAX = 30.0
DOUBLINGS = 5
RAMPING = "breaker just closed: traffic ramps up"
COOLING, BUSY = "cooling down after a rate limit", "concurrency limit reached"
OVER_RPM, OVER_TPM = "request rate limit reached", "token rate limit reached"
OWN_BOUNDS = frozenset({COOLING, BUSY, OVER_RPM, OVER_TPM})


@dataclass(slots=True)
class CallPermit:
    """The right to make one call: the permits of the deployment's breaker and of each domain under suspicion."""

    deployment: Deployment
    health: "Health"
    own: Permit
    wider: tuple[DomainPermit, ...]
    forced: bool
    tokens: int


class Health:
    """Of one deployment. Times are the caller's `now`, latencies seconds."""

    __slots__ = (
        "_requests",
        "_tokens",
        "breaker",
        "cool_until",
        "deployment",
        "first_token",
        "in_flight",
        "refuses_prefill",
        "rejections",
        "throttled",
        "waiting",
        "waiting_tokens",
        "whole",
    )

    def __init__(self, deployment: Deployment, breaker: Breaker, rejections: Rejections) -> None:
        self.breaker = breaker
        self.rejections = rejections
        self.in_flight = 0
        self.waiting = 0  # requests that queue for a place within our rate limits, and the tokens they want
        self.waiting_tokens = 0
        self.cool_until = 0.0
        self.throttled = 0  # cool-downs in a row
        self.first_token = PeakEwma()
        self.whole = PeakEwma()
        self.refuses_prefill = False
        self.deployment = deployment
        self._limit(deployment.limits)

    def adopt(self, deployment: Deployment, settings: BreakerSettings) -> None:
        """The same deployment from a new config: its limits may have changed."""
        self.breaker.configure(settings)
        self.rejections.configure(settings)
        before, self.deployment = self.deployment, deployment
        if deployment.limits != before.limits:  # else the buckets stay as they are: a reload does not fill them
            self._limit(deployment.limits)

    def _limit(self, limits: Limits) -> None:
        self._requests = TokenBucket(limits.rpm) if limits.rpm else None
        self._tokens = TokenBucket(limits.tpm) if limits.tpm else None

    def unavailable(self, now: float, tokens: int) -> str | None:
        """Why our own bounds forbid a call now, or None."""
        if now < self.cool_until:
            return COOLING
        concurrency = self.deployment.limits.concurrency
        if concurrency is not None and self.in_flight >= concurrency:
            return BUSY
        if self._requests and self._requests.wait(1, now):
            return OVER_RPM
        if self._tokens and self._tokens.wait(tokens, now):
            return OVER_TPM
        return None

    def available_at(self, now: float, tokens: int) -> float:
        """The earliest time at which our own bounds may allow a call, behind those that wait already.

        Else all would wake at the same time for one place, and wait again, each until its deadline.
        """
        waits = (
            self._requests.wait(1, now, self.waiting) if self._requests else 0.0,
            self._tokens.wait(tokens, now, self.waiting_tokens) if self._tokens else 0.0,
        )
        return max(self.cool_until, now + max(waits))

    def queue(self, tokens: int) -> None:
        """A request waits for its turn."""
        self.waiting += 1
        self.waiting_tokens += min(tokens, self.deployment.limits.tpm or tokens)

    def leave_queue(self, tokens: int) -> None:
        self.waiting -= 1
        self.waiting_tokens = max(0, self.waiting_tokens - min(tokens, self.deployment.limits.tpm or tokens))

    def latency(self, stream: bool) -> float | None:
        """Peak EWMA of the first token (streams) or of the whole reply (plain); None before the first sample."""
        return self.first_token.value if stream else self.whole.value

    def expected(self, stream: bool, now: float) -> float | None:
        """As `latency`, faded by the time since the last sample."""
        return self.first_token.faded(now) if stream else self.whole.faded(now)

    def begin(self, now: float, tokens: int) -> int:
        """Returns the tokens reserved: never more than a minute's worth, however many the app may ask for."""
        tokens = min(tokens, self.deployment.limits.tpm or tokens)
        self.in_flight += 1
        for bucket, amount in self._buckets(tokens):
            bucket.take(amount, now)
        return tokens

    def end(self, now: float, reserved: int, used: int) -> None:
        self.in_flight -= 1
        if self._tokens and used:
            self._tokens.take(used - reserved, now)

    def cool_down(self, outcome: Outcome, now: float, longest: float) -> None:
        """Obey Retry-After, clamped; without one, wait longer with each 429 in a row. Of two times the later holds."""
        if now >= self.cool_until:
            self.throttled += 1  # those that were under way when the first came back say nothing new
        wait = outcome.retry_after
        if wait is None:
            wait = min(COOL_DOWN_MAX, COOL_DOWN * 2 ** min(self.throttled - 1, DOUBLINGS))
        self.cool_until = max(self.cool_until, now + min(wait, longest))

    def _buckets(self, tokens: int) -> Iterable[tuple[TokenBucket, int]]:
        if self._requests:
            yield self._requests, 1
        if self._tokens:
            yield self._tokens, tokens


class HealthTable:
    """All deployments' health, and the breakers of the domains they share."""

    def __init__(
        self,
        settings: BreakerSettings,
        rng: Random,
        on_transition: Callable[[Transition], None] = lambda transition: None,
    ) -> None:
        self.settings = settings
        self._rng = rng
        self._on_transition = on_transition
        self._table: dict[tuple[str, ...], Health] = {}
        self.rollup = Rollup(self._breaker)
        self.candidates = CandidateCache()

    def of(self, deployment: Deployment) -> Health:
        health = self._table.get(deployment.identity)
        if health is None:
            breaker = self._breaker(deployment.id)
            health = self._table[deployment.identity] = Health(deployment, breaker, Rejections(self.settings))
        return health

    def adopt(self, settings: BreakerSettings, deployments: Collection[Deployment]) -> None:
        """A new config is active: keep what is known of deployments that are still the same, forget the others."""
        self.settings = settings
        self.candidates.clear()
        self.rollup.configure(settings)
        self._table = {deployment.identity: self.of(deployment) for deployment in deployments}
        for deployment in deployments:
            self.of(deployment).adopt(deployment, settings)

    def admit(self, deployment: Deployment, now: float, tokens: int) -> CallPermit | str:
        """The permit for one call, or why not."""
        health = self.of(deployment)
        breaker = health.breaker
        reason = health.unavailable(now, tokens) or breaker.refusal(now) or self.rollup.refusal(deployment, now)
        if reason:
            return reason
        share = breaker.ramp_share(now)
        if share < 1.0 and self._rng.random() >= share:
            return RAMPING
        own = breaker.admit(now)
        assert own is not None, "the breaker had no refusal"
        reserved = health.begin(now, tokens)
        return CallPermit(deployment, health, own, self.rollup.admit(deployment, now), False, reserved)

    def force(self, deployment: Deployment, now: float, tokens: int) -> CallPermit | str:
        """A permit although a breaker is open or ramping: the last resort. Our own bounds still hold."""
        health = self.of(deployment)
        reason = health.unavailable(now, tokens)
        if reason or health.breaker.lasting:
            return reason or f"breaker open: {health.breaker.cause}"
        reserved = health.begin(now, tokens)
        return CallPermit(deployment, health, health.breaker.force(), self.rollup.force(deployment), True, reserved)

    def recovers_at(self, deployment: Deployment, now: float, tokens: int) -> float:
        """The earliest time at which a call may be admitted, as far as can be known now."""
        health = self.of(deployment)
        return max(health.available_at(now, tokens), health.breaker.open_until, self.rollup.open_until(deployment))

    def note_first_token(self, permit: CallPermit, now: float, *, slow: bool | None = None) -> None:
        permit.health.breaker.first_token(permit.own, now, slow=slow)
        self.rollup.acquit(permit.wider, now)

    def accuse(self, permit: CallPermit, outcome: Outcome, now: float) -> None:
        """Count a failure that was proven only after its permit had been returned."""
        breaker = permit.health.breaker
        was = breaker.phase
        permit.health.rejections.prove()
        breaker.accuse(permit.own, now, outcome.kind.value)
        self._note_trip(permit, was, outcome, now)

    def settle(
        self,
        permit: CallPermit,
        outcome: Outcome,
        now: float,
        *,
        latency: float,
        stream: bool,
        slow: bool | None,
        used: int,
    ) -> None:
        """Return the permit. `latency`: seconds to the first token (streams) or to the end (plain); `used`: tokens."""
        health = permit.health
        health.end(now, permit.tokens, used)
        signal = outcome.rule.signal
        if signal is Signal.THROTTLE or (outcome.retry_after is not None and outcome.kind is Kind.OVERLOADED):
            health.cool_down(outcome, now, self.settings.open_max)
        if outcome.kind in (Kind.OK, Kind.TIMEOUT):
            (health.first_token if stream else health.whole).add(latency, now)
        if outcome.kind is Kind.OK:
            health.throttled = 0
        self._settle_breakers(permit, outcome, now, slow)

    def everyone(self) -> list[Health]:
        return list(self._table.values())

    def standings(self) -> Iterable[tuple[Deployment, Breaker]]:
        return ((health.deployment, health.breaker) for health in self._table.values())

    def _settle_breakers(self, permit: CallPermit, outcome: Outcome, now: float, slow: bool | None) -> None:
        breaker, hold = permit.health.breaker, outcome.retry_after or 0.0
        was = breaker.phase
        breaker.settle(permit.own, outcome.rule.signal, now, slow=slow, hold=hold, cause=outcome.kind.value)
        if permit.wider:
            self.rollup.settle(permit.wider, outcome, now)
        self._note_trip(permit, was, outcome, now)

    def _note_trip(self, permit: CallPermit, was: Phase, outcome: Outcome, now: float) -> None:
        if permit.health.breaker.phase is Phase.OPEN and was is not Phase.OPEN:
            self.rollup.note_trip(permit.deployment, outcome, now, self.standings())

    def _breaker(self, subject: str) -> Breaker:
        return Breaker(subject, self.settings, self._rng, self._on_transition)
