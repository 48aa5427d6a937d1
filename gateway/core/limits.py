"""Bounds on how much is asked of others: a token bucket, a retry budget, a backoff.

Why a budget and not only a bound per request: with three attempts each, an outage triples the load on whatever is
left. A budget makes second calls a share of all calls, however many requests want one (Finagle and Envoy do the
same; 20 % and a small floor are their defaults).
"""

from random import Random

from gateway.core.model import RetryBudgetSettings
from gateway.core.window import Window

RESOLUTION = 1e-6
BACKOFF_BASE = 0.1
BACKOFF_MAX = 5.0


class TokenBucket:
    """`per_minute` tokens a minute, at most a minute's worth saved up."""

    __slots__ = ("_capacity", "_level", "_rate", "_then")

    def __init__(self, per_minute: float) -> None:
        self._capacity = per_minute
        self._rate = per_minute / 60
        self._level = per_minute
        self._then: float | None = None

    def wait(self, amount: float, now: float, ahead: float = 0.0) -> float:
        """Seconds until `amount` can be taken, after what others wait for `ahead` of it; 0 means now.

        What exceeds the capacity waits for a full bucket.
        """
        self._refill(now)
        wait = (min(amount, self._capacity) + ahead - self._level) / self._rate
        # Whoever slept until then must find it there: sums of floats are not exact.
        return wait if wait > RESOLUTION else 0.0

    def take(self, amount: float, now: float) -> None:
        """Unconditionally: ask `wait` first. A negative amount is a refund."""
        self._refill(now)
        self._level = min(self._capacity, self._level - amount)

    def _refill(self, now: float) -> None:
        if self._then is not None and now > self._then:
            self._level = min(self._capacity, self._level + (now - self._then) * self._rate)
        if self._then is None or now > self._then:
            self._then = now


class RetryBudget:
    """Second calls to what has failed: `share` of the requests of the last minute, plus `floor`."""

    __slots__ = ("_requests", "_retries", "_settings")

    def __init__(self, settings: RetryBudgetSettings, span: float = 60.0) -> None:
        self._settings = settings
        self._requests = Window(span)
        self._retries = Window(span)

    def configure(self, settings: RetryBudgetSettings) -> None:
        self._settings = settings

    def note_request(self, now: float) -> None:
        self._requests.add(now)

    def allows(self, now: float) -> bool:
        """Is there one left?"""
        allowed = self._settings.floor + self._settings.share * self._requests.counts(now).calls
        return self._retries.counts(now).calls + 1 <= allowed

    def spend(self, now: float) -> None:
        self._retries.add(now)


def backoff(attempt: int, rng: Random) -> float:
    """Seconds to wait before retry number `attempt` (0, 1, ...): exponential with full jitter.

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
    """
    return rng.uniform(0, min(BACKOFF_MAX, BACKOFF_BASE * 2**attempt))
