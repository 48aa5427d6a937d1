"""When deployments fall together, suspect what they share.

Two deployments of one domain that trip within half a minute for the same reason, while most of the domain's busy
deployments are open, open the domain's own breaker. Then its other deployments get one shared probe instead of being
tried in turn. Which outcomes may accuse which kinds of domain stands in `outcome.RULES`: two refused accounts accuse
the vendor's login, two overloaded vendors of one maker accuse the maker.
An accused domain is acquitted by any answer to a call that was made after the accusation, also one made as a last
resort: its deployments have breakers of their own, which know better which of them are down.
"""

from collections.abc import Callable, Collection, Iterable

from gateway.core.breaker import Breaker, Permit, Phase
from gateway.core.model import BreakerSettings, Deployment, Domain
from gateway.core.outcome import Kind, Outcome, Signal

Standing = tuple[Deployment, Breaker]
DomainPermit = tuple[Domain, Breaker, Permit]

TOGETHER = 30.0
WITNESSES = 2
MAJORITY = 0.6


class Rollup:
    def __init__(self, make: Callable[[str], Breaker]) -> None:
        self._make = make
        self._trips: dict[tuple[Domain, Kind], dict[str, tuple[Deployment, float]]] = {}
        self.suspects: dict[Domain, Breaker] = {}

    def configure(self, settings: BreakerSettings) -> None:
        for breaker in self.suspects.values():
            breaker.configure(settings)

    def refusal(self, deployment: Deployment, now: float) -> str | None:
        """Why its domains' breakers would give no permit now, or None. Changes nothing."""
        for domain, breaker in self._suspected(deployment):
            if breaker.refusal(now):
                return f"{domain.kind} {domain.name} is suspected: {breaker.cause}"
        return None

    def admit(self, deployment: Deployment, now: float) -> tuple[DomainPermit, ...]:
        """A permit of each suspected domain the deployment belongs to. Ask `refusal` first."""
        if not self.suspects:
            return ()
        asked = [(domain, breaker, breaker.admit(now)) for domain, breaker in self._suspected(deployment)]
        return tuple((domain, breaker, permit) for domain, breaker, permit in asked if permit is not None)

    def force(self, deployment: Deployment) -> tuple[DomainPermit, ...]:
        """As `admit`, whatever the phase."""
        return tuple((domain, breaker, breaker.force()) for domain, breaker in self._suspected(deployment))

    def open_until(self, deployment: Deployment) -> float:
        """The time until which its domains' breakers let nothing pass; 0 when none is open."""
        return max((breaker.open_until for _, breaker in self._suspected(deployment)), default=0.0)

    def settle(self, permits: Collection[DomainPermit], outcome: Outcome, now: float) -> None:
        """Return the permits. A failure counts only against what it may accuse."""
        if outcome.rule.signal is Signal.SUCCESS:
            self.acquit(permits, now)
        for domain, breaker, permit in permits:
            signal = outcome.rule.signal if domain.kind in outcome.rule.rolls_up else Signal.NEUTRAL
            breaker.settle(permit, signal, now, hold=outcome.retry_after or 0.0, cause=outcome.kind.value)

    def acquit(self, permits: Iterable[DomainPermit], now: float) -> None:
        """One of its deployments has answered."""
        for domain, breaker, permit in permits:
            if self.suspects.get(domain) is breaker and breaker.current(permit):
                del self.suspects[domain]
                breaker.reset(now, "one of its deployments answered")

    def note_trip(self, deployment: Deployment, outcome: Outcome, now: float, standings: Iterable[Standing]) -> None:
        """A deployment's breaker has opened for this outcome; `standings` are all deployments and their breakers."""
        everyone = list(standings)
        for domain in deployment.domains:
            if domain.kind not in outcome.rule.rolls_up:
                continue
            trips = self._trips.setdefault((domain, outcome.kind), {})
            trips[deployment.id] = (deployment, now)
            together = [fallen for fallen, at in trips.values() if at >= now - TOGETHER]
            if _witnesses(domain, outcome.kind, together) >= WITNESSES and _mostly_open(domain, everyone, now):
                names = sorted(fallen.id for fallen in together)
                self._accuse(domain, f"{outcome.kind.value} on {' and '.join(names[:3])}", outcome, now)

    def _accuse(self, domain: Domain, cause: str, outcome: Outcome, now: float) -> None:
        breaker = self.suspects.get(domain)
        if breaker is None:
            breaker = self.suspects[domain] = self._make(f"{domain.kind}:{domain.name}")
        breaker.trip(now, cause, lasting=outcome.rule.signal is Signal.TRIP)

    def _suspected(self, deployment: Deployment) -> list[tuple[Domain, Breaker]]:
        if not self.suspects:
            return []
        known = ((domain, self.suspects.get(domain)) for domain in deployment.domains)
        return [(domain, breaker) for domain, breaker in known if breaker and breaker.phase is not Phase.CLOSED]


def _witnesses(domain: Domain, kind: Kind, fallen: Collection[Deployment]) -> int:
    """How many independent ones testify: what a narrower cause explains does not accuse the wider one.

    Two deployments of one vendor say nothing about a maker or a region, two on one account nothing about a login.
    """
    if domain.kind == "vendor" and kind is Kind.UNAUTHORIZED:
        return len({deployment.domain("account") or deployment.api_key for deployment in fallen})
    if domain.kind in ("vendor", "account"):
        return len(fallen)
    return len({deployment.vendor for deployment in fallen})


def _mostly_open(domain: Domain, everyone: list[Standing], now: float) -> bool:
    breakers = [breaker for deployment, breaker in everyone if domain in deployment.domains]
    opened = sum(breaker.phase is not Phase.CLOSED for breaker in breakers)
    busy = opened + sum(breaker.phase is Phase.CLOSED and breaker.window.counts(now).calls > 0 for breaker in breakers)
    return opened >= MAJORITY * busy
