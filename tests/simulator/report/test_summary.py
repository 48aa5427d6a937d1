from dataclasses import replace

from gateway.simulator.report import summary
from gateway.simulator.result import SloVerdict, Study
from tests.simulator.report.study import case, contingency, scenarios, study

EMPTY = replace(study(), scenarios=(), contingency=None)


def only(*lost: str) -> Study:
    """The study with these N-1 cases and without scenarios."""
    cases = tuple(case("N-1", (name,)) for name in lost)
    return replace(EMPTY, contingency=replace(contingency(), cases=cases, together=None))


def test_the_verdict_names_the_worst_vendor_the_worst_loss_and_the_money() -> None:
    assert summary.headline(study()) == (
        "Losing vendor openai stops 1 of 5 workflows (search).",
        (
            "The worst single loss of any kind is jurisdiction US: it stops 3 of 5 workflows (contract-review, "
            "invoice-capture and search) and degrades 2 (support-triage and code-assistant)."
        ),
        "Expected loss $19,200 a year; in a bad year (the worst 1 in 20) $88,900.",
        "The changes below, all made, would leave $6,150 a year.",
        (
            "Promises would be missed in 1 of 2 scenarios: “OpenAI: GPU hosts lose their network” "
            "(support-triage and invoice-capture)."
        ),
    )


def test_no_loss_that_matters() -> None:
    assert summary.headline(only("vendor:azure", "vendor:bedrock"))[0] == (
        "No single loss stops or degrades any of 5 workflows."
    )


def test_what_only_degrades() -> None:
    assert (
        summary.headline(only("vendor:google"))[0] == "Losing vendor google degrades 1 of 5 workflows (code-assistant)."
    )


def test_vendors_that_do_no_harm_beside_a_domain_that_does() -> None:
    assert summary.headline(only("vendor:azure", "region:eu"))[:2] == (
        "No loss of a single vendor stops or degrades a workflow.",
        "The worst single loss of any kind is region eu: it stops 1 of 5 workflows (code-assistant).",
    )


def test_nothing_to_lose_and_nothing_simulated() -> None:
    assert summary.headline(only())[0] == "There was nothing to lose: no domain stands behind a workflow."
    assert summary.headline(EMPTY) == ("Nothing was simulated, so nothing can be said.",)
    assert summary.figures(EMPTY) == summary.figures(only()) == ()


def test_promises_kept_and_none_made() -> None:
    missed, kept = scenarios()
    assert summary.headline(replace(EMPTY, scenarios=(kept,))) == ("Every promise was kept in 1 scenario.",)
    silent = replace(kept, workflows=tuple(replace(one, slo=SloVerdict(None)) for one in kept.workflows))
    assert summary.headline(replace(EMPTY, scenarios=(silent,))) == (
        "1 scenario simulated; no workflow promises anything it could miss.",
    )
    (many,) = summary.headline(replace(EMPTY, scenarios=(missed,) * 5))
    assert many.startswith("Promises would be missed in 5 of 5 scenarios: ")
    assert many.endswith(" and 2 others.")
    assert many.count(missed.title) == 3


def test_losses_of_the_same_deployments_are_one() -> None:
    losses = summary.single_losses(contingency())
    assert {loss.name: loss.also for loss in losses}["vendor google"] == ("maker google", "cloud gcp")
    assert sum(1 + len(loss.also) for loss in losses) == 20
    assert len(losses) == 12


def test_a_same_name_in_another_place_is_not_the_same_loss() -> None:
    one = case("N-1", ("vendor:openai",))
    other = replace(one, lost=("account:openai-prod",), effects=case("N-1", ("vendor:azure",)).effects)
    assert len(summary.merge([one, other])) == 2


def test_pairs_that_are_worse_than_either_loss() -> None:
    found = [(pair.loss.case.kind, pair.loss.name, pair.workflow) for pair in summary.worse_pairs(contingency())]
    assert found == [
        ("N-1-1", "vendor anthropic + vendor bedrock", "contract-review"),  # expected to fall together: first
        ("N-2", "vendor openai + vendor google", "invoice-capture"),
        ("N-2", "vendor anthropic + vendor bedrock", "contract-review"),
    ]


def test_what_a_workflow_hangs_on() -> None:
    whole = study()
    assert summary.hangs_on(whole, "support-triage") == "nothing alone"
    # account openai-prod is the same as vendor openai, cloud azure the same as maker openai.
    assert summary.hangs_on(whole, "search") == "vendor openai, maker openai, region us, jurisdiction US"


def test_who_saw_something_of_a_scenario() -> None:
    brown, kept = scenarios()
    assert [summary.touched(result) for result in brown.workflows] == [True, False, True, True, False]
    quiet = kept.workflows[0]
    assert summary.touched(replace(quiet, poor=3))
    assert summary.touched(replace(quiet, usd=quiet.usd + 1))


def test_figures() -> None:
    assert [figure.value for figure in summary.figures(study())] == ["$19,200", "$88,900", "12", "82 of 100"]


def test_where_a_scenario_comes_from() -> None:
    brown, kept = scenarios()
    assert summary.origin(brown).endswith("after the incident of 2025-06-10, facts checked.")
    assert summary.origin(kept).replace("\u00a0", " ") == "Scenario mistral-exit, 60 min."


def test_a_dependence_in_words() -> None:
    found = contingency().dependence[3]
    assert summary.dependence(found).replace("\u00a0", " ") == (
        "6 single points; sets of up to 3 domains were looked for. From the known rates it is down 0.84 % of the time. "
        "Most dependent on vendor openai: index 100 %."
    )
    assert summary.dependence(replace(found, index_vendor="")).endswith(
        "Most dependent on no vendor: index 100\u00a0%."
    )


def test_the_basis_says_when_there_is_no_repository() -> None:
    assert ("Commit", "not in a repository") in summary.basis(replace(study(), commit=None))


def test_a_loss_that_nobody_has_priced_does_not_cost_nothing() -> None:
    unpriced = tuple(replace(facts, usd_per_minute=0.0) for facts in study().workflows)
    (said,) = [line for line in summary.headline(replace(study(), workflows=unpriced)) if "price" in line]
    assert said.startswith("No workflow states its value")
    assert "Expected loss" not in " ".join(summary.headline(replace(study(), workflows=unpriced)))
