"""Judge a whole OpenAI reply: is it an answer, or something that only looks like one?

A reply that is broken, empty or cut must never reach the app as an answer, whatever its status says.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import orjson

from gateway.core.model import Need
from gateway.core.outcome import NO_USAGE, OK, Kind, Outcome, Usage
from gateway.dialect.openai_error import classify_event, is_error
from gateway.dialect.openai_request import Request

_JSON_SCHEMA = int(Need.JSON_SCHEMA)
_SAID = ("content", "refusal", "audio", "reasoning_content", "reasoning")
_OTHER_ENDINGS = frozenset({"length", "content_filter"})


class Judgement(NamedTuple):
    """`model` is what the vendor says it was."""

    outcome: Outcome
    usage: Usage = NO_USAGE
    model: str = ""


def judge(request: Request, body: bytes) -> Judgement:
    """A 2xx body against the request that asked for it."""
    if request.endpoint == "embeddings":
        return _judge_embeddings(request, body)
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Judgement(malformed(_not_json(body)))
    if not isinstance(reply, dict):
        return Judgement(malformed("the reply is not a JSON object"))
    if is_error(reply):
        return Judgement(classify_event(reply))
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        return Judgement(malformed("the reply has no choices"))
    wrong = _first_wrong(request, choices)
    return Judgement(wrong or OK, read_usage(reply.get("usage")), str(reply.get("model") or ""))


def malformed(detail: str) -> Outcome:
    return Outcome(Kind.MALFORMED, detail, 200)


def read_usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return NO_USAGE
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def wrong_arguments(arguments: Any) -> bool:
    """Are a tool call's arguments anything but JSON? None or "" is a call without arguments."""
    if arguments is None or arguments == "":
        return False
    try:
        orjson.loads(arguments)
    except (orjson.JSONDecodeError, TypeError):
        return True
    return False


def unknown_tool(request: Request, name: str) -> bool:
    """Was this tool never offered? Unknown only where the request's tools can be read."""
    names = _tool_names(request)
    return bool(names) and name not in names


def may_be_empty(request: Request) -> bool:
    """An answer can begin with a stop sequence of the client's."""
    stop = request.members.get("stop")
    return stop is not None and bytes(stop) not in (b"null", b"[]", b'""')


def not_the_json_asked_for(request: Request, text: str) -> bool:
    if not int(request.need) & _JSON_SCHEMA:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return True
    return False


INVALID_OUTPUT = Outcome(Kind.INVALID_OUTPUT, "the answer is not the JSON that was asked for", 200)


def _first_wrong(request: Request, choices: list[Any]) -> Outcome | None:
    check: Callable[[Request, dict[str, Any]], Outcome | None]
    check = _wrong_text if request.endpoint == "completions" else _wrong_message
    for choice in choices:
        if not isinstance(choice, dict):
            return malformed("a choice is not an object")
        wrong = check(request, choice)
        if wrong:
            return wrong
    return None


def _wrong_text(request: Request, choice: dict[str, Any]) -> Outcome | None:
    text, reason = choice.get("text"), choice.get("finish_reason")
    if not isinstance(text, str):
        return malformed("a choice has no text")
    return _wrong_ending(bool(text) or may_be_empty(request), reason)


def _wrong_message(request: Request, choice: dict[str, Any]) -> Outcome | None:
    message, reason = choice.get("message"), choice.get("finish_reason")
    if not isinstance(message, dict):
        return malformed("a choice has no message")
    calls = message.get("tool_calls")
    if calls:
        wrong = _wrong_calls(request, calls, reason)
        if wrong:
            return wrong
    elif reason == "tool_calls":
        return malformed("finish_reason is tool_calls, but there is no call")
    said = bool(calls) or bool(message.get("function_call")) or any(message.get(name) for name in _SAID)
    content = message.get("content")
    whole_text = isinstance(content, str) and bool(content) and reason == "stop" and not calls
    if whole_text and not_the_json_asked_for(request, str(content)):
        return INVALID_OUTPUT
    return _wrong_ending(said or may_be_empty(request), reason)


def _wrong_ending(said: bool, reason: Any) -> Outcome | None:
    if not reason or not isinstance(reason, str):
        return Outcome(Kind.CUT, "the reply has no finish_reason", 200)
    if not said and reason not in _OTHER_ENDINGS:
        return malformed("the answer is empty")
    return None


def _wrong_calls(request: Request, calls: Any, reason: Any) -> Outcome | None:
    if not isinstance(calls, list):
        return malformed("tool_calls is not a list")
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            if isinstance(call, dict) and call.get("type", "function") != "function":
                continue  # a custom tool: its input is free text
            return malformed("a tool call has no function")
        if reason != "length" and wrong_arguments(function.get("arguments")):
            return malformed("the arguments of a tool call are not JSON")
        if unknown_tool(request, str(function.get("name"))):
            return malformed("a tool was called that was not offered")
    return None


def _tool_names(request: Request) -> frozenset[str]:
    raw = request.members.get("tools")
    if raw is None:
        return frozenset()
    tools = orjson.loads(bytes(raw))
    if not isinstance(tools, list):
        return frozenset()
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)]
    return frozenset(str(function.get("name")) for function in functions if isinstance(function, dict))


def _not_json(body: bytes) -> str:
    start = body[:200].lstrip().lower()
    if not start:
        return "the reply is empty"
    return "the reply is HTML" if start.startswith((b"<!doctype", b"<html", b"<")) else "the reply is not whole JSON"


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


# -- embeddings: only the frame is read, the vectors stay bytes ----------------------------------------------------


class _Embedding(msgspec.Struct):
    embedding: msgspec.Raw


class _Embeddings(msgspec.Struct):
    data: list[_Embedding] | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None
    error: Any = None


_embeddings = msgspec.json.Decoder(_Embeddings)


def _judge_embeddings(request: Request, body: bytes) -> Judgement:
    try:
        reply = _embeddings.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Judgement(malformed(_not_json(body)))
    if reply.error:
        return Judgement(classify_event({"error": reply.error}))
    if not reply.data:
        return Judgement(malformed("the reply has no embeddings"))
    if len(reply.data) != _inputs(request):
        return Judgement(malformed(f"{len(reply.data)} embeddings for {_inputs(request)} inputs"))
    if any(bytes(item.embedding) in (b"[]", b'""', b"null") for item in reply.data):
        return Judgement(malformed("an embedding is empty"))
    return Judgement(OK, read_usage(reply.usage), reply.model or "")


def _inputs(request: Request) -> int:
    """How many texts were to be embedded: a list may hold texts, lists of tokens, or the tokens of one text."""
    given = orjson.loads(bytes(request.members["input"]))
    return len(given) if isinstance(given, list) and given and not isinstance(given[0], int) else 1
