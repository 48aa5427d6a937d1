from typing import Any

import pytest

from gateway.core.outcome import Kind
from gateway.dialect.openai_answer import Said, count, expected_choices, is_text, wrong_answer, wrong_tool
from gateway.dialect.openai_request import Endpoint, Request, parse
from tests.dialect.build import TOOL, request

SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
CUSTOM = {"type": "custom", "custom": {"name": "write"}}
NOTHING = Said(False, "", (), None)
FAILED = ["error", "abort", "aborted", "cancelled", "canceled", "timeout", "insufficient_system_resource"]


def words(text: str) -> Said:
    return Said(True, text, (), None)


def calls(*arguments: Any, name: str = "look_up", id_: str = "a") -> Said:
    return Said(True, "", tuple((id_, name, given) for given in arguments), None)


def function(arguments: Any) -> Said:
    return Said(True, "", (), arguments)


def kind(said: Said, reason: Any, **members: Any) -> Kind:
    wrong = wrong_answer(request(**members), said, reason)
    return wrong.kind if wrong else Kind.OK


@pytest.mark.parametrize("reason", [None, "", 5, ["stop"], True])
def test_without_an_end_it_is_cut(reason: Any) -> None:
    assert kind(words("hello"), reason) is Kind.CUT


@pytest.mark.parametrize("reason", FAILED)
def test_an_end_that_tells_of_a_failure_is_none(reason: str) -> None:
    assert kind(words("hello"), reason) is Kind.CUT
    assert kind(NOTHING, reason, stop="w") is Kind.CUT


@pytest.mark.parametrize("reason", ["stop", "eos", "end_turn", "content_filter", "length"])
def test_other_ends_are_good(reason: str) -> None:
    assert kind(words("hello"), reason) is Kind.OK


@pytest.mark.parametrize(
    ("reason", "members", "expected"),
    [
        ("stop", {}, Kind.INVALID_OUTPUT),
        ("eos", {}, Kind.INVALID_OUTPUT),
        ("length", {}, Kind.OK),
        ("content_filter", {}, Kind.OK),
        ("stop", {"stop": "w"}, Kind.OK),
        ("stop", {"stop": ["w", "x"]}, Kind.OK),
        ("stop", {"stop": []}, Kind.INVALID_OUTPUT),
        ("stop", {"stop": ""}, Kind.INVALID_OUTPUT),
        ("stop", {"stop": None}, Kind.INVALID_OUTPUT),
        ("tool_calls", {"tools": [TOOL], "stop": "w"}, Kind.INVALID_OUTPUT),
    ],
)
def test_what_may_be_empty(reason: str, members: dict[str, Any], expected: Kind) -> None:
    assert kind(NOTHING, reason, **members) is expected


@pytest.mark.parametrize("arguments", ["{}", '{"city": "Rome"}', "", None])
def test_arguments_that_are_an_object_or_none(arguments: Any) -> None:
    assert kind(calls(arguments), "tool_calls", tools=[TOOL]) is Kind.OK
    assert kind(function(arguments), "function_call") is Kind.OK


@pytest.mark.parametrize("arguments", ['{"half', "[1]", "5", '"text"', "null", " ", {"a": 1}, 5])
def test_arguments_that_are_not_an_object(arguments: Any) -> None:
    assert kind(calls("{}", arguments), "tool_calls", tools=[TOOL]) is Kind.INVALID_OUTPUT
    assert kind(calls(arguments), "stop", tools=[TOOL]) is Kind.INVALID_OUTPUT
    assert kind(calls(arguments), "length", tools=[TOOL]) is Kind.OK, "the limit has cut it, and says so"
    assert (kind(function(arguments), "function_call") is Kind.INVALID_OUTPUT) is (arguments is not None)


@pytest.mark.parametrize(
    ("id_", "name", "tools", "good"),
    [
        ("a", "look_up", [TOOL], True),
        ("a", "write", [TOOL, CUSTOM], True),
        ("a", "look_up", [{"function": {"name": "look_up"}}], True),
        ("a", "look_up_v2", [TOOL], False),
        ("a", "look_up", [], False),
        ("a", "look_up", None, False),
        ("a", "look_up", {"name": "look_up"}, False),
        ("a", "look_up", [7, {"type": "function"}], False),
        ("", "look_up", [TOOL], False),
        (None, "look_up", [TOOL], False),
        ("a", "", [TOOL], False),
        ("a", None, [TOOL], False),
    ],
)
def test_a_call_names_itself_and_a_tool_that_was_offered(id_: Any, name: Any, tools: Any, good: bool) -> None:
    asked = request(tools=tools)
    wrong = wrong_tool(asked, id_, name)
    assert (wrong.kind if wrong else None) == (None if good else Kind.INVALID_OUTPUT)
    whole = wrong_answer(asked, calls("{}", name=name or "", id_=id_ or ""), "tool_calls")
    assert (whole is None) is good


def test_without_tools_none_was_offered() -> None:
    assert wrong_tool(request(), "a", "look_up")


@pytest.mark.parametrize(
    ("text", "reason", "members", "expected"),
    [
        ('{"a": 1}', "stop", {"response_format": SCHEMA}, Kind.OK),
        ("Sure! Here it is", "stop", {"response_format": SCHEMA}, Kind.INVALID_OUTPUT),
        ("Sure!", "stop", {"response_format": {"type": "json_object"}}, Kind.INVALID_OUTPUT),
        ('{"a": ', "length", {"response_format": SCHEMA}, Kind.OK),
        ('{"a": ', "content_filter", {"response_format": SCHEMA}, Kind.OK),
        ("Sure!", "stop", {"response_format": {"type": "text"}}, Kind.OK),
        ("Sure!", "stop", {"response_format": None}, Kind.OK),
        ("", "stop", {"response_format": SCHEMA}, Kind.OK),
    ],
)
def test_json_where_json_was_asked_for(text: str, reason: str, members: dict[str, Any], expected: Kind) -> None:
    assert kind(words(text), reason, **members) is expected


def test_no_fault_of_an_answer_counts_against_health() -> None:
    """A request can bring any model to it."""
    wrong = [wrong_answer(request(), NOTHING, "stop"), wrong_tool(request(), "a", "look_up")]
    assert [outcome and (outcome.kind, outcome.rule.fall_back) for outcome in wrong] == [
        (Kind.INVALID_OUTPUT, True)
    ] * 2


@pytest.mark.parametrize(
    ("value", "text"), [("a", True), (" a\n", True), ("", False), (" \n\t ", False), (None, False)]
)
def test_white_space_is_no_text(value: Any, text: bool) -> None:
    assert is_text(value) is text


@pytest.mark.parametrize(
    ("endpoint", "members", "choices"),
    [
        ("chat/completions", {}, 1),
        ("chat/completions", {"n": 3}, 3),
        ("chat/completions", {"n": None, "prompt": ["a", "b"]}, 1),
        ("completions", {"prompt": "a"}, 1),
        ("completions", {"prompt": ["a", "b"]}, 2),
        ("completions", {"prompt": ["a", "b"], "n": 3}, 6),
        ("completions", {"prompt": [1, 2, 3]}, 1),
        ("completions", {"prompt": [[1, 2], [3]]}, 2),
        ("completions", {"prompt": None}, 1),
        ("completions", {"prompt": []}, 1),
    ],
)
def test_choices_to_expect(endpoint: Endpoint, members: dict[str, Any], choices: int) -> None:
    assert expected_choices(request(endpoint, **members)) == choices


@pytest.mark.parametrize(
    ("given", "texts"), [("a", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2), ([], 0), (None, 1)]
)
def test_texts_of_an_input(given: Any, texts: int) -> None:
    assert count(request("embeddings", input=given), "input") == texts


@pytest.mark.parametrize("member", ["prompt", "input", "tools"])
def test_a_number_that_only_some_parsers_take_is_not_our_failure(member: str) -> None:
    asked = parse("completions", b'{"model":"m","prompt":"p","%s":[1e999]}' % member.encode())
    assert isinstance(asked, Request)
    assert count(asked, member) == 1
    assert expected_choices(asked) == 1
