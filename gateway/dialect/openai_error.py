"""OpenAI's error bodies: reading a vendor's (what does it mean?) and writing ours.

Status alone misleads, so body and status are read together. Facts from the vendors' error references and from
incidents in which the two disagreed: 429 for "no credit", 400 for a wrong key, HTML from an edge under any status.
"""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import orjson

from gateway.core.outcome import Kind, Outcome

_A_CODE = re.compile(r"[A-Za-z][\w.-]{2,63}")

# Words that no client can put into an error, or that are about its request: looked for anywhere.
_TOO_LONG = (
    "context_length_exceeded",
    "maximum context length",
    "context window",
    "prompt is too long",
    "too many tokens",
)
_REFUSED = ("content_policy", "content_filter", "content policy", "responsibleaipolicy", "content management policy")
_CAPACITY = ("server_is_overloaded", "overloaded", "high demand", "engine is currently", "at capacity")

# What closes a deployment for everybody. Vendors quote the client's words in their messages ("Unknown parameter: ..."),
# so where the client may be at fault a message counts only by how it begins.
_NO_CREDIT = (
    "insufficient_quota",
    "credit_balance",
    "spend_limit",
    "billing_",
    "billing hard limit",
    "plan and billing",
    "exceeded your current quota",
    "credit balance is too low",
    "quota_exceeded",
)
_CLOSED: tuple[tuple[Kind, tuple[str, ...], re.Pattern[str]], ...] = (
    (Kind.NO_CREDIT, _NO_CREDIT, re.compile(r"your credit balance is too low|you exceeded your current quota")),
    (
        Kind.UNAUTHORIZED,
        ("invalid_api_key", "api_key_invalid", "authentication_error"),
        re.compile(r"incorrect api key|invalid api key|api key not valid"),
    ),
    (
        Kind.FORBIDDEN,
        ("unsupported_country", "organization_on_hold", "failed_precondition", "cmek_key"),
        re.compile(r"country, region, or territory|user location is not supported|this organization has been disabled"),
    ),
    (
        Kind.MODEL_GONE,
        ("model_not_found", "model_decommissioned", "deploymentnotfound"),
        re.compile(
            r"the model \S+ (has been (deprecated|retired|decommissioned)|is no longer|does not exist)|invalid model"
        ),
    ),
)

_BY_STATUS: dict[int, Kind] = {
    401: Kind.UNAUTHORIZED,
    402: Kind.NO_CREDIT,
    403: Kind.FORBIDDEN,
    404: Kind.MODEL_GONE,
    405: Kind.MODEL_GONE,
    408: Kind.TIMEOUT,
    409: Kind.SERVER_ERROR,
    410: Kind.MODEL_GONE,
    413: Kind.TOO_LONG,
    415: Kind.MALFORMED,  # we set the content type ourselves
    424: Kind.SERVER_ERROR,
    429: Kind.RATE_LIMITED,
    451: Kind.FORBIDDEN,
    503: Kind.OVERLOADED,
    504: Kind.TIMEOUT,
    529: Kind.OVERLOADED,
}
_BY_TYPE: tuple[tuple[str, Kind], ...] = (
    ("rate_limit", Kind.RATE_LIMITED),
    ("slow_down", Kind.RATE_LIMITED),
    ("timeout", Kind.TIMEOUT),
    ("invalid_request", Kind.BAD_REQUEST),
)


def classify(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """What a vendor's answer other than 200 means. Header names are lower case."""
    error = _error_object(body)
    kind = _kind(status, _read(error or {}), body)
    return Outcome(
        kind,
        _detail(error or {}) or f"HTTP {status}",
        status,
        _retry_after(headers) if kind in (Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.NO_CREDIT) else None,
        body if error is not None else b"",
    )


def classify_event(payload: dict[str, Any]) -> Outcome:
    """What an error event inside a 200 stream means."""
    error = payload.get("error", payload)
    error = error if isinstance(error, dict) else {"message": error if isinstance(error, str) else ""}
    code, said = error.get("code"), _read(error)
    status = code if isinstance(code, int) and 400 <= code < 600 else 0
    kind = _kind(status, said, b"{") if status else _kind_by_words(said)
    return Outcome(kind, _detail(error) or "error event in the stream", 200)


def error_body(message: str, type_: str, param: str | None, code: str | None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}})


def error_event(message: str, type_: str, param: str | None, code: str | None) -> bytes:
    """The typed end of a stream that could not be finished. No [DONE] follows."""
    return b"data: " + error_body(message, type_, param, code) + b"\n\n"


def is_error(body: dict[str, Any]) -> bool:
    """A 200 that carries an error instead of an answer."""
    return bool(body.get("error")) or (body.get("object") == "error") or (body.get("type") == "error")


def message_of(body: bytes) -> str:
    """What a vendor says in an error body of any shape; "" if nothing. It may quote the prompt: not for the record."""
    error = _error_object(body) or {}
    said = error.get("message") or error.get("detail") or ""
    try:
        return said if isinstance(said, str) else orjson.dumps(said).decode()
    except TypeError:  # nested beyond what can be written again
        return ""


def is_openai_error(body: bytes) -> bool:
    """Can it be passed on as it is: an object whose `error` has all of OpenAI's members?"""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or not error.keys() >= {"message", "type", "param", "code"}:
        return False
    return isinstance(error["message"], str)


class _Said(NamedTuple):
    """What an error object says, in lower case. `codes` are from lists of the vendor's, `message` is prose."""

    codes: str
    message: str
    param: str

    def has(self, marks: tuple[str, ...]) -> bool:
        return any(mark in self.codes or mark in self.message for mark in marks)


def _kind(status: int, said: _Said, body: bytes) -> Kind:
    if status < 400:
        return Kind.MALFORMED  # neither an answer nor an error: a redirect, an empty 204
    if status >= 500:
        return Kind.OVERLOADED if said.has(_CAPACITY) else _BY_STATUS.get(status, Kind.SERVER_ERROR)
    if status == 429:
        if said.has(_NO_CREDIT):
            return Kind.NO_CREDIT
        return Kind.OVERLOADED if said.has(_CAPACITY) else Kind.RATE_LIMITED
    if status in (400, 403, 404, 413, 422) or status not in _BY_STATUS:
        return _client_error(status, said, body)
    return _BY_STATUS[status]


def _client_error(status: int, said: _Said, body: bytes) -> Kind:
    if not body.lstrip().startswith((b"{", b"[", b'"')) and status != 404:
        return Kind.MALFORMED  # an edge answered, not the API
    closed = _closed(said)
    if closed and said.param in ("", "model"):
        return closed
    if said.has(_REFUSED):
        return Kind.REFUSED
    if said.has(_TOO_LONG):
        return Kind.TOO_LONG
    if any(mark in said.codes for mark in _CAPACITY):
        return Kind.OVERLOADED
    if status == 404 and said.param not in ("", "model"):
        return Kind.BAD_REQUEST  # it is not the model that was not found, but a file, say
    return _BY_STATUS.get(status, Kind.BAD_REQUEST)


def _closed(said: _Said) -> Kind | None:
    """Does it say that the deployment is closed, for this client and for all others?"""
    for kind, codes, message in _CLOSED:
        if any(code in said.codes for code in codes) or message.match(said.message):
            return kind
    return None


def _kind_by_words(said: _Said) -> Kind:
    """Without a status."""
    known = _closed(said)
    if known:
        return known
    for marks, kind in ((_REFUSED, Kind.REFUSED), (_TOO_LONG, Kind.TOO_LONG), (_CAPACITY, Kind.OVERLOADED)):
        if said.has(marks):
            return kind
    return next((kind for word, kind in _BY_TYPE if word in said.codes), Kind.SERVER_ERROR)


def _error_object(body: bytes) -> dict[str, Any] | None:
    """The innermost object that says what went wrong, in any of the shapes vendors use."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if isinstance(value, list) and value:  # Gemini wraps its error in a list
        value = value[0]
    if not isinstance(value, dict):
        return None
    error = value.get("error", value)
    return error if isinstance(error, dict) else {"message": error if isinstance(error, str) else ""}


def _detail(error: dict[str, Any]) -> str:
    """The vendor's code or type, for the record. Not its message, which may quote what the app has written."""
    words = [error.get(name) for name in ("code", "type", "status")]
    return next((word for word in words if isinstance(word, str) and _A_CODE.fullmatch(word)), "")


def _read(error: dict[str, Any]) -> _Said:
    codes = [error.get(name) for name in ("code", "type", "status")]
    inner = error.get("details")
    if isinstance(inner, dict):
        codes.append(inner.get("error_code"))
    elif isinstance(inner, list):
        codes.extend(item.get("reason") for item in inner if isinstance(item, dict))
    prose = [error.get(name) for name in ("message", "detail")]
    return _Said(_joined(codes), _joined(prose), str(error.get("param") or ""))


def _joined(parts: list[Any]) -> str:
    return " ".join(str(part) for part in parts if isinstance(part, str | int)).lower()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds. `retry-after-ms` beats `retry-after`, which may be seconds or a date (read against `date`)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return None if seconds is None else max(0.0, seconds)
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError):
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None
