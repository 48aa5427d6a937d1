"""A completion as bytes: one JSON body, or the events of a stream. Chat and legacy shapes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import orjson

from gateway.emulator import answers
from gateway.emulator.call import Call
from gateway.emulator.completion import Choice, Completion, ToolCall
from gateway.emulator.script import Pause, Step
from gateway.emulator.wire import DONE, Plain, json_reply

FINGERPRINT = "fp_emulated"
_FRAGMENT = 12  # characters of tool arguments in one event
_UNFILTERED = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}


@dataclass(frozen=True, slots=True)
class EventStream:
    """The events of a stream, one a token, in the parts that faults tell apart.

    `gaps` are the seconds before each token but the first; () for none.
    """

    opening: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    finish: tuple[bytes, ...]
    usage: tuple[bytes, ...] = ()
    done: bytes = DONE
    gaps: tuple[float, ...] = ()

    def until(self, count: int) -> Iterator[Step]:
        """The opening and the first `count` tokens."""
        yield from self.opening
        yield from self._paced(0, count)

    def after(self, count: int) -> Iterator[Step]:
        """All that follows `until(count)`."""
        yield from self._paced(count, len(self.tokens))
        yield from self.ending()

    def ending(self) -> tuple[bytes, ...]:
        return (*self.finish, *self.usage, self.done)

    def whole(self) -> Iterator[Step]:
        if not self.gaps:
            return chain(self.opening, self.tokens, self.ending())
        return chain(self.until(len(self.tokens)), self.ending())

    def _paced(self, start: int, stop: int) -> Iterator[Step]:
        for index, token in enumerate(self.tokens[start:stop], start):
            if self.gaps and index:
                yield Pause(self.gaps[index - 1])
            yield token


def usage_of(completion: Completion) -> dict[str, Any]:
    prompt, spoken = completion.prompt_tokens, completion.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": spoken, "total_tokens": prompt + spoken}


def plain(completion: Completion, call: Call) -> Plain:
    chat = call.endpoint == "chat"
    shape = _chat_choice if chat else _legacy_choice
    return json_reply(
        {
            "id": completion.id,
            "object": "chat.completion" if chat else "text_completion",
            "created": completion.created,
            "model": completion.model,
            "choices": [
                shape(index, choice) | _filter_result(completion) for index, choice in enumerate(completion.choices)
            ],
            "usage": usage_of(completion),
            "system_fingerprint": FINGERPRINT,
        }
    )


def stream(completion: Completion, call: Call) -> EventStream:
    assert call.body is not None
    options = call.body.get("stream_options") or {}
    writer = _Events(completion, call.endpoint == "chat", options.get("include_usage") is True)
    each = [writer.tokens(index, choice) for index, choice in enumerate(completion.choices)]
    tokens = each[0] if len(each) == 1 else [token for row in zip_longest(*each) for token in row if token is not None]
    return EventStream(
        tuple(map(writer.role, range(len(each)))) if writer.chat else (),
        tuple(tokens),
        tuple([writer.finish(index, choice) for index, choice in enumerate(completion.choices)]),
        (writer.usage(),) if writer.counted else (),
    )


class _Events:
    """Writes chunks of one completion: what is the same in all of them is encoded once."""

    def __init__(self, completion: Completion, chat: bool, counted: bool) -> None:
        self.chat = chat
        self.counted = counted
        self._completion = completion
        head = {
            "id": completion.id,
            "object": "chat.completion.chunk" if chat else "text_completion",
            "created": completion.created,
            "model": completion.model,
            "system_fingerprint": FINGERPRINT,
        }
        self._head = b"data: " + orjson.dumps(head)[:-1] + b',"choices":'
        self._tail = (b',"usage":null' if counted else b"") + b"}\n\n"

    def role(self, index: int) -> bytes:
        return self._delta(index, {"role": "assistant", "content": "", "refusal": None})

    def tokens(self, index: int, choice: Choice) -> list[bytes]:
        key = b'"delta":{"content":' if self.chat else b'"text":'
        start = self._head + b'[{"index":%d,' % index + key
        stop = (b"}" if self.chat else b"") + b',"logprobs":null,"finish_reason":null}]' + self._tail
        words = [start + orjson.dumps(word) + stop for word in answers.tokens(choice.text)]
        return words + [delta for call in choice.calls for delta in self._call(index, call)]

    def finish(self, index: int, choice: Choice) -> bytes:
        ending: dict[str, Any] = {"delta": {}} if self.chat else {"text": ""}
        marks = _filter_result(self._completion)
        return self._event({"index": index, **ending, "logprobs": None, "finish_reason": choice.finish} | marks)

    def usage(self) -> bytes:
        return self._head + b'[],"usage":' + orjson.dumps(usage_of(self._completion)) + b"}\n\n"

    def _call(self, index: int, call: ToolCall) -> Iterator[bytes]:
        """Id and name come first and once; the arguments follow in fragments."""
        named = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield self._delta(index, {"tool_calls": [{"index": call.index, **named}]})
        for start in range(0, len(call.arguments), _FRAGMENT):
            fragment = call.arguments[start : start + _FRAGMENT]
            yield self._delta(index, {"tool_calls": [{"index": call.index, "function": {"arguments": fragment}}]})

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return self._event({"index": index, "delta": delta, "logprobs": None, "finish_reason": None})

    def _event(self, choice: dict[str, Any]) -> bytes:
        return self._head + orjson.dumps([choice]) + self._tail


def _filter_result(completion: Completion) -> dict[str, Any]:
    return {"content_filter_result": _UNFILTERED} if completion.unfiltered else {}


def _chat_choice(index: int, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None}
    if choice.finish == "tool_calls":
        message["content"] = choice.text or None
    if choice.calls:
        message["tool_calls"] = [_tool_call(call) for call in choice.calls]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": choice.finish}


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _legacy_choice(index: int, choice: Choice) -> dict[str, Any]:
    return {"index": index, "text": choice.text, "logprobs": None, "finish_reason": choice.finish}
