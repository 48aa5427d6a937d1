"""Faults on what is said, before it is bytes: the model, the count, the words, the tool calls."""

from collections.abc import Callable
from dataclasses import replace

from gateway.emulator import answers
from gateway.emulator.completion import Choice, Completion, ToolCall
from gateway.emulator.fault import Fault


def _model_substituted(fault: Fault, completion: Completion) -> Completion:
    return replace(completion, model=fault.other_model or f"{completion.model}-mini")


def _usage_inflated(fault: Fault, completion: Completion) -> Completion:
    prompt, spoken = completion.prompt_tokens * fault.factor, completion.completion_tokens * fault.factor
    return replace(completion, prompt_tokens=round(prompt), completion_tokens=round(spoken))


def _filter_bypassed(_fault: Fault, completion: Completion) -> Completion:
    return replace(completion, unfiltered=True)


def _garbled(choice: Choice) -> Choice:
    """Every second word backwards, so that it has the length of an answer and is none."""
    words = answers.tokens(choice.text)
    return replace(choice, text="".join([word[::-1] if index % 2 else word for index, word in enumerate(words)]))


def _empty_content(_choice: Choice) -> Choice:
    return Choice("")


def _content_filter(_choice: Choice) -> Choice:
    return Choice("", "content_filter")


def _tool_calls_missing(_choice: Choice) -> Choice:
    return Choice("", "tool_calls")


def _duplicate_tool_index(choice: Choice) -> Choice:
    twin = replace(choice.calls[0], id=f"{choice.calls[0].id}x")
    return replace(choice, calls=(choice.calls[0], twin))


def _arguments_cut(call: ToolCall) -> ToolCall:
    return replace(call, arguments=call.arguments[: len(call.arguments) // 2])


def _arguments_invalid(call: ToolCall) -> ToolCall:
    return replace(call, arguments='{"argument": undefined, }')


def _unknown_tool(call: ToolCall) -> ToolCall:
    return replace(call, name=f"{call.name}_v2")


Change = Callable[[Fault, Completion], Completion]


def _each_choice(change: Callable[[Choice], Choice]) -> Change:
    def changed(_fault: Fault, completion: Completion) -> Completion:
        choices = tuple(map(change, completion.choices))
        spoken = sum([answers.count(choice.text) for choice in choices])
        calls = any(choice.calls for choice in choices)
        return replace(completion, choices=choices, completion_tokens=completion.completion_tokens if calls else spoken)

    return changed


def _each_call(change: Callable[[ToolCall], ToolCall]) -> Change:
    return _each_choice(lambda choice: replace(choice, calls=tuple(map(change, choice.calls))))


CONTENT: dict[str, Change] = {
    "model_substituted": _model_substituted,
    "usage_inflated": _usage_inflated,
    "filter_bypassed": _filter_bypassed,
    "garbled": _each_choice(_garbled),
    "empty_content": _each_choice(_empty_content),
    "content_filter": _each_choice(_content_filter),
    "tool_calls_missing": _each_choice(_tool_calls_missing),
    "duplicate_tool_index": _each_choice(_duplicate_tool_index),
    "tool_arguments_cut": _each_call(_arguments_cut),
    "tool_arguments_invalid": _each_call(_arguments_invalid),
    "unknown_tool": _each_call(_unknown_tool),
}
