from typing import Any

import pytest

from gateway.emulator.tools import tool_calls

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("search", "book", "cancel")]


@pytest.mark.parametrize(
    ("prompt", "fields", "expected"),
    [
        ("hello", {}, ["search"]),
        ("please book it", {}, ["book"]),
        ("search, then cancel", {}, ["search", "cancel"]),
        ("search, then cancel", {"parallel_tool_calls": False}, ["search"]),
        ("do all of it", {}, ["search", "book", "cancel"]),
        ("hello", {"tool_choice": "required"}, ["search"]),
        ("search", {"tool_choice": {"type": "function", "function": {"name": "cancel"}}}, ["cancel"]),
    ],
)
def test_which_tools_are_called(prompt: str, fields: dict[str, Any], expected: list[str]) -> None:
    calls = tool_calls({"tools": TOOLS, **fields}, prompt, "x")
    assert [call.name for call in calls] == expected
    assert [(call.index, call.id) for call in calls] == [(i, f"call_x{i}") for i in range(len(expected))]


def test_a_tool_without_parameters_takes_an_empty_object() -> None:
    assert tool_calls({"tools": TOOLS}, "", "x")[0].arguments == "{}"
