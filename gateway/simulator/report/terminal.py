"""A study on a terminal: the verdict, and the tables that say why. The report has the rest."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gateway.simulator.report import tables, words
from gateway.simulator.report.summary import headline
from gateway.simulator.result import Study, Verdict, WorkflowResult

COLOURS: dict[Verdict, str] = {"secure": "green", "degraded": "yellow", "lost": "red"}


def show(console: Console, study: Study) -> None:
    for line in headline(study):
        _say(console, line, "bold")
    if study.contingency is not None:
        console.print(_matrix(study))
        for change in study.contingency.advice:
            saved = f"{words.money(change.at_stake_before)} → {words.money(change.at_stake_after)} a year"
            withstood = f"losses not withstood {change.not_secure_before} → {change.not_secure_after}"
            _say(console, f"Would help: {change.title} ({saved}; {withstood})")
    for scenario in study.scenarios:
        _say(console, f"\n{scenario.id}: {scenario.title}", "bold")
        for result in scenario.workflows if scenario.hits else ():
            _say(console, _seen(result), "red" if result.slo.met is False else "")
    for note in study.notes:
        _say(console, note)


def _say(console: Console, line: str, style: str = "") -> None:
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _seen(result: WorkflowResult) -> str:
    served = f"{words.share(result.success)} served (usually {words.share(result.baseline_success)})"
    fallback = words.share(result.degraded / result.requests if result.requests else None)
    times = {"detected": result.detect, "switched": result.fail_over, "back": result.recover}
    course = "".join(f", {what} after {words.duration(at)}" for what, at in times.items() if at is not None)
    if result.poor:
        course += f", {words.share(result.poor / result.requests)} poor"
    if result.minutes_lost >= 0.05:
        course += f", {words.minutes(result.minutes_lost)} min and {words.money(result.usd_lost)} lost"
    if result.baseline_usd:
        course += f", cost {result.usd / result.baseline_usd - 1.0:+.1%}"
    slo = result.slo
    promise = "" if slo.met is None else "; SLO kept" if slo.met else f"; SLO missed: {', '.join(slo.missed)}"
    return f"  {result.workflow}: {served}, {fallback} by a later tier{course}{promise}"


def _matrix(study: Study) -> RichTable:
    assert study.contingency is not None
    found = tables.matrix(study, study.contingency)
    shown = _table("What each loss does (N-1)", ("lost", *found.workflows))
    for kind, rows in found.groups.items():
        for row in rows:
            name = f"{kind} {' = '.join((row.name, *row.also))}"
            cells = (Text(cell.text, style=COLOURS[cell.verdict] if cell.verdict else "") for cell in row.cells)
            shown.add_row(Text(name), *cells)
    return shown


def _table(title: str, columns: Iterable[str]) -> RichTable:
    shown = RichTable(title=Text(title, style="bold"), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        shown.add_column(Text(column))
    return shown
