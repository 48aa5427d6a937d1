"""`python -m bench.soak`: many requests, streams among them, a primary that keeps failing, a memory that stays flat.

Exit code 1 when memory grows by more than 5 % after the first tenth, or when a request fails.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Annotated, Any, NamedTuple

import httpx2
import typer
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.load import Load
from bench.measure import IN_FLIGHT, MEGA, WORDS, put_on
from bench.processes import cores
from bench.systems import System, gateway, upstream

ROUNDS = 40
WARM = ROUNDS // 10
STREAMS = 0.2
GROWTH = 0.05
# What the primary does, round after round; None: it is well.
WEATHER: tuple[dict[str, Any] | None, ...] = (
    None,
    {"kind": "overloaded", "share": 0.3},
    None,
    {"kind": "cut_reset", "share": 0.3},
    {"kind": "reset_before_headers", "share": 0.5},
)


class Round(NamedTuple):
    """`memory` in megabytes, at its end."""

    fault: str
    answered: int
    failed: int
    memory: float
    reasons: tuple[str, ...]


def main(requests: Annotated[int, typer.Option(min=ROUNDS * 10, help="in all")] = 200_000) -> None:
    """Memory under load and faults."""
    console, split = Console(), cores()
    with upstream(split) as vendor, gateway(vendor, split) as system:
        os.sched_setaffinity(0, split.others)  # the load inherits it
        faults = f"{vendor.control}/vendors/at-once/faults"
        weather = zip(range(ROUNDS), cycle(WEATHER), strict=False)
        rounds = [
            _round(system, faults, fault, requests // ROUNDS)
            for _, fault in track(list(weather), "soaking", console=console, transient=True)
        ]
    raise typer.Exit(_report(console, rounds))


def _round(system: System, faults: str, fault: dict[str, Any] | None, requests: int) -> Round:
    streams = round(requests * STREAMS)
    with _weather(faults, fault):
        results = [
            put_on(Load(system.plain, requests - streams, IN_FLIGHT, WORDS)),
            put_on(Load(system.plain, streams, IN_FLIGHT, WORDS, stream=True)),
        ]
    assert system.child is not None
    return Round(
        fault["kind"] if fault else "-",
        sum(result.answered for result in results),
        sum(result.failed for result in results),
        system.child.memory() / MEGA,
        tuple(reason for result in results for reason in result.reasons),
    )


@contextmanager
def _weather(faults: str, fault: dict[str, Any] | None) -> Iterator[None]:
    if fault is not None:
        httpx2.post(faults, json=fault, trust_env=False).raise_for_status()
    yield
    httpx2.delete(faults, trust_env=False).raise_for_status()


def _report(console: Console, rounds: list[Round]) -> int:
    table = Table("round", "fault of the primary", "answered", "failed", "MB", box=box.SIMPLE_HEAD)
    for index, row in enumerate(rounds, 1):
        if index % WARM == 0:
            table.add_row(str(index), row.fault, str(row.answered), str(row.failed), f"{row.memory:.1f}")
    console.print(table)
    failed = sum(row.failed for row in rounds)
    growth = rounds[-1].memory / rounds[WARM - 1].memory - 1
    for reason in dict.fromkeys(reason for row in rounds for reason in row.reasons):
        console.print(reason, style="red", markup=False)
    good = growth <= GROWTH and not failed
    console.print(
        f"memory grew by {growth:.1%} (allowed {GROWTH:.0%}), {failed} requests failed: {'ok' if good else 'not ok'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    typer.run(main)
