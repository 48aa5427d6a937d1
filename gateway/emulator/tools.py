"""Which tools the answer calls, and with which arguments."""

import json
import re
from typing import Any

from gateway.emulator.call import Body
from gateway.emulator.completion import ToolCall
from gateway.emulator.schema import sample

_SEVERAL = re.compile(r"\b(both|all|several|multiple)\b", re.IGNORECASE)


def tool_calls(body: Body, prompt: str, prefix: str) -> tuple[ToolCall, ...]:
    """One call for each chosen tool, arguments after its schema. `prefix` makes the ids unique."""
    functions: list[dict[str, Any]] = [tool["function"] for tool in body["tools"]]
    chosen = _chosen(functions, body, prompt)
    return tuple([_call(index, function, prefix) for index, function in enumerate(chosen)])


def _chosen(functions: list[dict[str, Any]], body: Body, prompt: str) -> list[dict[str, Any]]:
    """The forced one; else those the prompt names; else several when it asks for several; else the first."""
    choice = body.get("tool_choice")
    forced = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    if forced is not None:
        return [function for function in functions if function["name"] == forced] or functions[:1]
    named = [function for function in functions if function["name"] in prompt]
    if not named:
        named = functions if _SEVERAL.search(prompt) else functions[:1]
    return named if body.get("parallel_tool_calls") is not False else named[:1]


def _call(index: int, function: dict[str, Any], prefix: str) -> ToolCall:
    arguments = sample(function.get("parameters") or {"type": "object"})
    return ToolCall(index, f"call_{prefix}{index}", function["name"], json.dumps(arguments))
