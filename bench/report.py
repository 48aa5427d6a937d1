"""From samples to a table and a file."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import orjson
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from bench.decision import CoreTime
from bench.measure import Sample
from bench.simulation import SimulatorTime

GATEWAY, DIRECT = "secondsource", "direct"
SATURATED = 0.85  # of its core: what does less was not the one that limited the run
BOUND = "≥"
HEADINGS = (
    "CPU µs/\nrequest",
    "requests\n/s",
    "added\np50 ms",
    "added\np99 ms",
    "CPU µs/\nevent",
    "MB",
    "CPU vs\nours",
)
Budget = tuple[float, float | None, str]
BUDGETS: dict[str, tuple[float | None, str]] = {
    "CPU per request": (300.0, "µs"),
    "CPU per stream event": (60.0, "µs"),
    "decision over 12 candidates": (15.0, "µs"),
    "its outcome, back to health": (None, "µs"),
    "import of gateway.cli": (300.0, "ms"),
    "simulated request": (1e6 / 30_000, "µs"),
    "N-1: 20 domains, 5 workflows": (60.0, "s"),
}


@dataclass(frozen=True, slots=True)
class Spread:
    """Over the runs."""

    median: float
    low: float
    high: float

    def text(self) -> str:
        """The median, and how far the runs were from it."""
        off = max(self.high - self.median, self.median - self.low) / self.median if self.median else 0.0
        return f"{self.median:,.0f} ±{off:.0%}"


@dataclass(frozen=True, slots=True)
class Row:
    """A system over all runs; units as in `Sample`. `added_*`: beyond the direct way in the same run.

    `times_gateway`: its CPU per request by the gateway's.
    """

    name: str
    request_cpu: Spread | None
    requests_per_second: Spread
    busy: Spread | None
    p50: Spread
    p99: Spread
    added_p50: Spread
    added_p99: Spread
    loaded_p50: Spread
    loaded_p99: Spread
    event_cpu: Spread | None
    event_cpu_beyond: Spread | None
    memory: Spread | None
    times_gateway: float | None
    failed: int
    reasons: tuple[str, ...]


def rows(samples: Mapping[str, Sequence[Sample]]) -> list[Row]:
    """`samples` by the system's name, one a run."""
    base, gateway = samples[DIRECT], [sample.request_cpu for sample in samples[GATEWAY]]
    return [_row(name, runs, base, _spread(gateway)) for name, runs in samples.items()]


def budgets(found: Sequence[Row], core: CoreTime, importing: float, simulator: SimulatorTime) -> dict[str, Budget]:
    """By name: what was measured, what is allowed (None: nothing was set), the unit."""
    gateway = next(row for row in found if row.name == GATEWAY)
    assert gateway.request_cpu is not None
    assert gateway.event_cpu is not None
    measured = (gateway.request_cpu.median, gateway.event_cpu.median, *core, importing, *simulator)
    return {name: (value, *BUDGETS[name]) for name, value in zip(BUDGETS, measured, strict=True)}


def show(console: Console, found: Sequence[Row], allowed: Mapping[str, Budget]) -> None:
    console.print(_systems(found))
    table = Table("budget", "measured", "allowed", "", title="The gateway's budgets")
    for name, (value, limit, unit) in allowed.items():
        verdict = "" if limit is None else "ok" if value <= limit else "over"
        table.add_row(name, f"{value:,.1f} {unit}", "" if limit is None else f"{limit:,.0f} {unit}", verdict)
    console.print(table)
    for row in found:
        if row.failed:
            console.print(f"{row.name}: {row.failed} failed: {'; '.join(row.reasons)}", style="red", markup=False)


def write(path: Path, found: Sequence[Row], allowed: Mapping[str, Budget], runs: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "runs": runs,
        "systems": [asdict(row) for row in found],
        "budgets": {name: {"measured": v, "allowed": limit, "unit": u} for name, (v, limit, u) in allowed.items()},
    }
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def machine() -> dict[str, object]:
    return {
        "cores": len(psutil.Process().cpu_affinity() or ()),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "load_before": psutil.getloadavg()[0],
    }


def _systems(found: Sequence[Row]) -> Table:
    table = Table(
        title="Medians (± the run farthest off)",
        caption=f"32 in flight; added: one at a time, beyond direct; {BOUND} its core was not full",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("system", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> list[str]:
    direct = row.name == DIRECT
    bound = "" if row.busy is None or row.busy.median >= SATURATED else BOUND
    return [
        row.name,
        row.request_cpu.text() if row.request_cpu else "-",
        f"{bound}{row.requests_per_second.median:,.0f}",
        "-" if direct else f"{row.added_p50.median:.2f}",
        "-" if direct else f"{row.added_p99.median:.2f}",
        f"{row.event_cpu.median:,.0f}" if row.event_cpu else "-",
        f"{row.memory.median:,.0f}" if row.memory else "-",
        f"{row.times_gateway:.1f}x" if row.times_gateway else "-",
    ]


def _row(name: str, runs: Sequence[Sample], base: Sequence[Sample], gateway: Spread | None) -> Row:
    cpu = _spread([run.request_cpu for run in runs])
    return Row(
        name=name,
        request_cpu=cpu,
        requests_per_second=_known([run.requests_per_second for run in runs]),
        busy=_spread([run.busy for run in runs]),
        p50=_known([run.p50 for run in runs]),
        p99=_known([run.p99 for run in runs]),
        added_p50=_known([run.p50 - other.p50 for run, other in zip(runs, base, strict=True)]),
        added_p99=_known([run.p99 - other.p99 for run, other in zip(runs, base, strict=True)]),
        loaded_p50=_known([run.loaded_p50 for run in runs]),
        loaded_p99=_known([run.loaded_p99 for run in runs]),
        event_cpu=_spread([run.event_cpu for run in runs]),
        event_cpu_beyond=_spread([run.event_cpu_beyond for run in runs]),
        memory=_spread([run.memory for run in runs]),
        times_gateway=cpu.median / gateway.median if cpu and gateway else None,
        failed=sum(run.failed for run in runs),
        reasons=tuple(dict.fromkeys(reason for run in runs for reason in run.reasons)),
    )


def _known(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return _known(known) if known else None
