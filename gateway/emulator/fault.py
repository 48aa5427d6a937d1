"""What an emulated vendor shall do wrong, for whom, how often; and the board on which that is pinned."""

import math
import random
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from gateway.emulator.call import Call
from gateway.emulator.kinds import KINDS, Kind, family

ON_CONNECT = "accept_then_close"


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One misbehaviour. Raises ValueError on values that make no sense.

    `kind`: a name of the catalogue ("cut_reset") or a taxonomy id ("S3": the first of its variants that applies to
    the request). `model`, `endpoint`: only requests for these; None for all. `share`: the seeded chance that a request
    that matches is hit, 0..1. `count`: how many are hit in all, None unbounded. The others set what the kinds speak
    of, each kind with its own default: `after_tokens`, `delay_s` and `retry_after` (seconds), `status`, `factor`,
    `other_model`, `message`.
    """

    kind: str
    model: str | None = None
    endpoint: Literal["chat", "completions", "embeddings", "models"] | None = None
    share: float = 1.0
    count: int | None = None
    after_tokens: int = 3
    delay_s: float | None = None
    retry_after: float | None = None
    status: int | None = None
    factor: float = 1.4
    other_model: str | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        if not family(self.kind):
            raise ValueError(_unknown(self.kind))
        if self.kind == ON_CONNECT and (self.model is not None or self.endpoint is not None):
            raise ValueError(f"`{ON_CONNECT}` knows neither model nor endpoint: it acts before the request")
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"`{name}` must be from {low} to {high}, not {value}")

    def delay(self, default: float) -> float:
        """Seconds."""
        return default if self.delay_s is None else self.delay_s

    def matches(self, call: Call) -> Kind | None:
        """The kind that this fault is for this call, or None."""
        if (self.model is not None and self.model != call.model) or self.endpoint not in (None, call.endpoint):
            return None
        return next((kind for kind in family(self.kind) if kind.name != ON_CONNECT and kind.applies(call)), None)


_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("share", 0.0, 1.0),
    ("count", 1, math.inf),
    ("after_tokens", 0, math.inf),
    ("delay_s", 0.0, 86_400.0),
    ("retry_after", 0.0, 31 * 86_400.0),
    ("status", 200, 599),
    ("factor", 0.0, 1000.0),
)


def read_fault(data: bytes) -> Fault:
    """Raises ValueError with the reason (msgspec's own errors are ValueErrors)."""
    return msgspec.json.decode(data, type=Fault)


@dataclass(slots=True)
class Placed:
    """A fault on the board. `left`: hits still to come, None unbounded."""

    id: str
    fault: Fault
    left: int | None
    luck: random.Random

    def draw(self) -> bool:
        """Does it hit now? Counts down when it does."""
        if self.left == 0 or (self.fault.share < 1.0 and self.luck.random() >= self.fault.share):
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "left": self.left, **msgspec.to_builtins(self.fault)}


@dataclass(frozen=True, slots=True)
class Hit:
    fault: Fault
    kind: Kind


class FaultBoard:
    """The active faults. The first that matches and draws wins.

    Each has its own random stream, so that one more on the board does not change the luck of the others.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._added = 0
        self._placed: list[Placed] = []

    def add(self, fault: Fault) -> str:
        """The id to remove it by."""
        self._added += 1
        id_ = f"f{self._added}"
        luck = random.Random(f"{self._seed}:{id_}")
        self._placed.append(Placed(id_, fault, fault.count, luck))
        return id_

    def remove(self, id_: str) -> bool:
        """False when there is none of that id."""
        before = len(self._placed)
        self._placed = [placed for placed in self._placed if placed.id != id_]
        return len(self._placed) < before

    def clear(self) -> None:
        self._placed = []

    def list(self) -> tuple[Placed, ...]:
        return tuple(self._placed)

    def pick(self, call: Call) -> Hit | None:
        """What to do wrong with this call."""
        for placed in self._placed:
            kind = placed.fault.matches(call)
            if kind is not None and placed.draw():
                return Hit(placed.fault, kind)
        return None

    def closes_connection(self) -> bool:
        """Shall a connection that was just accepted be closed?"""
        return any(placed.fault.kind == ON_CONNECT and placed.draw() for placed in self._placed)


def _unknown(kind: str) -> str:
    names = sorted({name for row in KINDS for name in row[:2]})
    near = get_close_matches(kind, names, 1)
    return f"unknown kind {kind!r}" + (f", did you mean {near[0]!r}?" if near else "") + f"; kinds: {', '.join(names)}"
