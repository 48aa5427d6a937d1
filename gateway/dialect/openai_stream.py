"""Judge an OpenAI stream, event by event, before any of it is passed on.

`feed` takes bytes as they come and says what may be passed on. Two things are known only here: when the first
meaningful event has come (until then the whole reply can still be taken elsewhere), and whether the stream has really
ended: a finish_reason for each choice. [DONE] alone proves nothing, silence proves nothing. The finish itself is held
back until then: an app that has seen it takes the answer for whole, whatever may follow.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.core.outcome import NO_USAGE, Kind, Outcome, Usage
from gateway.dialect.openai_error import classify_event, is_error
from gateway.dialect.openai_reply import (
    INVALID_OUTPUT,
    malformed,
    may_be_empty,
    not_the_json_asked_for,
    read_usage,
    unknown_tool,
    wrong_arguments,
)
from gateway.dialect.openai_request import Request
from gateway.dialect.sse import EventTooLong, Splitter, is_error_event, payload

_SAID = ("content", "refusal", "function_call", "reasoning_content", "reasoning", "audio")
_OTHER_ENDINGS = frozenset({"length", "content_filter"})


@dataclass(slots=True)
class _Call:
    """One tool call in the making. Arguments come in fragments."""

    id: str
    name: str
    fragments: list[str]


@dataclass(slots=True)
class _Choice:
    said: bool = False
    reason: str | None = None
    calls: dict[int, _Call] | None = None


class StreamJudge:
    """The judge of one stream. After `failure` is set, or `ended`, nothing more is to be fed.

    `text` is what choice 0 has said in events that were passed on; `deltas` counts the events that said something, a
    lower bound of tokens.
    """

    __slots__ = (
        "_choices",
        "_continuing",
        "_last",
        "_passed",
        "_request",
        "_splitter",
        "created",
        "deltas",
        "ended",
        "failure",
        "id",
        "meaningful",
        "model",
        "text",
        "usage",
    )

    def __init__(self, request: Request, *, continuing: bool = False) -> None:
        self._request = request
        self._continuing = continuing  # a second leg may have nothing left to say
        self._splitter = Splitter()
        self._choices: dict[int, _Choice] = {}
        self._last: list[bytes] = []  # the finish and what follows it
        self._passed = 0  # how much of `text` is not in these
        self.text: list[str] = []
        self.deltas = 0
        self.meaningful = False
        self.ended = False
        self.failure: Outcome | None = None
        self.usage: Usage = NO_USAGE
        self.id = ""
        self.created = 0
        self.model = ""

    def feed(self, data: bytes) -> list[bytes]:
        """The events that may be passed on, each without its blank line. [DONE] is not among them."""
        try:
            events = self._splitter.feed(data)
        except EventTooLong:
            self._fail(malformed("an event without end"))
            return []
        good: list[bytes] = []
        for event in events:
            if self._take(event):
                self._keep(event, good)
            if self.failure:
                self._fail(self.failure)
                break
            if self.ended:
                return good + self._last
        return good

    def end_of_body(self) -> list[bytes]:
        """The vendor has closed the body. All choices finished is a real end, also where [DONE] was forgotten."""
        if self.ended or self.failure:
            return []
        rest = self._splitter.rest.strip()
        self.ended = self.finished and (not rest or payload(rest) == b"[DONE]")
        if self.ended:
            return self._last
        self._fail(_not_a_stream(rest) or Outcome(Kind.CUT, "the stream ended without finish_reason", 200))
        return []

    @property
    def finished(self) -> bool:
        """Has each choice that was asked for got its finish_reason?"""
        return len(self._choices) >= self._request.choices and self._all_that_began

    @property
    def _all_that_began(self) -> bool:
        return bool(self._choices) and all(choice.reason for choice in self._choices.values())

    def spent(self) -> Usage:
        """What the vendor reported, or our count of events where it did not."""
        if self.usage is not NO_USAGE or not self.meaningful:
            return self.usage
        return Usage(self._request.input_tokens, self.deltas, estimated=True)

    def _keep(self, event: bytes, good: list[bytes]) -> None:
        if self.finished:
            self._last.append(event)
        else:
            good.append(event)
            self._passed = len(self.text)

    def _fail(self, outcome: Outcome) -> None:
        self.failure = outcome
        del self.text[self._passed :]  # what is not passed on was not said

    # -- one event ---------------------------------------------------------------------------------------------

    def _take(self, event: bytes) -> bool:
        data = payload(event)
        if data is None:
            self.failure = malformed("a line that is not an event")
            return False
        if not data:
            return False  # a comment or an empty frame; our own heartbeats are ours to send
        if data == b"[DONE]":
            self._done()
            return False
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            self.failure = malformed("an event that is not JSON")
            return False
        if not isinstance(chunk, dict):
            self.failure = malformed("an event that is not an object")
            return False
        if chunk.get("error") or is_error_event(event):
            self.failure = classify_event(chunk)
            return False
        return self._chunk(chunk)

    def _done(self) -> None:
        if self._all_that_began:  # some vendors know only one choice
            self.ended = True
        else:
            self.failure = Outcome(Kind.CUT, "[DONE] without finish_reason", 200)

    def _chunk(self, chunk: dict[str, Any]) -> bool:
        usage = chunk.get("usage")
        if usage:
            self.usage = read_usage(usage)
        if not self.id:
            self._introduce(chunk)
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            self.failure = malformed("an event without choices")
            return False
        for choice in choices:
            self.failure = self._choice(choice)
            if self.failure:
                return False
        return bool(choices) or not usage or self._request.wants_usage

    def _introduce(self, chunk: dict[str, Any]) -> None:
        self.id = str(chunk.get("id") or "")
        self.model = str(chunk.get("model") or "")
        created = chunk.get("created")
        self.created = created if isinstance(created, int) else 0

    def _choice(self, choice: Any) -> Outcome | None:
        if not isinstance(choice, dict):
            return malformed("a choice that is not an object")
        index = choice.get("index", 0)
        if not isinstance(index, int):
            return malformed("a choice without a whole index")
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice()
        delta = choice.get("delta")
        if delta is None:
            delta = {"content": choice.get("text")}
        wrong = self._delta(state, index, delta)
        reason = choice.get("finish_reason")
        return wrong or (self._finish(state, index, str(reason)) if reason else None)

    def _delta(self, state: _Choice, index: int, delta: Any) -> Outcome | None:
        if not isinstance(delta, dict):
            return malformed("a delta that is not an object")
        calls = delta.get("tool_calls")
        says = bool(calls) or any(delta.get(name) for name in _SAID)
        if not says:
            return None
        if state.reason:
            return malformed("an event after the finish")
        state.said = self.meaningful = True
        self.deltas += 1
        text = delta.get("content")
        if index == 0 and isinstance(text, str):
            self.text.append(text)
        return self._tool_calls(state, calls) if calls else None

    def _tool_calls(self, state: _Choice, calls: Any) -> Outcome | None:
        if not isinstance(calls, list):
            return malformed("tool_calls is not a list")
        if state.calls is None:
            state.calls = {}
        for fragment in calls:
            if not isinstance(fragment, dict) or not isinstance(fragment.get("function") or {}, dict):
                return malformed("a tool call that is not an object")
            wrong = self._tool_call(state.calls, fragment)
            if wrong:
                return wrong
        return None

    def _tool_call(self, known: dict[int, _Call], fragment: dict[str, Any]) -> Outcome | None:
        function = fragment.get("function") or {}
        index, id_, name = fragment.get("index", 0), fragment.get("id"), function.get("name")
        if not isinstance(index, int) or not isinstance(name or "", str):
            return malformed("a tool call without a whole index or a proper name")
        call = known.get(index)
        if call is None:
            if name and unknown_tool(self._request, name):
                return malformed("a tool was called that was not offered")
            call = known[index] = _Call(str(id_ or ""), str(name or ""), [])
        elif id_ and call.id and id_ != call.id:
            return malformed("two tool calls with one index")
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.fragments.append(arguments)
        return None

    def _finish(self, state: _Choice, index: int, reason: str) -> Outcome | None:
        state.reason = reason
        if not (state.said or self._continuing or reason in _OTHER_ENDINGS or may_be_empty(self._request)):
            return malformed("the answer is empty")
        self.meaningful = True
        if reason == "length":
            return None
        if reason == "tool_calls" and not state.calls:
            return malformed("finish_reason is tool_calls, but there is no call")
        if state.calls and any(wrong_arguments("".join(call.fragments)) for call in state.calls.values()):
            return malformed("the arguments of a tool call are not JSON")
        if index == 0 and reason == "stop" and not state.calls and self.text:
            return INVALID_OUTPUT if not_the_json_asked_for(self._request, "".join(self.text)) else None
        return None


def _not_a_stream(body: bytes) -> Outcome | None:
    """An error that was sent as a plain body where a stream was asked for."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return classify_event(value) if isinstance(value, dict) and is_error(value) else None
