"""When deployments fall together, suspect what they share.

Two deployments of one domain that trip within half a minute for the same reason, while most of the domain's busy
deployments are open, open the domain's own breaker. Then its other deployments get one shared probe instead of being
tried in turn. Which outcomes may accuse which kinds of domain stands in `outcome.RULES`: two refused accounts accuse
the vendor's login, two overloaded vendors of one maker accuse the maker.
An accused domain is acquitted by any success, also one reached as a last resort.
"""

from collections.abc import Callable, Iterable

from gateway.core.breaker import Breaker, Permit, Phase
from gateway.core.model import Deployment, Domain
from gateway.core.outcome import Kind, Outcome, Signal

Standing = tuple[Deployment, Breaker]

TOGETHER = 30.0
MAJORITY = 0.6


class Rollup:
    def __init__(self, make: Callable[[str], Breaker]) -> None:
        self._make = make
        self._trips: dict[tuple[Domain, Kind], dict[str, float]] = {}
        self.suspects: dict[Domain, Breaker] = {}

    def admit(self, deployment: Deployment, now: float) -> tuple[tuple[Breaker, Permit], ...] | str:
        """A permit of each suspected domain the deployment belongs to, or why not."""
        if not self.suspects:
            return ()
        self._forget_closed()
        breakers = [(domain, self.suspects[domain]) for domain in deployment.domains if domain in self.suspects]
        for domain, breaker in breakers:
            if breaker.refusal(now):
                return f"{domain.kind} {domain.name} is suspected: {breaker.cause}"
        permits = [(breaker, breaker.admit(now)) for _, breaker in breakers]
        return tuple((breaker, permit) for breaker, permit in permits if permit)

    def note_trip(self, deployment: Deployment, outcome: Outcome, now: float, standings: Iterable[Standing]) -> None:
        """A deployment's breaker has opened for this outcome; `standings` are all deployments and their breakers."""
        everyone = list(standings)
        for domain in deployment.domains:
            if domain.kind not in outcome.rule.rolls_up:
                continue
            trips = self._trips.setdefault((domain, outcome.kind), {})
            trips[deployment.id] = now
            together = [id_ for id_, at in trips.items() if at >= now - TOGETHER]
            if len(together) >= 2 and _mostly_open(domain, everyone):
                self._accuse(domain, f"{outcome.kind.value} on {' and '.join(sorted(together)[:3])}", outcome, now)

    def acquit(self, deployment: Deployment, now: float) -> None:
        for domain in deployment.domains:
            if domain in self.suspects:
                self.suspects[domain].reset(now, f"{deployment.id} answered")
        self._forget_closed()

    def _accuse(self, domain: Domain, cause: str, outcome: Outcome, now: float) -> None:
        breaker = self.suspects.get(domain)
        if breaker is None:
            breaker = self.suspects[domain] = self._make(f"{domain.kind}:{domain.name}")
        breaker.trip(now, cause, lasting=outcome.rule.signal is Signal.TRIP)

    def _forget_closed(self) -> None:
        self.suspects = {domain: b for domain, b in self.suspects.items() if b.phase is not Phase.CLOSED}


def _mostly_open(domain: Domain, everyone: list[Standing]) -> bool:
    breakers = [breaker for deployment, breaker in everyone if domain in deployment.domains]
    opened = sum(breaker.phase is not Phase.CLOSED for breaker in breakers)
    busy = opened + sum(breaker.phase is Phase.CLOSED and breaker.window.calls > 0 for breaker in breakers)
    return opened >= MAJORITY * busy
