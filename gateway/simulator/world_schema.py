"""The shape of the world file: every section, every key, every bound. `world_file.py` checks what goes beyond.

The defaults are those of `gateway.simulator.world`, so that they are written once.
"""

from typing import Annotated

from pydantic import Field

from gateway.config import scalars
from gateway.config.section import Count, Name, Section, Share, ShareOrZero, Text
from gateway.simulator.files import AmountSpread, Long, LongOrZero, LongSpread
from gateway.simulator.world import BETA, Daily, Loop, Pattern, Profile

_PROFILE = Profile()
_PATTERN = Pattern()
_DAILY = Daily()
_UNLIMITED = scalars.or_word("unlimited", None, scalars.amount(1_000_000, low=1))

Between = Annotated[float, scalars.duration(longest="36500d")]


class QuotaEntry(Section):
    """What the vendor really grants. Left out: what the config's limits say."""

    rpm: Count | None = Field(default=None, description="Requests a minute")
    tpm: Count | None = Field(default=None, description="Tokens a minute")


class ProfileEntry(Section):
    """How a deployment behaves when nothing special is the matter."""

    first_token: LongSpread | None = Field(default=None, description="Time to the first token")
    speed: AmountSpread | None = Field(
        default=None, description="Output tokens a second; one call in twenty is faster than p95"
    )
    errors: ShareOrZero | None = Field(
        default=None, description="Share of the calls that fail all the same; default: by the vendor's published uptime"
    )
    headroom: Annotated[float | None, _UNLIMITED] = Field(
        default=_PROFILE.headroom, description="How many times its usual load it can take before it sheds; or unlimited"
    )
    quota: QuotaEntry = Field(default=QuotaEntry(), description="What the vendor really grants")
    concurrency: Count | None = Field(default=None, description="Calls at once that it can take; default: any number")


class TokensEntry(Section):
    """How long requests and answers are."""

    input: AmountSpread | None = Field(default=None, description="Input tokens of a request")
    output: AmountSpread | None = Field(default=None, description="Output tokens of an answer")


class DailyEntry(Section):
    """A daily curve."""

    peak: Annotated[float, scalars.time_of_day()] = Field(default=_DAILY.peak, description="When the rate is highest")
    swing: ShareOrZero = Field(default=_DAILY.swing, description="How far the rate swings around its mean")


class BurstsEntry(Section):
    """Short times of high demand, at random."""

    every: Long = Field(description="Mean time from one to the next")
    lasting: Long = Field(description="How long each lasts")
    factor: Annotated[float, scalars.amount(1000, low=1, positive=True)] = Field(
        description="How many times its usual value the rate then has"
    )


class LoopEntry(Section):
    """An agent: each arrival is a task of several calls, one after the other."""

    calls: Annotated[int, scalars.count(1, 1000)] = Field(description="Calls of a task")
    pause: LongOrZero = Field(default=Loop(1).pause, description="Between an answer and the next call")


class TrafficEntry(Section):
    """What a workflow sends."""

    per_minute: Annotated[float, scalars.amount(1_000_000)] = Field(
        default=_PATTERN.per_minute, description="Arrivals a minute, on the mean of the day and outside of bursts"
    )
    routes: dict[Name, Share] = Field(
        default={}, description="What it asks for, as shares that add up to 100%; left out: all it may use, equally"
    )
    stream: ShareOrZero = Field(default=_PATTERN.stream, description="Share of the calls that are streamed")
    tokens: TokensEntry = Field(default=TokensEntry(), description="How long its requests and answers are")
    needs: list[Annotated[str, scalars.choice("tools", "vision", "json_schema")]] = Field(
        default=[], description="What every call needs of a deployment"
    )
    daily: DailyEntry | None = Field(default=None, description="A daily curve; left out: none")
    bursts: BurstsEntry | None = Field(default=None, description="Short times of high demand; left out: none")
    loop: LoopEntry | None = Field(default=None, description="Agents' tasks of several calls; left out: single calls")


class RepairEntry(Section):
    """How long an outage lasts, lognormally."""

    mean: Long = Field(description="The mean")
    median: Long = Field(description="Half of them are shorter; at most the mean")


class OutagesEntry(Section):
    """How often a domain fails, and for how long."""

    between: Between = Field(description="Mean time from the end of one outage to the next")
    repair: RepairEntry | None = Field(default=None, description="How long one lasts; default: calibrated")


class GroupEntry(Section):
    """Domains that can fall together."""

    name: Text = Field(description="What they have in common")
    members: Annotated[list[Text], Field(min_length=2)] = Field(description="Domains, such as vendor:openai")
    beta: Share = Field(default=BETA, description="Share of each one's outages that is common to all")


class WorldFile(Section):
    """What the disruption simulator of Second Source assumes of the world. Every part is optional."""

    version: Annotated[int, scalars.count(1, 1)] = Field(description="Version of this file's format: 1")
    deployments: dict[Name, ProfileEntry] = Field(default={}, description="How deployments behave")
    traffic: dict[Name, TrafficEntry] = Field(default={}, description="What workflows send")
    outages: dict[Text, OutagesEntry] = Field(default={}, description="How often domains fail, such as vendor:openai")
    correlated: list[GroupEntry] | None = Field(
        default=None, description="Domains that can fall together; left out: all vendors"
    )
