# ruff: noqa: E501 (a message is easier to judge in one piece)
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from gateway.config import scalars
from gateway.config.document import Document
from gateway.config.schema import Config
from gateway.config.section import Name, Section
from gateway.config.validate import _fields, validate
from tests.config.files import edit, load_text, said

BASE = "    base_url: https://api.acme.example/v1\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "version: 2", "1:10: error: version: expected 1, found '2'"),
        ("version: 1\n", "", "1:1: error: missing 'version'; version of this file's format: 1"),
        ("  acme: {jurisdiction: US}", "  acme:", "3:3: error: vendors.acme: expected a mapping of keys to values, found nothing; write {} where there is nothing to say"),
        ("jurisdiction: US", "jurisdiction: 3", "3:24: error: vendors.acme.jurisdiction: expected a name of letters, digits and ._/:- that starts with a letter or digit, found '3'; put it in quotes"),
        ("    model: acme-large\n", "", "6:3: error: deployments.one: missing 'model'; the vendor's name for the model"),
        (BASE, BASE + "    modle: x\n", "9:5: error: deployments.one.modle: unknown key 'modle'; did you mean 'model'?"),
        (BASE, BASE + "    api: anthropic\n", "9:10: error: deployments.one.api: expected openai (any OpenAI-compatible API); no other api is supported, found 'anthropic'"),
        (BASE, BASE + "    timeouts: {connect: 3}\n", "9:25: error: deployments.one.timeouts.connect: expected a duration such as 250ms, 3s, 5m or 2h, found '3'; add a unit"),
        (BASE, BASE + "    timeouts: {connect: 3s, totl: 9s}\n", "9:29: error: deployments.one.timeouts.totl: unknown key 'totl'; did you mean 'total'?"),
        (BASE, BASE + "    limits: [1]\n", "9:13: error: deployments.one.limits: expected a mapping of keys to values, found a list"),
        ("price: {input: 1, ", "price: {", "11:5: error: deployments.one.price: missing 'input'; USD per million input tokens"),
        ("[[one], [two]]", "[[one], []]", "20:20: error: routes.chat.tiers[1]: expected at least one entry"),
        ("[[one], [two]]", "[one, two]", "20:13: error: routes.chat.tiers[0]: expected a list, found text|20:18: error: routes.chat.tiers[1]: expected a list, found text"),
        ("    tiers:", "    attempts: 11\n    tiers:", "20:15: error: routes.chat.attempts: expected a whole number from 1 to 10, found '11'"),
        ("    tiers:", "    policy: prio\n    tiers:", "20:13: error: routes.chat.policy: expected one of priority, weighted, least-latency, least-busy, lowest-cost, found 'prio'; did you mean 'priority'?"),
        ("  chat:\n    tiers", "  'a b':\n    tiers", "19:3: error: routes['a b']: expected a name of letters, digits and ._/:- that starts with a letter or digit|24:14: error: workflows.support.routes[0]: unknown route 'chat'; known: a b"),
        ("    routes: [chat]", "    routes: chat", "24:13: error: workflows.support.routes: expected a list, found text"),
        ("    routes: [chat]", "    allow: {region: [eu]}", "24:13: error: workflows.support.allow.region: unknown key 'region'; did you mean 'regions'?"),
        ("keys:", "state: {url: redis://x}\nkeys:", "25:14: error: state.url: expected memory:// (no other store is supported), found text"),
        ("keys:", "ledger: {url: postgresql://u:hush@h/db}\nkeys:", "25:15: error: ledger.url: expected sqlite:///path (no other database is supported), found text"),
        ("keys:", "breaker: 5\nkeys:", "25:10: error: breaker: expected a mapping of keys to values, found a number"),
    ],
)  # fmt: skip
def test_one_mistake_gives_its_place_and_plain_words(tmp_path: Path, old: str, new: str, message: str) -> None:
    snapshot, problems = load_text(tmp_path, edit((old, new)))
    assert snapshot is None
    assert said(problems) == message.split("|")


def test_a_mistake_that_reading_found_is_not_told_twice(tmp_path: Path) -> None:
    _, problems = load_text(tmp_path, edit(("base_url: https://api.acme.example/v1", "base_url: ${URL}")))
    assert said(problems) == ["8:15: error: deployments.one.base_url: environment variable URL is not set"]


def test_a_reference_with_a_wrong_value_shows_no_value(tmp_path: Path) -> None:
    text = edit(("{context: 100000}", '{context: "${CONTEXT}"}'))
    _, problems = load_text(tmp_path, text, {"CONTEXT": "hush"})
    assert said(problems) == [
        "10:29: error: deployments.one.capabilities.context: expected a whole number from 1 to 1,000,000,000, found the value of a reference"
    ]


def test_fields_are_found_through_mappings_lists_and_optional_sections() -> None:
    assert "tiers" in _fields(("routes", "any"), Config)
    assert "sha256" in _fields(("keys", 3), Config)
    assert set(_fields(("deployments", "any", "price"), Config)) == {"input", "output"}


class Inner(Section):
    depth: Annotated[int, scalars.count(0, 9)] = 0


class Outer(Section):
    short: Annotated[str | Inner, scalars.InShort(scalars.name(), Inner)] = "a"
    as_: list[Inner] = Field(default=[], alias="as")
    two: Annotated[list[Name], Field(default=["a", "b"], min_length=2)]


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        ({"short": {"dept": 1}}, "unknown key 'dept'", "did you mean 'depth'?"),
        ({"as": [{"dept": 1}]}, "unknown key 'dept'", "did you mean 'depth'?"),
        ({"as_": []}, "unknown key 'as_'", "did you mean 'as'?"),
        ({"two": ["a"]}, "expected at least 2 entries", ""),
    ],
)
def test_any_section_can_be_a_whole_file(data: object, message: str, hint: str) -> None:
    found, findings = validate(Document("f", data), Outer)
    assert found is None
    assert [(finding.message, finding.hint) for finding in findings] == [(message, hint)]
