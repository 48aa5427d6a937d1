"""A study on a terminal: the verdict, and the tables that say why. The report has the rest."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gateway.simulator.report import tables
from gateway.simulator.report.summary import headline
from gateway.simulator.report.tables import Cell, Table
from gateway.simulator.result import Study, Verdict

COLOURS: dict[Verdict, str] = {"secure": "green", "degraded": "yellow", "lost": "red"}


def show(console: Console, study: Study) -> None:
    for sentence in headline(study):
        console.print(sentence, style="bold", markup=False)
    if study.contingency is not None:
        console.print(_matrix(study))
        if study.contingency.advice:
            console.print(_plain(tables.changes(study.contingency), "Changes that would help, as simulated"))
    for scenario in study.scenarios:
        console.print(_plain(tables.outcome(scenario), f"{scenario.id}: {scenario.title}"))
    for note in study.notes:
        console.print(note, markup=False)


def _plain(found: Table, title: str) -> RichTable:
    shown = RichTable(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left")
    for column in found.columns:
        shown.add_column(Text(column.title), justify="right" if column.number else "left")
    for row in found.rows:
        shown.add_row(*map(Text, row))
    return shown


def _matrix(study: Study) -> RichTable:
    assert study.contingency is not None
    found = tables.matrix(study, study.contingency)
    shown = RichTable(title="N-1: what each loss does", box=box.SIMPLE_HEAD, title_justify="left")
    for title in ("lost", *found.workflows):
        shown.add_column(Text(title))
    for rows in found.groups.values():
        for row in rows:
            shown.add_row(Text(" = ".join((row.name, *row.also))), *_cells(row.cells))
    return shown


def _cells(cells: tuple[Cell, ...]) -> Iterator[Text]:
    for cell in cells:
        yield Text(cell.text, style=COLOURS[cell.verdict] if cell.verdict else "")
