"""A breaker under test."""

from random import Random

from gateway.core.breaker import Breaker, Permit, Transition
from gateway.core.model import BreakerSettings
from gateway.core.outcome import Signal

SETTINGS = BreakerSettings()


class Trial:
    """A breaker and its transitions."""

    def __init__(self, settings: BreakerSettings = SETTINGS) -> None:
        self.transitions: list[Transition] = []
        self.breaker = Breaker("d", settings, Random(1), self.transitions.append)

    def call(self, signal: Signal, now: float, *, slow: bool | None = False, hold: float = 0.0) -> Permit:
        permit = self.breaker.admit(now)
        assert permit is not None
        self.breaker.settle(permit, signal, now, slow=slow, hold=hold, cause="cause")
        return permit

    def tripped(self, now: float = 0.0) -> Breaker:
        self.breaker.trip(now, "tripped")
        return self.breaker

    def half_open(self, now: float = 0.0) -> tuple[Breaker, Permit, float]:
        """The breaker, its first probe, and when that was handed out."""
        breaker = self.tripped(now)
        probe = breaker.admit(breaker.open_until)
        assert probe is not None
        return breaker, probe, breaker.open_until

    def closed_again(self) -> tuple[Breaker, float]:
        breaker = self.tripped()
        now = breaker.open_until
        for _ in range(SETTINGS.close_after):
            self.call(Signal.SUCCESS, now)
        return breaker, now
