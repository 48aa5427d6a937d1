"""Peak EWMA: believes a slow answer at once and forgets it slowly, so a spike turns traffic away before the mean does.

A value that no answer confirms fades: or a deployment that was slow once would never be asked again.
Source: Finagle's PeakEwma load metric, as in tower's `load::peak_ewma`.
"""

import math

FADES = 60.0


class PeakEwma:
    """Seconds. Decays towards new, lower samples with time constant `tau` (seconds)."""

    __slots__ = ("_tau", "_then", "value")

    def __init__(self, tau: float = 10.0) -> None:
        self._tau = tau
        self._then = 0.0
        self.value: float | None = None

    def faded(self, now: float) -> float | None:
        """The value, less certain with each second (time constant `FADES`) since the last sample."""
        return None if self.value is None else self.value * math.exp(-(now - self._then) / FADES)

    def add(self, sample: float, now: float) -> None:
        if self.value is None or sample >= self.value:
            self.value = sample
        else:
            keep = math.exp(-(now - self._then) / self._tau)
            self.value = self.value * keep + sample * (1 - keep)
        self._then = now
