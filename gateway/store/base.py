"""What the gateway asks of a ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.decision import Decision


class LedgerError(Exception):
    """The ledger could not do what was asked; the message says why. It may be able to later."""


class LedgerUrlError(ValueError):
    """The ledger's URL is plain wrong: trying again cannot help."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which decisions. `since` (inclusive) and `until` (exclusive) are Unix seconds. None: any."""

    since: float | None = None
    until: float | None = None
    workflow: str | None = None
    route: str | None = None
    outcome: str | None = None


EVERYTHING = Query()


@dataclass(frozen=True, slots=True)
class Total:
    """What one workflow saw on one route with one outcome."""

    workflow: str
    route: str
    outcome: str
    requests: int
    fallbacks: int
    usd: float
    input_tokens: int
    output_tokens: int


class Ledger(Protocol):
    """Every method raises `LedgerError` when the store is not up to it."""

    async def open(self) -> None:
        """Makes the store ready for use; may be called again after it failed."""

    async def append(self, decisions: Sequence[Decision]) -> None:
        """All or none, in this order. A decision whose id is there already is passed over."""

    async def query(self, what: Query = EVERYTHING, limit: int = 100) -> list[Decision]:
        """The newest first."""

    async def get(self, name: str) -> Decision | None:
        """The one with this id, or the newest with this request id."""

    async def summary(self, what: Query = EVERYTHING) -> list[Total]:
        """Ordered by workflow, route and outcome."""

    async def close(self) -> None: ...
