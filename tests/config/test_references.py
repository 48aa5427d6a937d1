# ruff: noqa: E501 (a message is easier to judge in one piece)
from pathlib import Path

import pytest

from tests.config.files import edit, load_text, said


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("vendor: acme", "vendor: acne", "7:13: error: deployments.one.vendor: unknown vendor 'acne'; did you mean 'acme'?"),
        ("[[one], [two]]", "[[one], [tow]]", "20:21: error: routes.chat.tiers[1][0]: unknown deployment 'tow'; did you mean 'two'?"),
        ("routes: [chat]", "routes: [chta]", "24:14: error: workflows.support.routes[0]: unknown route 'chta'; did you mean 'chat'?"),
        ("routes: [chat]", "allow: {vendors: [zzz]}", "24:23: error: workflows.support.allow.vendors[0]: unknown vendor 'zzz'; known: acme, umbra"),
        ("workflow: support", "workflow: suport", "28:15: error: keys[0].workflow: unknown workflow 'suport'; did you mean 'support'?"),
        ("workflow: support", "workflow: support\n    workflows: [x]", "29:17: error: keys[0].workflows[0]: unknown workflow 'x'; known: support"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_located_with_a_suggestion(tmp_path: Path, old: str, new: str, message: str) -> None:
    snapshot, problems = load_text(tmp_path, edit((old, new)))
    assert snapshot is None
    assert said(problems) == [message]


def test_names_and_shapes_are_reported_together(tmp_path: Path) -> None:
    _, problems = load_text(tmp_path, edit(("vendor: acme", "vendor: acne"), ("tiers:", "polcy: x\n    tiers:")))
    assert said(problems) == [
        "7:13: error: deployments.one.vendor: unknown vendor 'acne'; did you mean 'acme'?",
        "20:5: error: routes.chat.polcy: unknown key 'polcy'; did you mean 'policy'?",
    ]


def test_a_missing_section_is_one_mistake_not_one_for_each_name(tmp_path: Path) -> None:
    text = edit(("vendors:\n  acme: {jurisdiction: US}\n  umbra: {jurisdiction: EU}\n", ""))
    assert said(load_text(tmp_path, text)[1]) == ["1:1: error: missing 'vendors'; who serves: the risk register"]


def test_a_key_needs_its_workflow_even_where_the_section_is_left_out(tmp_path: Path) -> None:
    text = edit(("workflows:\n  support:\n    owner: support@example.com\n    routes: [chat]\n", ""))
    assert said(load_text(tmp_path, text)[1]) == [
        "24:15: error: keys[0].workflow: unknown workflow 'support'; none is defined"
    ]


def test_a_reference_shows_no_value(tmp_path: Path) -> None:
    _, problems = load_text(tmp_path, edit(("vendor: acme", "vendor: ${WHO}")), {"WHO": "hush"})
    assert said(problems) == [
        "7:13: error: deployments.one.vendor: unknown vendor the value of a reference; known: acme, umbra"
    ]
