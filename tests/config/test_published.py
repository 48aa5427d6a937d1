import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import Field
from ruamel.yaml import YAML

from gateway.config.published import json_schema
from gateway.config.scalars import REFERENCE
from gateway.config.section import Seconds, Section, Share
from gateway.config.units import DURATION_PATTERN
from tests.config.files import SOUND, edit

CONFIG = Path(__file__).parents[2] / "config"


def complaints(text: str) -> list[str]:
    data: Any = YAML(typ="safe").load(text)
    return [error.json_path for error in Draft7Validator(json_schema()).iter_errors(data)]


def test_the_published_file_is_current() -> None:
    assert json.loads((CONFIG / "gateway.schema.json").read_text()) == json_schema()


def test_it_is_draft_07() -> None:
    schema = json_schema()
    Draft7Validator.check_schema(schema)
    text = json.dumps(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert "$defs" not in text
    assert "prefixItems" not in text


@pytest.mark.parametrize("name", ["gateway.yaml", "vendors.example.yaml"])
def test_the_examples_fit_and_name_it(name: str) -> None:
    text = (CONFIG / name).read_text()
    assert text.startswith("# yaml-language-server: $schema=./gateway.schema.json\n")
    assert complaints(text) == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("    tiers:", "    polcy: priority\n    tiers:", "$.routes.chat"),
        ("    tiers:", "    policy: prio\n    tiers:", "$.routes.chat.policy"),
        ("    tiers:", "    deadline: 3\n    tiers:", "$.routes.chat.deadline"),
        ("    tiers:", "    attempts: 11\n    tiers:", "$.routes.chat.attempts"),
        ("    model: acme-large\n", "", "$.deployments.one"),
        ("ab" * 32, "abc", "$.keys[0].sha256"),
    ],
)
def test_it_finds_mistakes(old: str, new: str, path: str) -> None:
    assert complaints(SOUND) == []
    assert complaints(edit((old, new))) == [path]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    tiers:", "    deadline: ${DEADLINE}\n    tiers:"),
        ("    tiers:", "    attempts: ${ATTEMPTS}\n    tiers:"),
        ("    tiers:", "    policy: ${POLICY}\n    tiers:"),
        ("vendor: acme", "vendor: ${file:/run/secrets/vendor}"),
        ("ab" * 32, "${SHA}"),
        ("keys:", "retry_budget: {share: 0.15}\nkeys:"),
        ("keys:", "retry_budget: {share: 15%}\nkeys:"),
    ],
)
def test_it_allows_references_and_both_kinds_of_shares(old: str, new: str) -> None:
    assert complaints(edit((old, new))) == []


def test_defaults_are_in_the_file_s_words() -> None:
    definitions = json_schema()["definitions"]
    assert definitions["TimeoutsEntry"]["properties"]["connect"]["default"] == "3s"
    assert definitions["BreakerEntry"]["properties"]["failure_share"]["default"] == "50%"


def test_everything_is_described() -> None:
    schema = json_schema()
    for section in (schema, *schema["definitions"].values()):
        assert section["description"]
        assert all(field["description"] for field in section["properties"].values())


class Plain(Section):
    """A file that holds no references."""

    pause: Seconds = Field(default=3.0, description="d")
    share: Share = Field(default=0.5, description="d")


def test_where_nothing_resolves_references_none_is_allowed() -> None:
    properties = json_schema(Plain, references=False)["properties"]
    assert properties["pause"] == {
        "type": "string",
        "pattern": DURATION_PATTERN,
        "description": "d",
        "default": "3s",
    }
    assert [kind["type"] for kind in properties["share"]["anyOf"]] == ["string", "number"]
    assert REFERENCE in json_schema(Plain)["properties"]["pause"]["anyOf"]
