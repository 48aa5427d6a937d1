"""What makes an answer good, whole or streamed: it has ended well, says something, and is what the request asked for.

An answer that fails here came whole over the wire. It is taken elsewhere, but it says little about the vendor's health:
a request can bring any model to say nothing, or to damage a tool call.
"""

from typing import Any, NamedTuple

import orjson

from gateway.core.model import Need
from gateway.core.outcome import Kind, Outcome
from gateway.dialect.openai_request import Request

_JSON_SCHEMA = int(Need.JSON_SCHEMA)
# Ends that vendors give to answers they could not finish. They are not OpenAI's, and no SDK raises on them.
_FAILED = frozenset({"error", "abort", "aborted", "cancelled", "canceled", "timeout", "insufficient_system_resource"})
_MAY_BE_EMPTY = frozenset({"length", "content_filter"})


class Said(NamedTuple):
    """What a vendor has said in one choice. `calls`: (id, name, arguments) of each tool call, in order."""

    anything: bool
    text: str
    calls: tuple[tuple[str, str, Any], ...]
    function_arguments: Any


def invalid(detail: str) -> Outcome:
    return Outcome(Kind.INVALID_OUTPUT, detail, 200)


def wrong_answer(request: Request, said: Said, reason: Any) -> Outcome | None:
    """What is wrong with a choice that has ended for `reason`, or None."""
    if not reason or not isinstance(reason, str):
        return Outcome(Kind.CUT, "no finish_reason", 200)
    if reason in _FAILED:
        return Outcome(Kind.CUT, f"finish_reason is {reason}", 200)
    if not said.anything and reason not in _MAY_BE_EMPTY and not _stops_at_once(request):
        return invalid("the answer is empty")
    return _wrong_content(request, said, reason)


def wrong_tool(request: Request, id_: Any, name: Any) -> Outcome | None:
    """What is wrong with the call of a tool, as far as its beginning tells."""
    if not id_ or not name:
        return invalid("a tool call without an id or a name")
    if name not in _offered(request):
        return invalid("a tool was called that was not offered")
    return None


def is_text(value: Any) -> bool:
    """Is it more than white space?"""
    return isinstance(value, str) and bool(value) and not value.isspace()


def words(content: Any) -> str:
    """What content says: text, or the parts of type text among others (some vendors send their thoughts as parts)."""
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    said = [part.get("text") for part in parts if part.get("type") == "text"]
    return "".join(word for word in said if isinstance(word, str))


def expected_choices(request: Request) -> int:
    """Of a completion there are `n` for each prompt."""
    return request.choices * max(1, count(request, "prompt") if request.endpoint == "completions" else 1)


def count(request: Request, member: str) -> int:
    """How many texts this member holds: a list may be of texts, of lists of tokens, or the tokens of one text."""
    given = _read(request, member)
    return len(given) if isinstance(given, list) and not (given and isinstance(given[0], int)) else 1


def _wrong_content(request: Request, said: Said, reason: str) -> Outcome | None:
    if said.calls:
        return _wrong_calls(request, said.calls, cut=reason == "length")
    if reason == "length":
        return None
    if reason == "tool_calls":
        return invalid("finish_reason is tool_calls, but there is no call")
    if said.function_arguments is not None:
        return (
            None if _is_object(said.function_arguments) else invalid("the function's arguments are not a JSON object")
        )
    if reason == "stop" and said.text and int(request.need) & _JSON_SCHEMA and not _is_json(said.text):
        return invalid("the answer is not the JSON that was asked for")
    return None


def _wrong_calls(request: Request, calls: tuple[tuple[str, str, Any], ...], *, cut: bool) -> Outcome | None:
    for id_, name, arguments in calls:
        wrong = wrong_tool(request, id_, name)
        if wrong or not (cut or _is_object(arguments)):
            return wrong or invalid("the arguments of a tool call are not a JSON object")
    return None


def _offered(request: Request) -> frozenset[str]:
    """The names of the request's tools, of either type."""
    tools = _read(request, "tools")
    tools = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    described = [tool.get("function") or tool.get(str(tool.get("type"))) for tool in tools]
    return frozenset(str(one.get("name")) for one in described if isinstance(one, dict))


def _read(request: Request, member: str) -> Any:
    """None where it holds what only some parsers take, such as a number beyond all bounds: the vendor's to refuse."""
    try:
        return orjson.loads(bytes(request.members.get(member, b"null")))
    except orjson.JSONDecodeError:
        return None


def _stops_at_once(request: Request) -> bool:
    """An answer can begin with a stop sequence of the client's."""
    stop = request.members.get("stop")
    return stop is not None and bytes(stop) not in (b"null", b"[]", b'""')


def _is_object(arguments: Any) -> bool:
    """None or "" is a call without arguments."""
    if arguments is None or arguments == "":
        return True
    try:
        return isinstance(orjson.loads(arguments), dict)
    except (orjson.JSONDecodeError, TypeError):
        return False


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
