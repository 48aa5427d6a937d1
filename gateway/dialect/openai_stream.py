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
from gateway.dialect.openai_answer import Said, expected_choices, invalid, words, wrong_answer, wrong_tool
from gateway.dialect.openai_error import classify_event, is_error
from gateway.dialect.openai_reply import malformed, read_usage
from gateway.dialect.openai_request import Request
from gateway.dialect.sse import EventTooLong, Splitter, is_error_event, payload

_THOUGHT = ("reasoning_content", "reasoning")  # worth passing on, but not an answer
_SAID = ("refusal", "audio", *_THOUGHT)


@dataclass(slots=True)
class _Call:
    """One tool call in the making. Arguments come in fragments."""

    id: str
    name: str
    fragments: list[str]


@dataclass(slots=True)
class _Choice:
    """`said`: anything that counts as an answer. `function`: the fragments of a legacy function call's arguments."""

    said: bool = False
    refused: bool = False
    reason: str | None = None
    calls: dict[int, _Call] | None = None
    function: list[str] | None = None


class StreamJudge:
    """The judge of one stream. After `failure` is set, or `ended`, nothing more is to be fed.

    `meaningful`: something has come that is worth passing on. `progress` counts the events that brought the answer
    on; white space alone does not. `text` is what choice 0 has said so far; `deltas` is a lower bound of tokens.
    """

    __slots__ = (
        "_choices",
        "_expected",
        "_finishes",
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
        "progress",
        "text",
        "usage",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        self._splitter = Splitter()
        self._choices: dict[int, _Choice] = {}
        self._expected = expected_choices(request)
        self._finishes = 0
        self._last: list[bytes] = []  # the finish and what follows it
        self._passed = 0  # how much of `text` is not in these
        self.text: list[str] = []
        self.deltas = 0
        self.progress = 0
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
        self.ended = self.finished and (not rest or (payload(rest) or b"").strip() == b"[DONE]")
        if self.ended:
            return self._last
        self._fail(_not_a_stream(rest) or Outcome(Kind.CUT, "the stream ended without finish_reason", 200))
        return []

    @property
    def finished(self) -> bool:
        """Has each choice that was asked for got its finish_reason?"""
        return self._finishes >= self._expected

    @property
    def refused(self) -> bool:
        """Has the vendor said that it will not answer, and nothing else?"""
        return len(self._choices) >= self._expected and all(choice.refused for choice in self._choices.values())

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
        if data.strip() == b"[DONE]":
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
        if self.finished:
            self.ended = True
        elif self._choices and self._finishes == len(self._choices):
            self.failure = invalid(f"{self._finishes} choices for {self._expected}")
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
        if choice.get("error"):
            return classify_event(choice)
        index = choice.get("index")
        if not isinstance(index, int) or not 0 <= index < self._expected:
            return malformed("a choice that was not asked for")
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice()
        delta = choice.get("delta")
        if delta is None:
            delta = {"content": choice.get("text")}
        wrong = self._delta(state, index, delta)
        reason = choice.get("finish_reason")
        return wrong or (self._finish(state, index, reason) if reason else None)

    def _delta(self, state: _Choice, index: int, delta: Any) -> Outcome | None:
        if not isinstance(delta, dict):
            return malformed("a delta that is not an object")
        text, calls, function = delta.get("content"), delta.get("tool_calls"), delta.get("function_call")
        more = calls or function or any(delta.get(name) for name in _SAID)
        if state.reason and (text or more):
            return malformed("an event after the finish")
        wrong = self._speaks(state, index, text) if text else None
        return wrong or (self._says_more(state, delta, calls, function) if more else None)

    def _says_more(self, state: _Choice, delta: dict[str, Any], calls: Any, function: Any) -> Outcome | None:
        self._advance()
        state.refused = bool(delta.get("refusal")) or state.refused
        state.said = state.said or bool(calls or function or delta.get("refusal") or delta.get("audio"))
        if function:
            return self._function_call(state, function)
        return self._tool_calls(state, calls) if calls else None

    def _speaks(self, state: _Choice, index: int, text: Any) -> Outcome | None:
        if isinstance(text, list):
            return self._speaks_in_parts(state, index, text)
        if not isinstance(text, str):
            return malformed("content that is not text")
        if index == 0:
            self.text.append(text)
        if text.isspace():
            self.deltas += 1
        else:
            state.said, state.refused = True, False
            self._advance()
        return None

    def _speaks_in_parts(self, state: _Choice, index: int, parts: list[Any]) -> Outcome | None:
        """Some vendors send thoughts and words as parts of different types."""
        text = words(parts)
        if text:
            return self._speaks(state, index, text)
        self._advance()
        return None

    def _advance(self) -> None:
        self.meaningful = True
        self.deltas += 1
        self.progress += 1

    def _function_call(self, state: _Choice, function: Any) -> Outcome | None:
        fragment = function.get("arguments") if isinstance(function, dict) else 0
        if not isinstance(fragment, str | None):
            return malformed("a function call that is not an object, or its arguments no text")
        state.function = [*(state.function or []), fragment or ""]
        return None

    def _tool_calls(self, state: _Choice, calls: Any) -> Outcome | None:
        if not isinstance(calls, list):
            return malformed("tool_calls is not a list")
        if state.calls is None:
            state.calls = {}
        for fragment in calls:
            function = isinstance(fragment, dict) and (fragment.get("function") or fragment.get("custom") or {})
            if not isinstance(function, dict):
                return malformed("a tool call that is not an object")
            wrong = self._tool_call(state.calls, fragment, function)
            if wrong:
                return wrong
        return None

    def _tool_call(self, known: dict[int, _Call], fragment: dict[str, Any], function: dict[str, Any]) -> Outcome | None:
        index, id_, name = fragment.get("index"), fragment.get("id"), function.get("name")
        arguments = function.get("arguments")
        if not isinstance(index, int) or not isinstance(name or "", str) or not isinstance(arguments or "", str):
            return malformed("a tool call without a whole index, or with arguments that are no text")
        call = known.get(index)
        if call is None:
            if index != len(known):
                return malformed("a tool call out of order")
            wrong = wrong_tool(self._request, id_, name)
            if wrong:
                return wrong
            call = known[index] = _Call(str(id_), str(name), [])
        elif id_ and id_ != call.id:
            return malformed("two tool calls with one index")
        call.fragments.append(arguments or "")
        return None

    def _finish(self, state: _Choice, index: int, reason: Any) -> Outcome | None:
        if state.reason:
            return None if state.reason == reason else malformed("two different ends")
        calls = tuple((call.id, call.name, "".join(call.fragments)) for call in (state.calls or {}).values())
        function = "".join(state.function) if state.function is not None else None
        said = Said(state.said, "".join(self.text) if index == 0 else "", calls, function)
        wrong = wrong_answer(self._request, said, reason)
        if wrong:
            return wrong
        state.reason = reason
        state.refused = state.refused or (reason == "content_filter" and not state.said)
        self._finishes += 1
        self.meaningful = True
        return None


def _not_a_stream(body: bytes) -> Outcome | None:
    """An error that was sent as a plain body where a stream was asked for."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return classify_event(value) if isinstance(value, dict) and is_error(value) else None
