"""How one emulated vendor is set up."""

import random
from dataclasses import dataclass
from typing import Literal

Prefill = Literal["continue", "refuse", "ignore"]


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast it speaks. `first_token_ms` is a median, `jitter` the sigma of a lognormal factor on every wait.

    `tokens_per_second` 0: everything at once. All zero, the default, is what tests and benchmarks want.
    """

    first_token_ms: float = 0.0
    tokens_per_second: float = 0.0
    jitter: float = 0.0

    def first(self, rng: random.Random) -> float:
        """Seconds until the first token."""
        return self._jittered(self.first_token_ms / 1000, rng) if self.first_token_ms else 0.0

    def gaps(self, tokens: int, rng: random.Random) -> tuple[float, ...]:
        """Seconds before each token but the first; empty when there are none to keep."""
        if not self.tokens_per_second:
            return ()
        return tuple(self._jittered(1 / self.tokens_per_second, rng) for _ in range(tokens - 1))

    def _jittered(self, seconds: float, rng: random.Random) -> float:
        return seconds * rng.lognormvariate(0.0, self.jitter) if self.jitter else seconds


@dataclass(frozen=True, slots=True)
class VendorSettings:
    """One vendor. `port` 0: a free one.

    `prefill`: what it does when the last message is the assistant's: go on from it, refuse it (400) or answer anew.
    `models` and `api_keys`: empty accepts any. `context`: prompt tokens it takes, None unbounded. `gzip`: compress
    plain replies for clients that accept it.
    """

    name: str = "openai"
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 0
    pacing: Pacing = Pacing()
    prefill: Prefill = "continue"
    models: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    context: int | None = None
    gzip: bool = False
