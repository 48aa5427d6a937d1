"""Counts over the last N seconds, in ten buckets: constant memory, old calls fall out a tenth at a time."""

from typing import NamedTuple

BUCKETS = 10


class Counts(NamedTuple):
    calls: int
    failures: int
    slow: int
    timed: int

    @property
    def failure_share(self) -> float:
        return self.failures / self.calls if self.calls else 0.0


class Window:
    """A sliding window of `span` seconds. `now` must not run backwards."""

    __slots__ = ("_buckets", "_epoch", "_width", "calls", "failures", "slow", "timed")

    def __init__(self, span: float) -> None:
        self._width = span / BUCKETS
        self.clear()

    def clear(self) -> None:
        self._buckets = [[0, 0, 0, 0] for _ in range(BUCKETS)]
        self._epoch = 0
        self.calls = self.failures = self.slow = self.timed = 0

    def add(self, now: float, *, failed: bool = False, slow: bool | None = None) -> None:
        """`slow` is None for a call that cannot be judged by its pace."""
        bucket = self._buckets[self._advance(now)]
        bucket[0] += 1
        bucket[1] += failed
        if slow is not None:
            bucket[2] += slow
            bucket[3] += 1
            self.slow += slow
            self.timed += 1
        self.calls += 1
        self.failures += failed

    def counts(self, now: float) -> Counts:
        self._advance(now)
        return Counts(self.calls, self.failures, self.slow, self.timed)

    def _advance(self, now: float) -> int:
        epoch = int(now / self._width)
        if epoch == self._epoch:
            return epoch % BUCKETS
        for stale in range(max(self._epoch + 1, epoch - BUCKETS + 1), epoch + 1):
            bucket = self._buckets[stale % BUCKETS]
            self.calls -= bucket[0]
            self.failures -= bucket[1]
            self.slow -= bucket[2]
            self.timed -= bucket[3]
            bucket[0] = bucket[1] = bucket[2] = bucket[3] = 0
        self._epoch = max(self._epoch, epoch)
        return self._epoch % BUCKETS
