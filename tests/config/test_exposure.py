from pathlib import Path

import pytest

from tests.config.files import edit, load_text, said

TIERS = "    tiers: [[one], [two]]\n"
CONTEXT = "    model: umbra-large\n    capabilities: {context: 100000"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "[[one], [two]]",
            "[[one], [two, one]]",
            "20:26: error: routes.chat.tiers[1][1]: one is in this route twice; a second try is what attempts is for",
        ),
        (
            TIERS,
            TIERS + "    attempts: 1\n",
            (
                "20:20: warning: routes.chat.tiers[1]: not reached while the deployments ahead (1) are all tried: "
                "attempts is 1; set attempts to 2 or more"
            ),
        ),
        (
            TIERS,
            TIERS + "    deadline: 10s\n",
            (
                "20:14: warning: routes.chat.tiers[0][0]: when one hangs, no time is left for a fallback: "
                "first_token (10s), deadline (10s)"
            ),
        ),
        (
            CONTEXT,
            CONTEXT + ", vision: false, tools: false",
            "20:21: warning: routes.chat.tiers[1][0]: two cannot stand in for requests that need tools, vision",
        ),
        (
            CONTEXT,
            CONTEXT.replace("100000", "8000"),
            "20:21: warning: routes.chat.tiers[1][0]: two has a smaller context: 8000 tokens instead of 100000",
        ),
        (
            "vendor: umbra",
            "vendor: umbra\n    maker: acme",
            "20:3: info: routes.chat: one, two come from several vendors but share the maker acme",
        ),
        (
            "    owner:",
            "    allow: {vendors: [acme]}\n    owner:",
            "23:5: warning: workflows.support.allow: no second source: allow leaves only vendor acme on route chat",
        ),
        (
            "    owner:",
            "    allow: {regions: [eu]}\n    owner:",
            (
                "23:5: error: workflows.support.allow: allow leaves no deployment of route chat: "
                "one: region unknown is not allowed|"
                "23:23: warning: workflows.support.allow.regions[0]: no deployment has this region; none is defined"
            ),
        ),
    ],
)
def test_findings(tmp_path: Path, old: str, new: str, told: str) -> None:
    snapshot, problems = load_text(tmp_path, edit((old, new)))
    assert (snapshot is None) == any(problem.severity == "error" for problem in problems)
    assert said(problems) == told.split("|")


def test_one_vendor_is_no_second_source(tmp_path: Path) -> None:
    _, problems = load_text(tmp_path, edit(("vendor: umbra", "vendor: acme"), ("  umbra: {jurisdiction: EU}\n", "")))
    assert said(problems) == ["18:3: warning: routes.chat: no second source: one, two all hang on vendor acme"]


def test_one_deployment_is_no_second_source(tmp_path: Path) -> None:
    _, problems = load_text(tmp_path, edit(("[[one], [two]]", "[[one]]")))
    assert said(problems) == [
        "12:3: warning: deployments.two: unused: in no route",
        "19:3: warning: routes.chat: no second source: one is the only deployment",
    ]


def test_vectors_of_different_models_do_not_mix(tmp_path: Path) -> None:
    text = edit(("model: acme-large", "model: acme-embed-1"), ("model: umbra-large", "model: bge-m3"))
    assert said(load_text(tmp_path, text)[1]) == [
        (
            "19:3: warning: routes.chat: vectors of different models do not mix: acme-embed-1, bge-m3; "
            "give each its own route"
        )
    ]


def test_a_workflow_with_all_routes_need_not_reach_each(tmp_path: Path) -> None:
    """Where it names none of them, a route that its constraints close is only worth a warning."""
    text = edit(
        (TIERS, TIERS + "  eu: {tiers: [[two]]}\n"), ("    routes: [chat]\n", "    allow: {jurisdictions: [US]}\n")
    )
    snapshot, problems = load_text(tmp_path, text)
    assert snapshot is not None
    assert [line for line in said(problems) if "no deployment" in line] == [
        (
            "25:5: warning: workflows.support.allow: allow leaves no deployment of route eu: "
            "two: jurisdiction EU is not allowed"
        )
    ]
