"""Many years of outages: each cause an alternating renewal process, all on one timeline.

Up for an exponential time, down for a lognormal one, up again (Rausand and Hoyland, "System Reliability Theory", on
renewal processes). Each cause draws from a stream of its own: what befalls one vendor does not depend on which others
are in the config. Times are minutes.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.simulator.causes import Cause
from gateway.simulator.luck import generator
from gateway.simulator.world import MINUTE, Outages, lognormal_sigma

YEAR = 365 * 24 * 60.0
MOST = 62  # causes: one bit each of a signed 64-bit integer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Starts(NamedTuple):
    """One outage a place: the state of the world as it began, in which year, and how long it was (minutes)."""

    state: Ints
    year: Ints
    length: Floats


class Timeline(NamedTuple):
    """`states`: each set of causes that was ever at work at once, the n-th cause as bit n.

    Between two changes the world was in `state` (an index into `states`) for so many `minutes`, within one `year`.
    `starts` by cause.
    """

    years: int
    causes: tuple[Cause, ...]
    states: Ints
    state: Ints
    year: Ints
    minutes: Floats
    starts: tuple[Starts, ...]

    def down(self, domain: str) -> Flags:
        """By state: does any cause take the domain with this label?"""
        taking = sum(1 << bit for bit, cause in enumerate(self.causes) if domain in cause.takes)
        flags: Flags = (self.states & taking) != 0
        return flags


def timeline(known: Sequence[Cause], seed: int, years: int) -> Timeline:
    """All causes start as if just repaired. More than `MOST`: those with the largest unavailability."""
    kept = _kept(known)
    drawn = [_outages(cause.outages, generator(seed, "year", cause.name), years * YEAR) for cause in kept]
    times, changes = _changes(drawn, years)
    order = np.argsort(times, kind="stable")
    times, changes = times[order], changes[order]
    masks = np.cumsum(changes)[:-1]
    states = np.unique(masks)
    state = np.searchsorted(states, masks)
    # What the horizon cuts off ends in no time at the very end.
    year = np.minimum(times[:-1] // YEAR, years - 1).astype(np.int64)
    began = [np.flatnonzero(changes == 1 << bit) for bit in range(len(kept))]
    starts = tuple(Starts(state[at], year[at], ends - begins) for at, (begins, ends) in zip(began, drawn, strict=True))
    return Timeline(years, kept, states, state, year, np.diff(times), starts)


def _kept(known: Sequence[Cause]) -> tuple[Cause, ...]:
    worst = sorted(known, key=lambda cause: -cause.outages.unavailability)[:MOST]
    return tuple(cause for cause in known if cause in worst)


def _outages(rates: Outages, source: np.random.Generator, horizon: float) -> tuple[Floats, Floats]:
    """When each begins before the horizon, and when it ends, there at the latest."""
    count = _enough(rates, horizon)
    up = source.exponential(rates.between / MINUTE, count)
    sigma = lognormal_sigma(rates.repair, rates.median)
    down = rates.median / MINUTE * np.exp(sigma * source.standard_normal(count))
    ends = np.cumsum(up + down)
    begins = ends - down
    seen = begins < horizon
    return begins[seen], np.minimum(ends[seen], horizon)


def _enough(rates: Outages, horizon: float) -> int:
    """So many cycles last beyond the horizon but for one chance in a billion: six standard deviations of a renewal
    process above its mean (Rausand and Hoyland, as above).
    """
    mean = (rates.between + rates.repair) / MINUTE
    variation = math.sqrt(max(0.0, (rates.repair / rates.median) ** 2 - 1.0))
    spread = math.hypot(rates.between, rates.repair * variation) / MINUTE
    expected = horizon / mean
    return int(expected + 6.0 * math.sqrt(expected) * spread / mean) + 20


def _changes(drawn: Sequence[tuple[Floats, Floats]], years: int) -> tuple[Floats, Ints]:
    """When a cause begins (its bit is added), ends (is taken away), or a year does (nothing changes)."""
    turns = np.arange(years + 1) * YEAR
    times, changes = [turns], [np.zeros(turns.size, np.int64)]
    for bit, (begins, ends) in enumerate(drawn):
        times += [begins, ends]
        changes += [np.full(begins.size, 1 << bit), np.full(ends.size, -(1 << bit))]
    return np.concatenate(times), np.concatenate(changes)
