from dataclasses import replace

from gateway.simulator.report import tables
from gateway.simulator.report.tables import Table
from gateway.simulator.report.words import NONE
from tests.simulator.report.study import contingency, scenarios, study


def row(table: Table, first: str) -> dict[str, str]:
    """The first row that begins so, by column."""
    found = next(row for row in table.rows if row[0] == first)
    return {column.title: text.replace("\u00a0", " ") for column, text in zip(table.columns, found, strict=True)}


def all_tables() -> list[Table]:
    whole, found = study(), contingency()
    scenario = scenarios()[0]
    of_study = [tables.dependences(whole), tables.promises(whole)]
    of_found = [tables.changes(found), tables.effects(found), tables.pairs(found), tables.year(found)]
    of_parts = [tables.concentration(found.concentration), tables.cut_sets(found, found.dependence[0])]
    of_scenario = [
        tables.faults(scenario),
        tables.outcome(scenario),
        tables.course(scenario),
        tables.breakers(scenario),
    ]
    return [*of_study, *of_found, *of_parts, tables.importance(found.dependence[0]), *of_scenario]


def test_every_row_has_a_cell_for_every_column() -> None:
    for table in all_tables():
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_what_a_workflow_hangs_on_and_what_it_costs() -> None:
    search = row(tables.dependences(study()), "search")
    assert search["Losses: secure / degraded / lost"] == "14 / 0 / 6"
    assert search["Dependence index (% of requests)"] == "100 % (openai)"
    assert (search["Lost (minutes a year)"], search["Expected loss (USD a year)"]) == ("480", "$3,840")


def test_a_workflow_of_which_nothing_was_found() -> None:
    found = replace(contingency(), cases=(), dependence=(), year=replace(contingency().year, workflows=()))
    cells = tables.dependences(replace(study(), contingency=found)).rows[0]
    assert cells[3:] == ("nothing alone", NONE, NONE, NONE, NONE, NONE)


def test_how_a_workflow_came_through_the_scenarios() -> None:
    support = row(tables.promises(study()), "support-triage")
    assert support["Promise kept (scenarios)"] == "1 of 2"
    assert (support["Worst success (% of requests)"], support["In"]) == ("99.10 %", scenarios()[0].title)
    assert row(tables.promises(study()), "search")["Promise kept (scenarios)"] == NONE


def test_changes_end_with_all_of_them() -> None:
    first, *_, last = tables.changes(contingency()).rows
    assert first[1] == "$19,200 → $11,000"
    assert last[:3] == ("All of them together", "$19,200 → $6,150", "31 → 18")
    assert "nothing from anyone" in {row[-1] for row in tables.changes(contingency()).rows}


def test_the_matrix_has_every_domain_once() -> None:
    matrix = tables.matrix(study(), contingency())
    names = [name for kind, rows in matrix.groups.items() for one in rows for name in (f"{kind} {one.name}", *one.also)]
    assert sorted(names) == sorted(case.lost[0].replace(":", " ") for case in contingency().cases if case.kind == "N-1")
    openai = matrix.groups["vendor"][0]
    assert openai.cells[matrix.workflows.index("search")] == tables.Cell("lost", "✕\u00a00\u00a0%")


def test_a_workflow_without_traffic_has_no_verdict() -> None:
    effect = contingency().cases[0].effects["search"]
    assert tables.cell(replace(effect, requests=0)) == tables.cell(None) == tables.Cell(None, NONE)


def test_a_loss_that_is_not_withstood_says_why() -> None:
    google = row(tables.effects(contingency()), "vendor google")
    assert google["Because"] == "quota of mistral holds for 87 % of the requests; the quota of mistral did not hold"
    assert (google["First token p95, change (s)"], google["Cost, change (USD per 1,000 answers)"]) == ("0.38", "+$0.42")
    effect = contingency().cases[0].effects["search"]
    costless = replace(contingency().cases[0], effects={"search": replace(effect, usd=None)})
    assert tables.effects(replace(contingency(), cases=(costless,))).rows[0][-2] == NONE


def test_cut_sets_come_smallest_first() -> None:
    found = replace(contingency().dependence[1], cut_sets=(("vendor:a", "cloud:b"), ("maker:c",)))
    assert tables.cut_sets(contingency(), found).rows == (("1", "maker c"), ("2", "vendor a + cloud b"))


def test_a_rate_that_is_not_known_is_not_a_number() -> None:
    shown = row(tables.importance(contingency().dependence[1]), "maker anthropic")
    assert shown["Unavailability (share of time)"] == tables.UNKNOWN_RATE


def test_concentration_without_a_second_one() -> None:
    shown = tables.concentration(contingency().concentration).rows[-1]
    assert shown[-1] == "nothing serves then"


def test_where_a_year_s_loss_comes_from() -> None:
    assert tables.origins({"vendor:a": 1.0, "cloud:b": 900.0, "cloud:c": 0.0}) == "cloud b $900, vendor a $1.00"
    assert tables.origins({}) == NONE


def test_faults_are_numbered_and_may_stay() -> None:
    brown, kept = (tables.faults(scenario) for scenario in scenarios())
    assert [row[0] for row in brown.rows] == ["1", "2"]
    assert row(kept, "1")["To (time)"] == "stays"


def test_long_tables_are_cut_and_say_so() -> None:
    table = tables.breakers(scenarios()[0])
    assert (len(table.rows), table.left_out) == (50, 12)
    assert table.rows[0][2] == "closed → open"


def test_figures_of_nothing() -> None:
    scenario = scenarios()[0]
    nothing = replace(
        scenario.workflows[0], requests=0, success=None, baseline_success=None, first_token=None, total=None,
        baseline_first_token=None, attempts=None, detect=None, fail_over=None, recover=None, over_quota={},
    )  # fmt: skip
    empty = replace(scenario, workflows=(nothing,))
    assert tables.outcome(empty).rows[0][2:4] == (NONE, NONE)
    assert tables.course(empty).rows[0][1:8] == (NONE,) * 7


def test_cut_sets_that_only_repeat_another_are_left_out() -> None:
    found = contingency()
    search = found.dependence[3]
    assert ("account:openai-prod",) in search.cut_sets  # the same deployments as vendor openai
    assert [row[1] for row in tables.cut_sets(found, search).rows] == [
        "vendor openai",
        "maker openai",
        "region us",
        "jurisdiction US",
    ]


def test_a_domain_that_does_not_matter_is_left_out() -> None:
    found = contingency().dependence[1]
    idle = replace(found, importance=(replace(found.importance[0], birnbaum=0.0), *found.importance[1:]))
    assert len(tables.importance(idle).rows) == len(found.importance) - 1


def test_concentration_is_sorted_by_kind_and_leaves_out_what_nobody_states() -> None:
    found = contingency().concentration
    mixed = [*found[::3], *found[1::3], replace(found[0], kind="edge", shares={"not stated": 1.0})]
    kinds = [row[0] for row in tables.concentration(mixed).rows]
    assert kinds == ["vendor"] * 2 + ["maker"] * 2 + ["cloud"] * 2 + ["jurisdiction"] * 2
