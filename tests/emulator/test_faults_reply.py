"""Faults in place of any reply, proven on the bytes, for plain and streamed requests alike."""

import pytest

from gateway.emulator.fault import Fault
from gateway.emulator.faults_reply import REPLACING
from gateway.emulator.server import EmulatedVendor

from .raw import PATIENCE, QUIET, Raw, ask, chat

# kind -> status, type, code, retry-after
ERRORS = {
    "internal_error": (500, "server_error", None, None),
    "overloaded": (503, "service_unavailable_error", "server_is_overloaded", None),
    "overloaded_529": (529, "overloaded_error", None, None),
    "high_demand": (429, "too_many_requests", "429", None),
    "provider_timeout": (504, "timeout_error", "timeout", None),
    "model_warming": (429, "model_not_ready", "model_not_ready", None),
    "model_error": (424, "model_error", "model_error", None),
    "rate_limit_requests": (429, "requests", "rate_limit_exceeded", "1"),
    "slow_down": (429, "requests", "slow_down", "1"),
    "rate_limit_tokens": (429, "tokens", "rate_limit_exceeded", "1"),
    "daily_quota": (429, "requests", "quota_exceeded", "21600"),
    "insufficient_quota": (429, "insufficient_quota", "insufficient_quota", None),
    "credit_balance_exhausted": (429, "insufficient_quota", "credit_balance_exhausted", None),
    "project_spend_limit_exceeded": (429, "insufficient_quota", "project_spend_limit_exceeded", None),
    "organization_spend_limit_exceeded": (429, "insufficient_quota", "organization_spend_limit_exceeded", None),
    "billing_not_active": (429, "insufficient_quota", "billing_not_active", None),
    "ramp_limit": (429, "requests", "ramp_limit_exceeded", "10"),
    "shared_pool_squeeze": (429, "tokens", "rate_limit_exceeded", "60"),
    "long_retry_after": (429, "requests", "rate_limit_exceeded", "21600"),
    "invalid_api_key": (401, "invalid_request_error", "invalid_api_key", None),
    "auth_outage": (401, "invalid_request_error", "invalid_api_key", None),
    "permission_denied": (403, "permission_error", "model_not_enabled", None),
    "region_blocked": (403, "request_forbidden", "unsupported_country_region_territory", None),
    "organization_disabled": (403, "permission_error", "organization_on_hold", None),
    "key_store_unreachable": (403, "permission_error", "cmek_key_unreachable", None),
    "model_retired": (404, "invalid_request_error", "model_not_found", None),
    "model_withdrawn": (404, "invalid_request_error", "model_not_found", None),
    "provider_400": (400, "invalid_request_error", None, None),
    "unsupported_parameter": (400, "invalid_request_error", "unsupported_parameter", None),
}


def _blackhole(raw: Raw) -> None:
    assert (raw.data, raw.ended) == (b"", "open")


def _reset_before_headers(raw: Raw) -> None:
    assert (raw.data, raw.ended) == (b"", "reset")


def _close_before_headers(raw: Raw) -> None:
    assert (raw.data, raw.ended) == (b"", "eof")


def _edge_html(raw: Raw) -> None:
    assert raw.status == 502
    assert raw.head["content-type"].startswith("text/html")
    assert raw.body.startswith(b"<html>")
    assert "x-request-id" not in raw.head


def _edge_json(raw: Raw) -> None:
    assert raw.status == 502
    assert raw.error["code"] == "cf_bad_gateway"
    assert "x-request-id" not in raw.head


def _edge_bare(raw: Raw) -> None:
    assert (raw.status, raw.body) == (530, b"")


def _html_200(raw: Raw) -> None:
    assert raw.status == 200
    assert raw.head["content-type"].startswith("text/html")


def _foreign_429(raw: Raw) -> None:
    assert (raw.status, raw.json) == (429, {"status": "come back later"})


def _error_200(raw: Raw) -> None:
    assert (raw.status, raw.error["type"]) == (200, "server_error")


def _empty_body(raw: Raw) -> None:
    assert (raw.status, raw.body, raw.whole) == (200, b"", True)


CHECKS = {
    "blackhole": _blackhole,
    "reset_before_headers": _reset_before_headers,
    "close_before_headers": _close_before_headers,
    "edge_html": _edge_html,
    "edge_json": _edge_json,
    "edge_bare": _edge_bare,
    "html_200": _html_200,
    "foreign_429": _foreign_429,
    "error_200": _error_200,
    "empty_body": _empty_body,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", CHECKS)
async def test_each_replacement_on_the_wire(vendor: EmulatedVendor, kind: str, stream: bool) -> None:
    vendor.faults.add(Fault(kind))
    quiet = QUIET if kind == "blackhole" else PATIENCE
    CHECKS[kind](await ask(vendor.port, chat(stream=stream), quiet=quiet))
    assert vendor.seen[-1].fault == kind


@pytest.mark.parametrize("kind", ERRORS)
async def test_each_error_on_the_wire(vendor: EmulatedVendor, kind: str) -> None:
    status, type_, code, retry_after = ERRORS[kind]
    vendor.faults.add(Fault(kind))
    raw = await ask(vendor.port, chat(stream=True))
    assert (raw.status, raw.error["type"], raw.error["code"]) == (status, type_, code)
    assert raw.head.get("retry-after") == retry_after
    assert raw.head["x-request-id"].startswith("req_")
    assert raw.whole
    assert raw.ended == "eof"
    assert vendor.seen[-1].finished == "fault"


def test_every_replacement_is_proven() -> None:
    assert {*CHECKS, *ERRORS} == REPLACING


async def test_limit_headers_say_which_limit_was_met(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("R1", count=1))
    vendor.faults.add(Fault("R2", count=1))
    vendor.faults.add(Fault("R6", count=1))
    heads = [(await ask(vendor.port, chat())).head for _ in range(4)]
    assert [head["x-ratelimit-remaining-requests"] for head in heads] == ["0", "9999", "9999", "9999"]
    assert [head["x-ratelimit-remaining-tokens"] for head in heads] == ["1999000", "0", "0", "1999000"]
    assert [head["x-ratelimit-limit-tokens"] for head in heads] == ["2000000", "2000000", "50000", "2000000"]


async def test_a_fault_may_choose_status_message_and_wait(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("provider_timeout", status=408, message="no {model} in time", retry_after=0.25))
    raw = await ask(vendor.port, chat())
    assert (raw.status, raw.error["message"]) == (408, "no m in time")
    assert (raw.head["retry-after"], raw.head["retry-after-ms"]) == ("1", "250")


async def test_an_edge_may_be_unavailable(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("edge_json", status=503))
    raw = await ask(vendor.port, chat())
    assert (raw.status, raw.error["code"]) == (503, "cf_service_unavailable")
