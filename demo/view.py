"""What the audience sees: a live picture on a terminal, one line a second elsewhere, and the table at the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.story import STORY
from demo.tally import Count, Tally

COLOURS = {"closed": "green", "half_open": "yellow", "open": "red"}
SUCCESSES = 60  # seconds in the strip of successes


@dataclass(frozen=True, slots=True)
class Moment:
    """`second` counts from the start; `left` are seconds of this phase; `breakers` by deployment."""

    second: int
    phase: int
    left: float
    breakers: Mapping[str, str]


def picture(tally: Tally, moment: Moment) -> RenderableType:
    title = Text.assemble(
        (f"{moment.phase + 1}/{len(STORY)}  {STORY[moment.phase].title}", "bold"),
        f"   {max(0, moment.left):.0f} s left",
    )
    strip = Text("success, second by second  ")
    for second in range(max(0, moment.second - SUCCESSES), moment.second):
        strip.append("█", style=_colour(tally.second(second)))
    totals = Text.assemble(
        f"answered {tally.good}   rescued {tally.rescued}   ",
        (f"failures the app saw {tally.failed}", "bold red" if tally.failed else "bold green"),
    )
    return Group(title, _vendors(tally, moment), strip, totals)


def line(tally: Tally, moment: Moment) -> str:
    """The second that has just passed."""
    count = tally.second(moment.second - 1)
    by = " ".join(f"{name} {count.by[name]}" for name in moment.breakers)
    trouble = " ".join(f"{name} is {phase}" for name, phase in moment.breakers.items() if phase != "closed")
    return (
        f"{moment.second:4d} s  {STORY[moment.phase].title:<28} ok {count.good:3d}  failed {count.failed:2d}  "
        f"rescued {count.rescued:3d}  {by}  {trouble}"
    ).rstrip()


def closing(console: Console, tally: Tally) -> None:
    all_of_it = (tally.good, tally.failed, tally.rescued, tally.continued)
    table = Table(title="What the app saw", box=box.SIMPLE_HEAD, show_footer=True)
    table.add_column("phase", "all", min_width=14)
    for heading, total in zip(("answers", "failures", "rescued", "continued"), all_of_it, strict=True):
        table.add_column(heading, str(total), justify="right", no_wrap=True)
    for heading in ("first\nrescue", "median", "longest"):
        table.add_column(heading, justify="right", no_wrap=True)
    for phase, count, first in zip(STORY, tally.phases, tally.first_rescue, strict=True):
        figures = map(str, (count.good, count.failed, count.rescued, count.continued))
        table.add_row(phase.title, *figures, _seconds(first if phase.troubled else None), *_times(count))
    console.print(table)
    for failure in dict.fromkeys(tally.failures):
        console.print(failure, style="red", markup=False)


def _vendors(tally: Tally, moment: Moment) -> Table:
    last = tally.second(moment.second - 1)
    table = Table("deployment", "breaker", "answers in the last second", "all", box=box.SIMPLE_HEAD)
    for name, phase in moment.breakers.items():
        total = sum(count.by[name] for count in tally.phases)
        table.add_row(name, Text(phase, style=COLOURS.get(phase, "")), "■" * last.by[name], str(total))
    return table


def _colour(count: Count) -> str:
    if count.failed:
        return "red"
    return "cyan" if count.rescued else ("green" if count.good else "bright_black")


def _times(count: Count) -> tuple[str, str]:
    return (_seconds(median(count.took)), _seconds(max(count.took))) if count.took else ("-", "-")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
