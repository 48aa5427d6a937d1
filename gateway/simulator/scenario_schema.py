"""The shape of a scenario file: every section, every key, every bound. `scenario_file.py` checks what goes beyond."""

import math
from typing import Annotated

from pydantic import Field

from gateway.config import scalars
from gateway.config.section import Flag, Name, Section, Share, Text
from gateway.core.fault import FAILURES, FaultKind
from gateway.simulator.files import Long, LongOrZero, LongSpread, Prose

_DURATION = scalars.duration(longest="31d")
_PATTERN = scalars.matching(r"[^\[\]\n]+", "a name; * and ? stand for any text and any character")

_Pattern = Annotated[str, _PATTERN]
Patterns = Annotated[str | list[_Pattern], scalars.InShort(_PATTERN, Annotated[list[_Pattern], Field(min_length=1)])]
_FAILURES = sorted(kind.value for kind in FAILURES)


class SelectorEntry(Section):
    """Who is hit: one name or pattern, or a list of them, by kind of domain. Several kinds must all match."""

    vendor: Patterns | None = Field(default=None, description="Who serves and bills")
    maker: Patterns | None = Field(default=None, description="Who made the model")
    model: Patterns | None = Field(default=None, description="The vendor's name for the model")
    cloud: Patterns | None = Field(default=None, description="The cloud it runs on")
    region: Patterns | None = Field(default=None, description="The region it runs in")
    account: Patterns | None = Field(default=None, description="The account it is billed to")
    edge: Patterns | None = Field(default=None, description="The network edge in front of it")
    jurisdiction: Patterns | None = Field(default=None, description="Whose law the vendor answers to")
    deployment: Patterns | None = Field(default=None, description="A deployment itself")
    or_: "SelectorEntry | None" = Field(default=None, alias="or", description="And who is hit besides")


class ExponentialEntry(Section):
    """An exponential distribution: no memory, as of independent failures."""

    mean: Long = Field(description="Its mean")


class SpanEntry(Section):
    """A time that the seed draws: one of these distributions."""

    uniform: Annotated[tuple[float, float], scalars.pair(scalars.duration(zero=True, longest="31d"))] | None = Field(
        default=None, description="Anything from the first to the second, equally likely"
    )
    exponential: ExponentialEntry | None = Field(default=None, description="Exponential, by its mean")
    lognormal: LongSpread | None = Field(default=None, description="Lognormal, by its median and 95th percentile")


class RampEntry(Section):
    """How the fault comes and goes: linearly, inside its window."""

    up: LongOrZero = Field(default=0.0, description="From nothing to its full strength")
    down: LongOrZero = Field(default=0.0, description="From its full strength to nothing, at its end")


class DemandEntry(Section):
    """Where the load goes: to every deployment that is not hit."""

    factor: Annotated[float, scalars.amount(1000, low=1, positive=True)] = Field(
        description="How many times their usual load those then have"
    )
    after: LongOrZero = Field(default=0.0, description="How long after the fault's start it comes over")


class FaultEntry(Section):
    """One disturbance. Which keys it takes depends on its kind."""

    kind: Annotated[str, scalars.choice(*(kind.value for kind in FaultKind))] = Field(description="What happens")
    on: SelectorEntry = Field(description="Who is hit, such as {vendor: openai}")
    start: Annotated[float | SpanEntry, scalars.InShort(scalars.duration(zero=True, longest="31d"), SpanEntry)] = Field(
        default=0.0, description="When it begins, after the scenario's start: a time or a distribution"
    )
    duration: Annotated[
        float | SpanEntry, scalars.InShort(scalars.or_word("forever", math.inf, _DURATION), SpanEntry)
    ] = Field(default=math.inf, description="How long it lasts: a time, forever, or a distribution")
    share: Share = Field(default=1.0, description="Share of the calls that it hits")
    as_: dict[Annotated[str, scalars.choice(*_FAILURES)], Share] = Field(
        default={},
        alias="as",
        description="How the calls fail, as shares that add up to 100%",
        json_schema_extra={"propertyNames": {"enum": [*_FAILURES]}},
    )
    retry_after: Long | None = Field(default=None, description="What the vendor then says in retry-after")
    factor: Annotated[float, scalars.amount(1_000_000)] | None = Field(
        default=None, description="What latency (above 1), quota (below 1) or price is multiplied by"
    )
    delay: Long | None = Field(default=None, description="How much later the first token comes")
    ramp: RampEntry = Field(default=RampEntry(), description="How it comes and goes")
    probability: Share = Field(default=1.0, description="How likely it is to happen at all")
    group: Name | None = Field(
        default=None, description="Faults of one group happen together or not at all, with the same luck"
    )
    demand: DemandEntry | None = Field(default=None, description="The load it displaces")
    basis: Text | None = Field(default=None, description="Published, measured or assumed; or what it rests on")


class IncidentEntry(Section):
    """What has happened or was announced, and how it is known."""

    date: Annotated[str, scalars.day()] = Field(description="Its day (UTC), such as 2025-06-10")
    begins: Annotated[float, scalars.time_of_day()] | None = Field(
        default=None, description="The time of day (UTC) of the scenario's start, where known"
    )
    verified: Flag = Field(description="Were the sources read, and do they say so?")
    facts: Prose = Field(description="What happened, in a few sentences")
    assumed: Prose | None = Field(default=None, description="What had to be assumed to replay it")
    sources: Annotated[
        list[Annotated[str, scalars.matching(r"https?://[!-~]+", "a URL such as https://status.example.com/1")]],
        Field(min_length=1),
    ] = Field(description="Where the facts come from")


class ScenarioFile(Section):
    """A scenario for the disruption simulator of Second Source: a timeline of faults."""

    version: Annotated[int, scalars.count(1, 1)] = Field(description="Version of this file's format: 1")
    title: Text = Field(description="What happens, in a few words")
    about: Prose | None = Field(default=None, description="What it shows, in a sentence or two")
    duration: Long = Field(description="How long the simulation lasts, up to 31d")
    faults: list[FaultEntry] = Field(description="What goes wrong; empty for a quiet day")
    incident: IncidentEntry | None = Field(default=None, description="Only for what has happened or was announced")
