"""What the vendor answers to a chat request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.emulator import answers
from gateway.emulator.call import Body, Call
from gateway.emulator.checks import too_long
from gateway.emulator.completion import Choice, Completion, Finish
from gateway.emulator.schema import InvalidSchema, sample
from gateway.emulator.settings import VendorSettings
from gateway.emulator.tools import tool_calls
from gateway.emulator.wire import ApiError

REFUSED_MARK = "[[refuse]]"
_IMAGE_TOKENS = 85
_INSTRUCTING = frozenset({"user", "system", "developer"})
_REFUSED = ApiError(
    400,
    "Your request was rejected as a result of our safety system.",
    code="content_policy_violation",
)
_NO_PREFILL = ApiError(
    400, "This model does not support assistant message prefill. The final message must be from the user."
)

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes one reply differ from the next: a number of the vendor's, and Unix seconds."""

    id: str
    created: int


def answer_chat(call: Call, settings: VendorSettings, stamp: Stamp) -> Completion | ApiError:
    """The call's body has passed the checks."""
    assert call.body is not None
    body = call.body
    messages: list[Message] = body["messages"]
    prompt_tokens = sum([_size(message.get("content")) for message in messages])
    if settings.context is not None and prompt_tokens > settings.context:
        return too_long(prompt_tokens, settings.context)
    prompt = _prompt(messages)
    if REFUSED_MARK in prompt:
        return _REFUSED
    if settings.prefill == "refuse" and messages[-1]["role"] == "assistant":
        return _NO_PREFILL
    try:
        choices = tuple([_choice(call, prompt, index, settings, stamp) for index in range(body.get("n") or 1)])
    except InvalidSchema as error:
        return ApiError(400, f"Invalid schema: {error}.", param="response_format" if not call.calls_tool else "tools")
    return Completion(
        f"chatcmpl-{stamp.id}", stamp.created, call.model, choices, prompt_tokens, sum(map(spoken, choices))
    )


def spoken(choice: Choice) -> int:
    """Completion tokens of a choice."""
    return answers.count(choice.text) + sum([1 + answers.count(call.arguments) for call in choice.calls])


def limited(text: str, body: Body) -> tuple[str, Finish]:
    """`text` up to the first stop sequence and the token bound, and why it ends there."""
    stops = body.get("stop") or ()
    for stop in [stops] if isinstance(stops, str) else stops:
        if isinstance(stop, str) and stop:
            text = text.partition(stop)[0]
    bound = body.get("max_completion_tokens") or body.get("max_tokens")
    if bound is None:
        return text, "stop"
    words = answers.tokens(text)
    return ("".join(words[:bound]), "length") if len(words) > bound else (text, "stop")


def text_of(content: Any) -> str:
    """The words of a message's content, whichever of its two forms it has."""
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in content or () if isinstance(part, dict)]
    return "\n".join([part for part in parts if isinstance(part, str)])


def _choice(call: Call, prompt: str, index: int, settings: VendorSettings, stamp: Stamp) -> Choice:
    assert call.body is not None
    if call.calls_tool:
        return Choice("", "tool_calls", tool_calls(call.body, prompt, f"{stamp.id}{index}"))
    return Choice(*limited(_text(call.body, prompt, settings, settings.seed + index), call.body))


def _text(body: Body, prompt: str, settings: VendorSettings, seed: int) -> str:
    rest = _rest(body["messages"], settings, seed)
    if rest is not None:
        return rest
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema = wanted.get("json_schema", {}).get("schema") or {"type": "object"}
        return json.dumps(sample(schema), ensure_ascii=False)
    text = answers.answer(prompt, seed)
    return json.dumps({"answer": text}, ensure_ascii=False) if wanted.get("type") == "json_object" else text


def _rest(messages: list[Message], settings: VendorSettings, seed: int) -> str | None:
    """The rest of an answer that was begun, when the request asks for it in either of the two ways."""
    last = messages[-1]
    if last["role"] == "assistant" and settings.prefill == "continue":
        begun = len(messages) - 1
    elif last["role"] in _INSTRUCTING and "continue" in text_of(last.get("content")).lower():
        begun = len(messages) - 2
    else:
        return None
    if begun < 1 or messages[begun]["role"] != "assistant":
        return None
    return answers.remainder(text_of(messages[begun].get("content")), _prompt(messages[:begun]), seed)


def _prompt(messages: list[Message]) -> str:
    """What is being answered: the last thing a user or a tool said."""
    for message in reversed(messages):
        if message["role"] in ("user", "tool"):
            return text_of(message.get("content"))
    return ""


def _size(content: Any) -> int:
    images = 0 if isinstance(content, str) else sum([_is_image(part) for part in content or ()])
    return answers.count(text_of(content)) + _IMAGE_TOKENS * images


def _is_image(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"
