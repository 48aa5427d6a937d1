"""The report as Markdown (GitHub's), for a merge request or a wiki: the same words and tables, without the charts."""

import re
from collections.abc import Iterator

from gateway.simulator.report import summary, tables, words
from gateway.simulator.report.glossary import GLOSSARY
from gateway.simulator.report.tables import Column, Matrix, Table
from gateway.simulator.result import ContingencyResult, Dependence, ScenarioResult, Study

_MARKS = re.compile(r"([\\`*_\[\]|~#!])")


def to_markdown(study: Study) -> str:
    found = study.contingency if study.contingency and study.contingency.cases else None
    blocks = [*_first_page(study, found), *(_contingency(study, found) if found else ())]
    for scenario in study.scenarios:
        blocks += _scenario(scenario)
    return "\n\n".join([*blocks, *_basis(study)]) + "\n"


def plain(text: str) -> str:
    """As text that means nothing to Markdown or HTML, on one line."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(_MARKS.sub(r"\\\1", escaped).split())


def table(found: Table, empty: str) -> str:
    if not found.rows:
        return empty
    rule = ["---:" if column.number else "---" for column in found.columns]
    lines = [
        [plain(column.title) for column in found.columns],
        rule,
        *([plain(text) for text in row] for row in found.rows),
    ]
    shown = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return shown + (f"\n\n{words.count(found.left_out, 'more row')}: in the JSON." if found.left_out else "")


def code(text: str, language: str) -> str:
    """In a fence that is longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _first_page(study: Study, found: ContingencyResult | None) -> Iterator[str]:
    first, *rest = (plain(sentence) for sentence in summary.headline(study))
    yield f"# {first}"
    if rest:
        yield " ".join(rest)
    yield from (f"> {plain(note)}" for note in study.notes)
    if found:
        yield "## What hangs on whom"
        yield table(tables.dependences(study), "The config has no workflow.")
        yield "## The changes that buy the most resilience"
        yield table(tables.changes(found), "No single change to the config was found that makes it more resilient.")
        if found.advice:
            yield tables.VERIFIED
        for at, advice in enumerate(found.advice, 1):
            yield f"**{at}. {plain(advice.title)}**"
            yield code(advice.change, "yaml")
    elif study.scenarios:
        yield "## How each workflow came through"
        yield table(tables.promises(study), "The config has no workflow.")


def _contingency(study: Study, found: ContingencyResult) -> Iterator[str]:
    yield "## One domain lost (N-1)"
    yield "What share of each workflow's requests is still served without the domain. ✓ secure, ▲ degraded, ✕ lost."
    yield table(_flat(tables.matrix(study, found)), "No domain stands behind a workflow.")
    yield "### What each loss does that is not withstood"
    yield table(tables.effects(found), "Every workflow withstands every single loss.")
    yield "## Two domains lost (N-2, N-1-1)"
    left_out = f" {words.count(found.pairs_left_out, 'pair')} not simulated." if found.pairs_left_out else ""
    yield f"Only what is worse than either loss alone.{left_out}"
    yield table(tables.pairs(found), "No pair of losses is worse than one of them alone.")
    yield "## Cut sets: what stops each workflow"
    for dependence in found.dependence:
        yield from _dependence(found, dependence)
    yield "## Concentration"
    yield table(tables.concentration(found.concentration), "There is no traffic whose concentration could be measured.")
    yield f"## A year, {found.year.years:,} times"
    yield table(tables.year(found), "")
    yield from (f"- {plain(source)}" for source in found.year.sources)


def _flat(matrix: Matrix) -> Table:
    columns = (Column("Domain lost"), *(Column(f"{workflow} (%)", number=True) for workflow in matrix.workflows))
    rows = [
        (" = ".join((f"{kind} {row.name}", *row.also)), *(cell.text for cell in row.cells))
        for kind, group in matrix.groups.items()
        for row in group
    ]
    return Table(columns, tuple(rows))


def _dependence(found: ContingencyResult, dependence: Dependence) -> Iterator[str]:
    yield f"### {plain(dependence.workflow)}"
    yield plain(summary.dependence(dependence))
    yield table(tables.cut_sets(found, dependence), "Nothing that was looked for stops it.")
    yield table(tables.importance(dependence), "No domain matters to it.")


def _scenario(scenario: ScenarioResult) -> Iterator[str]:
    yield f"## {plain(scenario.title)}"
    yield plain(summary.origin(scenario))
    if scenario.about:
        yield plain(scenario.about)
    if scenario.source:
        yield f"Known: {plain(scenario.source.facts)}"
        yield f"Assumed: {plain(scenario.source.assumed)}"
        yield f"Sources: {plain('; '.join(scenario.source.sources)) or 'none stated'}"
    yield table(tables.faults(scenario), "None of its faults happened with this seed.")
    if not scenario.hits:
        yield summary.UNTOUCHED
    yield "### What the workflows saw"
    yield table(tables.outcome(scenario), "The config has no workflow.")
    yield "### How the gateway took it"
    yield table(tables.course(scenario), "The config has no workflow.")
    yield "### Breakers"
    yield table(tables.breakers(scenario), "No breaker changed.")


def _basis(study: Study) -> Iterator[str]:
    yield "## What this rests on"
    yield "\n".join(f"- {name}: {plain(text)}" for name, text in summary.basis(study))
    yield code(study.command, "sh")
    yield "### Assumptions"
    yield "\n".join(f"- {plain(assumption)}" for assumption in study.assumptions) or "None stated."
    yield "### Words"
    yield "\n".join(f"- **{term}**: {plain(meaning)}" for term, meaning in GLOSSARY)
