"""The circuit breaker of one deployment, or of one failure domain.

    CLOSED     everything passes; results are counted in a sliding window. It trips on consecutive failures, on the
               share of failures, on the share of slow streams, or at once on what is certain and lasting.
    OPEN       nothing passes until `open_until`.
    HALF_OPEN  a bounded number of probes pass, one after the other. `close_after` good ones close it, a bad one
               opens it again.
    After closing, traffic ramps up: the first third of `ramp` seconds lets 5 % pass, the next 25 %, the last 50 %.

Each call carries a permit. A permit knows the generation in which it was handed out, and each trip starts a new one,
so a result from before a trip changes nothing. A permit is returned exactly once.

How long it stays open: a fifth of the time the trouble has lasted, never less than `open`, never more than `open_max`,
and up to a quarter longer by jitter; or as long as the vendor asked (Retry-After, clamped). So a blip of a minute is
noticed to be over within a quarter of a minute, and an outage of hours is not probed every few seconds.

Why our own. `circuitbreaker` guards the ledger here, as its author meant it: one function, one exception, a counter.
A vendor needs what it does not have: a failure share besides a run of failures (a brown-out never fails five times
in a row), results that come minutes after the call began (its late successes close an open circuit), callers that
leave without it meaning anything (it counts a cancelled call as a success), and a bounded number of probes (it lets
every waiting call through at once).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

from gateway.core.model import BreakerSettings
from gateway.core.outcome import Signal
from gateway.core.window import Window

RAMP_STAGES = (0.05, 0.25, 0.5)
OUTAGE_FRACTION = 0.2
JITTER = 1.25
LASTING_OPEN = 30.0


class Phase(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of phase, for metrics and logs. `subject` is a deployment's id or "kind:name" of a domain."""

    subject: str
    before: Phase
    after: Phase
    cause: str
    at: float
    open_until: float


class Permit:
    """The right to make one call. A `probe` occupies a half-open slot, at the longest until `lease_until`.

    `run`: how many failures in a row there were before its first token; None while that has not come.
    """

    __slots__ = ("generation", "lease_until", "probe", "returned", "run")

    def __init__(self, generation: int, probe: bool = False, lease_until: float = 0.0) -> None:
        self.generation = generation
        self.probe = probe
        self.lease_until = lease_until
        self.returned = False
        self.run: int | None = None


class Breaker:
    def __init__(
        self, subject: str, settings: BreakerSettings, rng: Random, on_transition: Callable[[Transition], None]
    ) -> None:
        self.subject = subject
        self.settings = settings
        self.phase = Phase.CLOSED
        self.open_until = 0.0
        self.lasting = False  # tripped by something certain: never a last resort
        self.cause = ""
        self.window = Window(settings.window)
        self._rng = rng
        self._on_transition = on_transition
        self._generation = 0
        self._consecutive = 0
        self._trouble_since: float | None = None
        self._ramp_from = -math.inf
        self._probes: list[Permit] = []  # those that occupy a slot
        self._probes_good = 0

    def configure(self, settings: BreakerSettings) -> None:
        """From a new config. A window of another length starts empty."""
        if settings.window != self.settings.window:
            self.window = Window(settings.window)
        self.settings = settings

    # -- asking ------------------------------------------------------------------------------------------------

    def refusal(self, now: float) -> str | None:
        """Why no permit would be given now, or None. Changes nothing."""
        if self.phase is Phase.OPEN and now < self.open_until:
            return f"breaker open: {self.cause}"
        if self.phase is Phase.HALF_OPEN and len(self._leased(now)) >= self.settings.half_open_probes:
            return "breaker half-open: a probe is under way"
        return None

    def ramp_share(self, now: float) -> float:
        """The share of traffic that may pass: 1 unless it has just closed."""
        elapsed = now - self._ramp_from
        if elapsed >= self.settings.ramp or self.phase is not Phase.CLOSED:
            return 1.0
        stage = int(elapsed / self.settings.ramp * len(RAMP_STAGES))
        return RAMP_STAGES[min(stage, len(RAMP_STAGES) - 1)]

    def admit(self, now: float) -> Permit | None:
        """A permit, or None while open or while the probes are out. Ramping is the caller's to ask for."""
        if self.phase is Phase.CLOSED:
            return Permit(self._generation)
        if self.refusal(now) is not None:
            return None
        if self.phase is Phase.OPEN:
            self._move(Phase.HALF_OPEN, "time to probe", now)
            self._probes, self._probes_good = [], 0
        return self._probe(now)

    def force(self) -> Permit:
        """A permit whatever the phase: the last resort when everything is open. Its result cannot close it."""
        return Permit(self._generation)

    def current(self, permit: Permit) -> bool:
        """Does what became of it still matter, or has the breaker tripped since?"""
        return permit.generation == self._generation

    def _probe(self, now: float) -> Permit:
        # A probe that hangs must not keep the others out for ever: its slot is leased for one open period.
        permit = Permit(self._generation, probe=True, lease_until=now + self._open_period(now))
        self._probes = [*self._leased(now), permit]
        return permit

    def _leased(self, now: float) -> list[Permit]:
        return [permit for permit in self._probes if now < permit.lease_until]

    # -- telling -----------------------------------------------------------------------------------------------

    def first_token(self, permit: Permit, now: float, *, slow: bool | None = None) -> None:
        """A provisional result: a long stream need not end before its probe counts.

        A run of failures ends here and not with the stream: those that began before an outage would hide it.
        """
        if not self.current(permit):
            return
        if self.phase is Phase.CLOSED and permit.run is None:
            permit.run, self._consecutive = self._consecutive, 0
        elif self.phase is Phase.HALF_OPEN and permit.probe:
            self._probe_back(permit)
            self._judge_probe(permit, Signal.SUCCESS, slow, now, 0.0, "slow")
            permit.probe = False

    def settle(
        self,
        permit: Permit,
        signal: Signal,
        now: float,
        *,
        slow: bool | None = None,
        hold: float = 0.0,
        cause: str = "",
    ) -> None:
        """Return the permit with its result. `slow` is None where the pace says nothing, as of a plain reply.

        `hold`: seconds the vendor asked us to stay away.
        """
        assert not permit.returned, "a permit is returned once"
        permit.returned = True
        if not self.current(permit):
            return
        if permit.probe:
            self._probe_back(permit)
        if signal is Signal.TRIP:
            self.trip(now, cause, hold=hold, lasting=True)
        else:
            self._weigh(permit, signal, slow, now, hold, cause)

    def accuse(self, permit: Permit, now: float, cause: str) -> None:
        """Count a failure that was proven only after its call had been settled as neutral."""
        if self.current(permit):
            self._weigh(permit, Signal.FAILURE, None, now, 0.0, cause)

    def trip(self, now: float, cause: str, *, hold: float = 0.0, lasting: bool = False) -> None:
        """Open, or stay open longer: of two times the later one holds."""
        if self._trouble_since is None or (self.phase is Phase.CLOSED and self.ramp_share(now) == 1.0):
            self._trouble_since = now
        period = max(self._open_period(now), LASTING_OPEN if lasting else 0.0)
        period *= self._rng.uniform(1.0, JITTER)
        until = now + max(period, min(hold, self.settings.open_max))
        self.open_until = max(self.open_until, until)
        self.cause, self.lasting = cause, lasting
        self._generation += 1
        self._consecutive = 0
        self.window.clear()
        self._move(Phase.OPEN, cause, now)

    def reset(self, now: float, cause: str) -> None:
        """Close by hand or because a wider breaker found the cause."""
        self._close(now, cause, ramp=False)

    # -- inside ------------------------------------------------------------------------------------------------

    def _weigh(self, permit: Permit, signal: Signal, slow: bool | None, now: float, hold: float, cause: str) -> None:
        if self.phase is Phase.CLOSED:
            self._count(permit, signal, slow, now, hold, cause)
        elif self.phase is Phase.HALF_OPEN:
            self._judge_probe(permit, signal, slow, now, hold, cause)

    def _count(self, permit: Permit, signal: Signal, slow: bool | None, now: float, hold: float, cause: str) -> None:
        if signal is Signal.FAILURE or signal is Signal.SUCCESS or slow:
            failed = signal is Signal.FAILURE
            self.window.add(now, failed=failed, slow=slow)
            if failed:
                self._consecutive = 1 + max(self._consecutive, permit.run or 0)
            elif signal is Signal.SUCCESS and permit.run is None:
                self._consecutive = 0
            reason = self._trip_reason(now) if failed or slow else None
            if reason:
                self.trip(now, f"{reason}: {cause}" if cause else reason, hold=hold)

    def _trip_reason(self, now: float) -> str | None:
        settings = self.settings
        if self._consecutive >= settings.consecutive:
            return f"{self._consecutive} failures in a row"
        counts = self.window.counts(now)
        if counts.calls < settings.minimum_calls:
            return None
        if counts.failures >= settings.failure_share * counts.calls:
            return f"{counts.failures} of {counts.calls} calls failed"
        if counts.timed >= settings.minimum_calls and counts.slow >= settings.slow_share * counts.timed:
            return f"{counts.slow} of {counts.timed} streams were slow"
        return None

    def _judge_probe(
        self, permit: Permit, signal: Signal, slow: bool | None, now: float, hold: float, cause: str
    ) -> None:
        if signal is Signal.FAILURE or (slow and permit.probe):
            self.trip(now, f"probe failed: {cause}" if cause else "probe failed", hold=hold)
        elif permit.probe and signal is Signal.SUCCESS:
            self._probe_succeeded(now)

    def _probe_back(self, permit: Permit) -> None:
        # One whose lease has run out may have lost its slot to another, which it must not take away.
        self._probes = [other for other in self._probes if other is not permit]

    def _probe_succeeded(self, now: float) -> None:
        self._probes_good += 1
        if self._probes_good >= self.settings.close_after:
            self._close(now, f"{self._probes_good} good probes", ramp=True)

    def _close(self, now: float, cause: str, *, ramp: bool) -> None:
        self._ramp_from = now if ramp else -math.inf
        self._consecutive = 0
        self.open_until = 0.0
        self.lasting = False
        self.window.clear()
        self._move(Phase.CLOSED, cause, now)

    def _open_period(self, now: float) -> float:
        age = now - self._trouble_since if self._trouble_since is not None else 0.0
        return min(max(self.settings.open, age * OUTAGE_FRACTION), self.settings.open_max)

    def _move(self, phase: Phase, cause: str, now: float) -> None:
        before, self.phase = self.phase, phase
        if before is not phase:
            self._on_transition(Transition(self.subject, before, phase, cause, now, self.open_until))
