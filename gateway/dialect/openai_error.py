"""OpenAI's error bodies: reading a vendor's (what does it mean?) and writing ours.

Status alone misleads, so body and status are read together. Facts from the vendors' error references and from
incidents in which the two disagreed: 429 for "no credit", 400 for a wrong key, HTML from an edge under any status.
"""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from gateway.core.outcome import Kind, Outcome

DETAIL_LIMIT = 300

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
_WRONG_KEY = ("invalid_api_key", "api_key_invalid", "incorrect api key", "authentication_error", "api key not valid")
_GONE = ("model_not_found", "has been deprecated", "has been retired", "deploymentnotfound")
_TOO_LONG = (
    "context_length_exceeded",
    "maximum context length",
    "context window",
    "prompt is too long",
    "too many tokens",
)
_REFUSED = ("content_policy", "content_filter", "content policy", "responsibleaipolicy", "content management policy")
_BLOCKED = ("unsupported_country", "country, region, or territory", "organization_on_hold", "failed_precondition")
_CAPACITY = ("server_is_overloaded", "overloaded", "high demand", "engine is currently", "at capacity")

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
    words = _words(error) if error is not None else ""
    kind = _kind(status, words, body)
    detail = str(error.get("message", "")) if error else ""
    return Outcome(
        kind,
        (detail or f"HTTP {status}")[:DETAIL_LIMIT],
        status,
        _retry_after(headers) if kind in (Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.NO_CREDIT) else None,
        body if error is not None else b"",
    )


def classify_event(payload: dict[str, Any]) -> Outcome:
    """What an error event inside a 200 stream means."""
    error = payload.get("error", payload)
    error = error if isinstance(error, dict) else {"message": str(error)}
    words = _words(error)
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 0
    kind = _kind(status or 500, words, b"{")
    if not status:
        kind = next((kind for word, kind in _BY_TYPE if word in words), kind)
    return Outcome(kind, str(error.get("message", "error event in the stream"))[:DETAIL_LIMIT], 200)


def error_body(message: str, type_: str, param: str | None, code: str | None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}})


def error_event(message: str, type_: str, param: str | None, code: str | None) -> bytes:
    """The typed end of a stream that could not be finished. No [DONE] follows."""
    return b"data: " + error_body(message, type_, param, code) + b"\n\n"


def is_error(body: dict[str, Any]) -> bool:
    """A 200 that carries an error instead of an answer."""
    return bool(body.get("error")) or (body.get("object") == "error") or (body.get("type") == "error")


def is_openai_error(body: bytes) -> bool:
    """Can it be passed on as it is: an object whose `error` is an object with a message?"""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str)


def _kind(status: int, words: str, body: bytes) -> Kind:
    if 300 <= status < 400:
        return Kind.MALFORMED
    if status >= 500:
        return Kind.OVERLOADED if _any(_CAPACITY, words) else _BY_STATUS.get(status, Kind.SERVER_ERROR)
    if status != 402 and _any(_NO_CREDIT, words):
        return Kind.NO_CREDIT
    if status == 429:
        return Kind.OVERLOADED if _any(_CAPACITY, words) else Kind.RATE_LIMITED
    if status in (400, 403, 404, 413, 422):
        return _client_error(status, words, body)
    return _BY_STATUS.get(status, Kind.BAD_REQUEST)


def _client_error(status: int, words: str, body: bytes) -> Kind:
    if not body.lstrip().startswith((b"{", b"[", b'"')) and status in (400, 413, 422):
        return Kind.MALFORMED  # an edge answered, not the API
    for marks, kind in (
        (_WRONG_KEY, Kind.UNAUTHORIZED),
        (_BLOCKED, Kind.FORBIDDEN),
        (_REFUSED, Kind.REFUSED),
        (_TOO_LONG, Kind.TOO_LONG),
        (_GONE, Kind.MODEL_GONE),
    ):
        if _any(marks, words):
            return kind
    return _BY_STATUS.get(status, Kind.BAD_REQUEST)


def _any(marks: tuple[str, ...], words: str) -> bool:
    return any(mark in words for mark in marks)


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
    return error if isinstance(error, dict) else {"message": str(error)}


def _words(error: dict[str, Any]) -> str:
    parts = [error.get(name) for name in ("code", "type", "status", "message", "detail")]
    inner = error.get("details")
    if isinstance(inner, dict):
        parts.append(inner.get("error_code"))
    elif isinstance(inner, list):
        parts.extend(item.get("reason") for item in inner if isinstance(item, dict))
    return " ".join(str(part) for part in parts if part).lower()


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
