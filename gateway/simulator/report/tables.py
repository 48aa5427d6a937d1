"""Every table of the report as plain text cells, so that HTML and Markdown show the same figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.simulator.report import words
from gateway.simulator.report.summary import Loss, by_kind, hangs_on, repeated, single_losses, worse_pairs
from gateway.simulator.result import (
    Advice,
    Concentration,
    ContingencyResult,
    Dependence,
    Effect,
    ScenarioResult,
    Study,
    Verdict,
    WorkflowFacts,
    WorkflowResult,
    YearLoss,
)

LONGEST = 50
VERIFIED = "Verified by simulating each changed config, with the same traffic, luck and years."
UNKNOWN_RATE = "unknown: treated as a scenario"


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` have a cell for every column. `left_out`: how many more rows there would be."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """`verdict` is None where the workflow had no traffic."""

    verdict: Verdict | None
    text: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One loss and what it does to each workflow. `also`: domains whose loss is the same."""

    name: str
    also: tuple[str, ...]
    deployments: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """`groups`: rows by kind of domain."""

    workflows: tuple[str, ...]
    groups: Mapping[str, tuple[MatrixRow, ...]]


def text(*titles: str) -> tuple[Column, ...]:
    return tuple(Column(title) for title in titles)


def number(*titles: str) -> tuple[Column, ...]:
    return tuple(Column(title, number=True) for title in titles)


# -- the first page --------------------------------------------------------------------------------------------------


def dependences(study: Study) -> Table:
    """What each workflow hangs on and what that costs; only its facts where nothing was found of it."""
    found = study.contingency
    columns = (
        *text("Workflow", "Owner", "Criticality", "Hangs on"),
        *number("Losses: secure / degraded / lost", "Dependence index (% of requests)", "Lost (minutes a year)"),
        *number("Expected loss (USD a year)", "Bad year (USD)"),
    )
    return Table(columns, tuple(_dependence(study, found, facts) for facts in study.workflows) if found else ())


def _dependence(study: Study, found: ContingencyResult, facts: WorkflowFacts) -> tuple[str, ...]:
    index = next((f"{words.rough_share(one.index)} ({words.domain(one.index_vendor).removeprefix('vendor ')})"
                  for one in found.dependence if one.workflow == facts.id), words.NONE)  # fmt: skip
    year = next((_losses(one) for one in found.year.workflows if one.workflow == facts.id), (words.NONE,) * 3)
    effects = [case.effects[facts.id] for case in found.cases if case.kind == "N-1" and facts.id in case.effects]
    verdicts = [effect.verdict for effect in effects]
    count = " / ".join(str(verdicts.count(verdict)) for verdict in words.GLYPHS) if effects else words.NONE
    return (named(facts), facts.owner, facts.criticality, hangs_on(study, facts.id), count, index, *year)


def _losses(loss: YearLoss) -> tuple[str, str, str]:
    return words.minutes(loss.minutes_mean), words.money(loss.usd_mean), words.money(loss.usd_shortfall_95)


def named(facts: WorkflowFacts) -> str:
    return f"{facts.id} ({facts.note})" if facts.note else facts.id


def promises(study: Study) -> Table:
    """How each workflow came through all scenarios, for a study that has nothing else."""
    columns = (
        *text("Workflow", "Owner", "Criticality"),
        *number("Promise kept (scenarios)", "Worst success (% of requests)"),
        *text("In"),
        *number("Lost (minutes)", "Lost (USD)"),
    )
    return Table(columns, tuple(_promise(study, facts) for facts in study.workflows))


def _promise(study: Study, facts: WorkflowFacts) -> tuple[str, ...]:
    seen = [(one, result) for one in study.scenarios for result in one.workflows if result.workflow == facts.id]
    judged = [result.slo.met for _, result in seen if result.slo.met is not None]
    served = [(result.success, one.title) for one, result in seen if result.success is not None]
    worst = min(served, key=lambda pair: pair[0], default=(None, words.NONE))
    return (
        named(facts),
        facts.owner,
        facts.criticality,
        f"{sum(judged)} of {len(judged)}" if judged else words.NONE,
        words.share(worst[0]),
        worst[1],
        words.minutes(sum(result.minutes_lost for _, result in seen)),
        words.money(sum(result.usd_lost for _, result in seen)),
    )


def changes(found: ContingencyResult) -> Table:
    """Each change, and all together, with what it was seen to do."""
    columns = (
        *text("Change"),
        *number("Expected loss (USD a year)", "Losses not withstood (number)", "Single points (number)"),
        *text("What it needs"),
    )
    advice = [(f"{at}. {one.title}", one) for at, one in enumerate(found.advice, 1)]
    rows = [(*_change(title, one), one.needs or "nothing from anyone") for title, one in advice]
    if found.together:
        rows.append((*_change("All of them together", found.together), "what each of them needs"))
    return Table(columns, tuple(rows))


def _change(title: str, one: Advice) -> tuple[str, ...]:
    return (
        title,
        f"{words.money(one.at_stake_before)} → {words.money(one.at_stake_after)}",
        f"{one.not_secure_before:,} → {one.not_secure_after:,}",
        f"{one.single_points_before:,} → {one.single_points_after:,}",
    )


# -- contingencies ---------------------------------------------------------------------------------------------------


def matrix(study: Study, found: ContingencyResult) -> Matrix:
    workflows = tuple(facts.id for facts in study.workflows)
    groups: dict[str, tuple[MatrixRow, ...]] = {}
    for loss in single_losses(found):
        kind = loss.case.lost[0].partition(":")[0]
        cells = tuple(cell(loss.case.effects.get(workflow)) for workflow in workflows)
        row = MatrixRow(loss.name.removeprefix(f"{kind} "), loss.also, len(loss.case.hits), cells)
        groups[kind] = (*groups.get(kind, ()), row)
    return Matrix(workflows, groups)


def cell(effect: Effect | None) -> Cell:
    if effect is None or not effect.requests:
        return Cell(None, words.NONE)
    return Cell(effect.verdict, f"{words.GLYPHS[effect.verdict]}{words.NBSP}{words.rough_share(effect.served)}")


def effects(found: ContingencyResult) -> Table:
    """Each loss that a workflow does not withstand, with why and what it costs."""
    columns = (
        *text("Lost", "Workflow"),
        *number("Served (%)", "Worst minute (%)", "Lost in the change (minutes)", "Afterwards (%)"),
        *number("First token p95, change (s)", "Cost, change (USD per 1,000 answers)"),
        *text("Because"),
    )
    rows = [
        _effect(loss, workflow, effect)
        for loss in single_losses(found)
        for workflow, effect in loss.case.effects.items()
        if effect.verdict != "secure"
    ]
    return Table(columns, tuple(rows))


def _effect(loss: Loss, workflow: str, effect: Effect) -> tuple[str, ...]:
    later = effect.first_token_p95
    return (
        loss.name,
        workflow,
        cell(effect).text,
        words.rough_share(effect.worst_minute),
        words.minutes(effect.transition),
        words.rough_share(effect.steady),
        words.NONE if later is None else words.digits(later, 2),
        words.NONE if effect.usd is None else words.money_change(effect.usd * 1000),
        reasons(effect),
    )


def reasons(effect: Effect) -> str:
    quota = (f"the quota of {words.listed(effect.over_quota)} did not hold",) if effect.over_quota else ()
    return "; ".join((*effect.reasons, *quota)) or words.NONE


def pairs(found: ContingencyResult) -> Table:
    columns = (*text("Kind", "Lost together", "Expected together because", "Workflow"),
               *number("Served (% of requests)", "With one of them lost (%)"))  # fmt: skip
    rows = [
        (
            pair.loss.case.kind,
            pair.loss.name,
            pair.loss.case.correlated or words.NONE,
            pair.workflow,
            cell(pair.effect).text,
            ", ".join(cell(effect).text for effect in pair.alone) or words.NONE,
        )
        for pair in worse_pairs(found)
    ]
    return _cut(columns, rows)


def cut_sets(found: ContingencyResult, dependence: Dependence) -> Table:
    """The smallest first. A domain that is the same as another is left out, with the sets it would repeat."""
    ordered = sorted((one for one in dependence.cut_sets if repeated(found).isdisjoint(one)), key=len)
    return _cut(
        (*number("Order (domains)"), *text("Lost together, these stop it")),
        [(str(len(members)), words.together(members)) for members in ordered],
    )


def importance(dependence: Dependence) -> Table:
    """Of the domains that matter to it at all."""
    columns = (*text("Domain"), *number("Unavailability (share of time)", "Birnbaum (0 to 1)", "RAW (times)"))
    rows = [
        (
            words.domain(one.domain),
            UNKNOWN_RATE if one.unavailability is None else words.share(one.unavailability),
            words.small(one.birnbaum),
            words.small(one.raw),
        )
        for one in dependence.importance
        if one.birnbaum > 0
    ]
    return _cut(columns, rows)


def concentration(found: Iterable[Concentration]) -> Table:
    columns = (
        *text("Kind", "Measure", "Largest (% of the measure)"),
        *number("HHI (0 to 10,000)", "Effective number", "HHI without the largest"),
    )
    return Table(columns, tuple(_concentration(one) for group in by_kind(found).values() for one in group))


def _concentration(one: Concentration) -> tuple[str, ...]:
    largest = [f"{name} {words.rough_share(part)}" for name, part in list(one.shares.items())[:5]]
    rest = "nothing serves then" if one.hhi_without_top is None else f"{one.hhi_without_top:,.0f}"
    return one.kind, one.measure, ", ".join(largest) or words.NONE, f"{one.hhi:,.0f}", f"{one.effective:.1f}", rest


def year(found: ContingencyResult) -> Table:
    columns = (
        *text("Workflow"),
        *number("Lost, mean (minutes)", "Median (minutes)", "1 year in 20 (minutes)"),
        *number("Loss, mean (USD)", "1 year in 20, at least (USD)", "Bad year, worst 5 % (USD)", "Worst 2.5 % (USD)"),
        *text("Saved if it never failed (USD)"),
    )
    rows = [_year(loss, loss.workflow) for loss in found.year.workflows]
    return Table(columns, (*rows, _year(found.year.total, "all together")))


def _year(loss: YearLoss, name: str) -> tuple[str, ...]:
    minutes = (words.minutes(one) for one in (loss.minutes_mean, loss.minutes_p50, loss.minutes_p95))
    amounts = (loss.usd_mean, loss.usd_p95, loss.usd_shortfall_95, loss.usd_shortfall_975)
    return (name, *minutes, *map(words.money, amounts), origins(loss.by_domain))


def origins(by_domain: Mapping[str, float]) -> str:
    """The three domains that cost most, each with what would be saved if it never failed. These do not add up."""
    largest = sorted(by_domain.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    return ", ".join(f"{words.domain(name)} {words.money(usd)}" for name, usd in largest if usd > 0) or words.NONE


# -- one scenario ----------------------------------------------------------------------------------------------------


def faults(scenario: ScenarioResult) -> Table:
    columns = (*number("#"), *text("What", "On", "From (time)", "To (time)"), *number("Share (% of calls)"),
               *text("Hits", "Basis"))  # fmt: skip
    rows = (
        (
            str(at),
            fault.kind.replace("_", " "),
            fault.on,
            words.duration(fault.start),
            "stays" if fault.end is None else words.duration(fault.end),
            words.rough_share(fault.share),
            ", ".join(fault.hits) or "nothing here",
            fault.basis or words.NONE,
        )
        for at, fault in enumerate(scenario.faults, 1)
    )
    return Table(columns, tuple(rows))


def outcome(scenario: ScenarioResult) -> Table:
    """What those who asked saw."""
    columns = (
        *text("Workflow"),
        *number("Requests", "Success (%)", "Without the faults (%)", "By a fallback (answers)", "Poor (answers)"),
        *text("Failures (requests)"),
        *number("Lost (minutes)", "Lost (USD)"),
        *text("Promise"),
    )
    return Table(columns, tuple(_outcome(result) for result in scenario.workflows))


def _outcome(result: WorkflowResult) -> tuple[str, ...]:
    return (
        result.workflow,
        f"{result.requests:,}",
        words.share(result.success),
        words.share(result.baseline_success),
        f"{result.degraded:,}",
        f"{result.poor:,}",
        words.counts((kind.replace("_", " "), many) for kind, many in result.failures.items()),
        words.minutes(result.minutes_lost),
        words.money(result.usd_lost),
        words.promise(result.slo),
    )


def course(scenario: ScenarioResult) -> Table:
    """How fast it was, how the gateway reacted and what that cost."""
    columns = (
        *text("Workflow"),
        *number("First token p50 / p95 / p99 (s)", "Without the faults (s)", "Whole answer p50 / p95 / p99 (s)"),
        *number("Detect (time)", "Fail over (time)", "Recover (time)", "Attempts per request"),
        *number("Cost (USD)", "Change (USD)"),
        *text("Over quota (requests)"),
    )
    return Table(columns, tuple(_course(result) for result in scenario.workflows))


def _course(result: WorkflowResult) -> tuple[str, ...]:
    return (
        result.workflow,
        words.quantiles(result.first_token),
        words.quantiles(result.baseline_first_token),
        words.quantiles(result.total),
        *(words.duration(time) for time in (result.detect, result.fail_over, result.recover)),
        words.NONE if result.attempts is None else f"{result.attempts:.2f}",
        words.money(result.usd),
        words.money_change(result.usd - result.baseline_usd),
        words.counts(result.over_quota.items()),
    )


def breakers(scenario: ScenarioResult) -> Table:
    columns = (*text("At (time)", "Breaker of", "Change", "Cause"),)
    rows = [
        (words.duration(at), subject.replace(":", " ", 1), change.replace(">", " → ").replace("_", " "), cause)
        for at, subject, change, cause in scenario.breakers
    ]
    return _cut(columns, rows)


def _cut(columns: tuple[Column, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(columns, tuple(rows[:LONGEST]), max(0, len(rows) - LONGEST))
