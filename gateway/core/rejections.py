"""Is it the client's request that is bad, or has the vendor begun to refuse what it used to take?

A single 400 cannot tell. It is the vendor's when most of a deployment's recent answers are 400s, two different
workflows got them, and the identical request succeeds elsewhere. Only the first two can be known beforehand: then the
request may be taken elsewhere; the third is counted against health when it has been seen. From then on, and until
the deployment takes a request again, it is not believed: or each probe of its breaker would cost an app a 400.
Case in point: Azure OpenAI on 2026-03-09 answered 400 to good requests for twenty hours.
"""

from gateway.core.model import BreakerSettings
from gateway.core.window import Window

WITNESSES = 2
REMEMBERED = 16


class Rejections:
    """The bad requests of one deployment."""

    __slots__ = ("_answers", "_proven", "_seen", "settings")

    def __init__(self, settings: BreakerSettings) -> None:
        self.settings = settings
        self._answers = Window(settings.window)
        self._seen: dict[str, float] = {}
        self._proven = False

    def configure(self, settings: BreakerSettings) -> None:
        """From a new config. A window of another length starts empty."""
        if settings.window != self.settings.window:
            self._answers = Window(settings.window)
        self.settings = settings

    def add(self, workflow: str, rejected: bool, now: float) -> None:
        self._answers.add(now, failed=rejected)
        self._proven = self._proven and rejected
        if rejected:
            self._seen.pop(workflow, None)
            self._seen[workflow] = now
            if len(self._seen) > REMEMBERED:
                del self._seen[next(iter(self._seen))]

    def prove(self) -> None:
        """What it refused has succeeded elsewhere."""
        self._proven = True

    def suspicious(self, now: float) -> bool:
        """May a bad request be taken elsewhere?"""
        if self._proven:
            return True
        counts = self._answers.counts(now)
        if counts.calls < self.settings.minimum_calls or counts.failure_share < self.settings.failure_share:
            return False
        return sum(at >= now - self.settings.window for at in self._seen.values()) >= WITNESSES
