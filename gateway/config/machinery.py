"""The sections of the config file that tune the gateway itself: breaker, retry budget, state, ledger."""

from typing import Annotated

from pydantic import Field

from gateway.config import scalars
from gateway.config.section import Seconds, SecondsOrZero, Section, Share, ShareOrZero
from gateway.core.model import BreakerSettings, RetryBudgetSettings

_BREAKER = BreakerSettings()
_RETRY_BUDGET = RetryBudgetSettings()


class BreakerEntry(Section):
    """When a breaker trips and how it comes back."""

    consecutive: Annotated[int, scalars.count(1, 1000)] = Field(
        default=_BREAKER.consecutive, description="Trips on so many failures in a row"
    )
    failure_share: Share = Field(
        default=_BREAKER.failure_share, description="Trips on this share of failures in the window"
    )
    slow_share: Share = Field(
        default=_BREAKER.slow_share, description="Trips on this share of slow streams in the window"
    )
    slow_after: Share = Field(
        default=_BREAKER.slow_after, description="A stream is slow after this share of its first_token"
    )
    minimum_calls: Annotated[int, scalars.count(1, 100_000)] = Field(
        default=_BREAKER.minimum_calls, description="Shares count from so many calls in the window"
    )
    window: Seconds = Field(default=_BREAKER.window, description="How far back shares look")
    open: Seconds = Field(default=_BREAKER.open, description="First pause after a trip; it doubles up to open_max")
    open_max: Seconds = Field(default=_BREAKER.open_max, description="Longest pause")
    half_open_probes: Annotated[int, scalars.count(1, 100)] = Field(
        default=_BREAKER.half_open_probes, description="Calls at once that test whether it is well again"
    )
    close_after: Annotated[int, scalars.count(1, 100)] = Field(
        default=_BREAKER.close_after, description="Good probes in a row that close it"
    )
    ramp: SecondsOrZero = Field(default=_BREAKER.ramp, description="Time in which traffic comes back after closing")


class RetryBudgetEntry(Section):
    """How many second attempts all requests together may cause."""

    share: ShareOrZero = Field(default=_RETRY_BUDGET.share, description="Share of the requests of the last minute")
    floor: Annotated[int, scalars.count(0, 1_000_000)] = Field(
        default=_RETRY_BUDGET.floor, description="Allowed at any time on top"
    )


class StateEntry(Section):
    """Where shared state lives."""

    url: Annotated[str, scalars.matching("memory://", "memory:// (no other store is supported)")] = Field(
        default="memory://", description="memory:// keeps it in the process"
    )


class LedgerEntry(Section):
    """Where decisions are kept."""

    url: Annotated[str, scalars.matching("sqlite:///.+", "sqlite:///path (no other database is supported)")] = Field(
        default="sqlite:///var/ledger.db", description="sqlite:///path, relative to the working directory"
    )
