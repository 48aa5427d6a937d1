"""Judge a whole OpenAI reply: is it an answer, or something that only looks like one?

A reply that is broken, empty or cut must never reach the app as an answer, whatever its status says.
"""

import binascii
import re
from typing import Any, NamedTuple

import msgspec
import orjson

from gateway.core.outcome import NO_USAGE, OK, Kind, Outcome, Usage
from gateway.dialect.openai_answer import Said, count, expected_choices, invalid, is_text, words, wrong_answer
from gateway.dialect.openai_error import classify_event, is_error
from gateway.dialect.openai_request import Request

_NUMBERS = re.compile(rb"\[\s*-?\d[^\"\[{a-df-zA-DF-Z]*\]")  # digits, signs, points, exponents
_SAID = ("refusal", "audio", "function_call")


class Judgement(NamedTuple):
    """`model` is what the vendor says it was. `refused`: it would not answer, and said so within a good reply."""

    outcome: Outcome
    usage: Usage = NO_USAGE
    model: str = ""
    refused: bool = False


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
    wrong = _wrong_choices(request, choices)
    refused = wrong is None and all(_refuses(choice) for choice in choices)
    return Judgement(wrong or OK, read_usage(reply.get("usage")), str(reply.get("model") or ""), refused)


def malformed(detail: str) -> Outcome:
    return Outcome(Kind.MALFORMED, detail, 200)


def read_usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return NO_USAGE
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _wrong_choices(request: Request, choices: list[Any]) -> Outcome | None:
    if not all(isinstance(choice, dict) for choice in choices):
        return malformed("a choice is not an object")
    expected = expected_choices(request)
    if len(choices) != expected or not _in_place(choices):
        return invalid(f"{len(choices)} choices for {expected}, or two with one index")
    check = _wrong_text if request.endpoint == "completions" else _wrong_message
    return next((wrong for choice in choices if (wrong := check(request, choice))), None)


def _in_place(choices: list[Any]) -> bool:
    """Has each its own index, from 0 up, in whatever order?"""
    if len(choices) == 1:
        return choices[0].get("index", 0) in (0, None)
    given = [choice.get("index", place) for place, choice in enumerate(choices)]
    return sorted(index if isinstance(index, int) else -1 for index in given) == list(range(len(choices)))


def _wrong_text(request: Request, choice: dict[str, Any]) -> Outcome | None:
    text = choice.get("text")
    if choice.get("error"):
        return classify_event(choice)
    if not isinstance(text, str):
        return malformed("a choice has no text")
    return wrong_answer(request, Said(is_text(text), text, (), None), choice.get("finish_reason"))


def _wrong_message(request: Request, choice: dict[str, Any]) -> Outcome | None:
    message = choice.get("message")
    if choice.get("error"):
        return classify_event(choice)
    if not isinstance(message, dict):
        return malformed("a choice has no message")
    content, calls = message.get("content"), message.get("tool_calls") or []
    if not (content is None or isinstance(content, (str, list))) or not isinstance(calls, list):
        return malformed("content is not text, or tool_calls is not a list")
    function = message.get("function_call")
    if function is not None and not isinstance(function, dict):
        return malformed("function_call is not an object")
    text = words(content)
    anything = is_text(text) or bool(calls) or any(message.get(name) for name in _SAID)
    arguments = function.get("arguments", "") if isinstance(function, dict) else None
    said = Said(anything, text, tuple(map(_call, calls)), arguments)
    return wrong_answer(request, said, choice.get("finish_reason"))


def _call(call: Any) -> tuple[str, str, Any]:
    """Id, name and arguments; the free text of a custom tool is no JSON and is not looked at."""
    call = call if isinstance(call, dict) else {}
    kind = call.get("type") or "function"
    named = call.get(kind) if isinstance(kind, str) else None
    named = named if isinstance(named, dict) else {}
    return str(call.get("id") or ""), str(named.get("name") or ""), named.get("arguments")


def _refuses(choice: dict[str, Any]) -> bool:
    message = choice.get("message")
    message = message if isinstance(message, dict) else choice
    if choice.get("finish_reason") != "content_filter" and not message.get("refusal"):
        return False
    return not (is_text(words(message.get("content"))) or is_text(message.get("text")) or message.get("tool_calls"))


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
    index: int | None = None


class _Embeddings(msgspec.Struct):
    data: list[_Embedding] | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None
    error: Any = None


_embeddings = msgspec.json.Decoder(_Embeddings)


def _judge_embeddings(request: Request, body: bytes) -> Judgement:
    try:
        reply = _embeddings.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Judgement(malformed(_not_json(body)))
    if reply.error:
        return Judgement(classify_event({"error": reply.error}))
    if reply.data is None:
        return Judgement(malformed("the reply has no embeddings"))
    return Judgement(_wrong_vectors(request, reply.data) or OK, read_usage(reply.usage), reply.model or "")


def _wrong_vectors(request: Request, data: list[_Embedding]) -> Outcome | None:
    expected = count(request, "input")
    indices = [place if item.index is None else item.index for place, item in enumerate(data)]
    if len(data) != expected or sorted(indices) != list(range(expected)):
        return invalid(f"{len(data)} embeddings for {expected} inputs, or two with one index")
    lengths = {_length(bytes(item.embedding)) for item in data}
    if 0 in lengths or len(lengths) > 1:
        return invalid("an embedding is no vector, or they differ in length")
    return None


def _length(vector: bytes) -> int:
    """Elements of a vector of numbers, bytes of one in base64; 0 for anything else. Its numbers are not read."""
    if _NUMBERS.fullmatch(vector):
        return vector.count(b",") + 1
    text = orjson.loads(vector)
    try:
        return len(binascii.a2b_base64(text, strict_mode=True)) if isinstance(text, str) else 0
    except ValueError:  # not base64, or not even ASCII
        return 0
