"""Faults that stand in place of any reply: silence, cut connections, edge pages, error bodies."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from gateway.emulator.call import Call
from gateway.emulator.fault import Fault
from gateway.emulator.script import End, Script
from gateway.emulator.wire import HTML, JSON, ApiError, Plain, Tag, edge_script, plain_script

_HOURS_6 = 6 * 3600.0
_PAGE = (
    b"<html>\r\n<head><title>%(title)b</title></head>\r\n<body><h1>%(title)b</h1><hr>cloudflare</body>\r\n</html>\r\n"
)
_SERVER = ApiError(500, "The server had an error while processing your request.", "server_error")
_RATE = ApiError(429, "Rate limit reached.", "requests", code="rate_limit_exceeded")
_CREDIT = ApiError(429, "You exceeded your current quota, please check your plan and billing.", "insufficient_quota")
_KEY = ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
_FORBIDDEN = ApiError(403, "You are not allowed to do this.", "permission_error")
_GONE = ApiError(404, "The model has been deprecated.", code="model_not_found")


def _limits(requests: int, tokens: int, reset: str, limit_tokens: int = 2_000_000) -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-limit-tokens": str(limit_tokens),
        "x-ratelimit-remaining-requests": str(requests),
        "x-ratelimit-remaining-tokens": str(tokens),
        "x-ratelimit-reset-requests": reset,
        "x-ratelimit-reset-tokens": reset,
    }


_FULL = "The service is in high demand and has no capacity left, please try again later."
_RETIRED = "The model `{model}` has been deprecated, learn more in the list of deprecations."
_WITHDRAWN = "The model `{model}` is no longer available."
_PARAMETER = "Unsupported parameter: 'max_tokens' is not supported with this model."

# The error, and its Retry-After in seconds (None: it has none). `{model}` stands for the model that was asked for.
_ERRORS: dict[str, tuple[ApiError, float | None]] = {
    "internal_error": (_SERVER, None),
    "overloaded": (
        ApiError(503, "Our servers are overloaded.", "service_unavailable_error", code="server_is_overloaded"),
        None,
    ),
    "overloaded_529": (ApiError(529, "Overloaded.", "overloaded_error"), None),
    "high_demand": (ApiError(429, _FULL, "too_many_requests", code="429"), None),
    "provider_timeout": (ApiError(504, "The request timed out.", "timeout_error", code="timeout"), None),
    "model_warming": (ApiError(429, "The model is not ready.", "model_not_ready", code="model_not_ready"), None),
    "model_error": (ApiError(424, "The model failed on this request.", "model_error", code="model_error"), None),
    "rate_limit_requests": (replace(_RATE, headers=_limits(0, 1_999_000, "1s")), 1.0),
    "slow_down": (replace(_RATE, message="Slow down.", code="slow_down", headers=_limits(0, 1_999_000, "1s")), 1.0),
    "rate_limit_tokens": (replace(_RATE, type="tokens", headers=_limits(9_999, 0, "1s")), 1.0),
    "daily_quota": (
        replace(_RATE, message="Requests a day are used up.", code="quota_exceeded", headers=_limits(0, 0, "6h0m0s")),
        _HOURS_6,
    ),
    "insufficient_quota": (replace(_CREDIT, code="insufficient_quota"), None),
    "credit_balance_exhausted": (replace(_CREDIT, code="credit_balance_exhausted"), None),
    "project_spend_limit_exceeded": (replace(_CREDIT, code="project_spend_limit_exceeded"), None),
    "organization_spend_limit_exceeded": (replace(_CREDIT, code="organization_spend_limit_exceeded"), None),
    "billing_not_active": (replace(_CREDIT, code="billing_not_active"), None),
    "ramp_limit": (replace(_RATE, message="Traffic grows too fast.", code="ramp_limit_exceeded"), 10.0),
    "shared_pool_squeeze": (replace(_RATE, type="tokens", headers=_limits(9_999, 0, "60s", limit_tokens=50_000)), 60.0),
    "long_retry_after": (replace(_RATE, headers=_limits(0, 0, "6h0m0s")), _HOURS_6),
    "invalid_api_key": (_KEY, None),
    "auth_outage": (_KEY, None),
    "permission_denied": (replace(_FORBIDDEN, message="No access to model `{model}`.", code="model_not_enabled"), None),
    "region_blocked": (
        replace(
            _FORBIDDEN,
            message="Country, region, or territory not supported.",
            type="request_forbidden",
            code="unsupported_country_region_territory",
        ),
        None,
    ),
    "organization_disabled": (replace(_FORBIDDEN, code="organization_on_hold"), None),
    "key_store_unreachable": (replace(_FORBIDDEN, code="cmek_key_unreachable"), None),
    "model_retired": (replace(_GONE, message=_RETIRED), None),
    "model_withdrawn": (replace(_GONE, message=_WITHDRAWN), None),
    "provider_400": (ApiError(400, "Invalid request."), None),
    "unsupported_parameter": (
        ApiError(400, _PARAMETER, param="max_tokens", code="unsupported_parameter"),
        None,
    ),
}


def _error(name: str, fault: Fault, call: Call, tag: Tag) -> Script:
    error, retry_after = _ERRORS[name]
    message = (fault.message or error.message).replace("{model}", call.model)
    after = retry_after if fault.retry_after is None else fault.retry_after
    status = fault.status or error.status
    whole = replace(error, message=message, status=status, headers={**error.headers, **_retry_headers(after)})
    return plain_script(whole.plain(), tag)


def _retry_headers(seconds: float | None) -> Mapping[str, str]:
    """Whole seconds, as the header demands; the fraction in the vendor's own header."""
    if seconds is None:
        return {}
    whole = {"retry-after": str(math.ceil(seconds))}
    return whole if seconds == int(seconds) else {**whole, "retry-after-ms": str(round(seconds * 1000))}


def _edge_html(fault: Fault, _call: Call, _tag: Tag) -> Script:
    status = fault.status or 502
    return edge_script(status, HTML, _PAGE % {b"title": b"%d: Bad gateway" % status})


def _edge_json(fault: Fault, _call: Call, _tag: Tag) -> Script:
    status = fault.status or 502
    code = "cf_service_unavailable" if status == 503 else "cf_bad_gateway"
    return edge_script(status, JSON, ApiError(status, "Bad gateway.", code, code=code).body())


def _edge_bare(fault: Fault, _call: Call, _tag: Tag) -> Script:
    return edge_script(fault.status or 530, "", b"")


def _foreign_429(_fault: Fault, _call: Call, _tag: Tag) -> Script:
    return edge_script(429, JSON, orjson.dumps({"status": "come back later"}))


def _html_200(_fault: Fault, _call: Call, _tag: Tag) -> Script:
    return edge_script(200, HTML, _PAGE % {b"title": b"Scheduled maintenance"})


def _error_200(_fault: Fault, _call: Call, tag: Tag) -> Script:
    return plain_script(Plain(_SERVER.body()), tag)


def _empty_body(_fault: Fault, _call: Call, tag: Tag) -> Script:
    return plain_script(Plain(b""), tag)


Replacement = Callable[[Fault, Call, Tag], Script]

_OTHERS: dict[str, Replacement] = {
    "blackhole": lambda _fault, _call, _tag: (End.HANG,),
    "reset_before_headers": lambda _fault, _call, _tag: (End.RESET,),
    "close_before_headers": lambda _fault, _call, _tag: (End.CLOSE,),
    "edge_html": _edge_html,
    "edge_json": _edge_json,
    "edge_bare": _edge_bare,
    "foreign_429": _foreign_429,
    "html_200": _html_200,
    "error_200": _error_200,
    "empty_body": _empty_body,
}

REPLACING = frozenset({*_OTHERS, *_ERRORS})


def replacement(name: str, fault: Fault, call: Call, tag: Tag) -> Script:
    """The script of the fault of that name, which is in REPLACING."""
    other = _OTHERS.get(name)
    return other(fault, call, tag) if other is not None else _error(name, fault, call, tag)
