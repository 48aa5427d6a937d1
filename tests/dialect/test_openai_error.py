from typing import Any

import orjson
import pytest

from gateway.core.outcome import Kind
from gateway.dialect.openai_error import (
    classify,
    classify_event,
    error_body,
    error_event,
    is_error,
    is_openai_error,
    message_of,
)


def body(message: str = "", type_: str | None = None, code: Any = None, param: str | None = None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}})


HTML = b"<html><body>502 Bad Gateway</body></html>"
CASES: list[tuple[int, bytes, Kind]] = [
    # the vendor's own failures
    (500, body("The server had an error", "server_error"), Kind.SERVER_ERROR),
    (502, HTML, Kind.SERVER_ERROR),
    (530, b"", Kind.SERVER_ERROR),
    (503, body("Our servers are overloaded.", "service_unavailable_error", "server_is_overloaded"), Kind.OVERLOADED),
    (500, body("Overloaded", "overloaded_error"), Kind.OVERLOADED),
    (529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', Kind.OVERLOADED),
    (504, body("timed out", "timeout_error"), Kind.TIMEOUT),
    (408, b'{"message": "Model timeout"}', Kind.TIMEOUT),
    (424, b'{"message": "The model failed"}', Kind.SERVER_ERROR),
    (409, b"", Kind.SERVER_ERROR),
    # 429 in its four meanings
    (429, body("Rate limit reached.", "requests", "rate_limit_exceeded"), Kind.RATE_LIMITED),
    (429, b'{"status":"come back later"}', Kind.RATE_LIMITED),
    (429, HTML, Kind.RATE_LIMITED),
    (429, body("The service is in high demand", "too_many_requests", "429"), Kind.OVERLOADED),
    (429, body("You exceeded your current quota, please check your plan and billing.", "x"), Kind.NO_CREDIT),
    (429, body("", "insufficient_quota", "insufficient_quota"), Kind.NO_CREDIT),
    (429, body("", "insufficient_quota", "organization_spend_limit_exceeded"), Kind.NO_CREDIT),
    (429, body("", None, "credit_balance_exhausted"), Kind.NO_CREDIT),
    (429, body("", None, "billing_not_active"), Kind.NO_CREDIT),
    (429, body("Requests a day are used up", None, "quota_exceeded"), Kind.NO_CREDIT),
    (429, b'{"error":{"message":"m","details":{"error_code":"enforced_spend_limit"}}}', Kind.NO_CREDIT),
    (429, b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m"}}]', Kind.RATE_LIMITED),
    # credit and access
    (402, b"", Kind.NO_CREDIT),
    (400, body("Your credit balance is too low to access the API.", "invalid_request_error"), Kind.NO_CREDIT),
    (401, body("Incorrect API key provided.", None, "invalid_api_key"), Kind.UNAUTHORIZED),
    (401, HTML, Kind.UNAUTHORIZED),
    (400, body("API key not valid. Please pass a valid API key."), Kind.UNAUTHORIZED),
    (400, b'{"error":{"message":"m","details":[{"reason":"API_KEY_INVALID"}]}}', Kind.UNAUTHORIZED),
    (
        400,
        b'{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xx"}',
        Kind.UNAUTHORIZED,
    ),
    (400, body("k", "invalid_request_error", "cmek_key_disabled"), Kind.FORBIDDEN),
    (400, b'{"type":"error","error":{"message":"This organization has been disabled."}}', Kind.FORBIDDEN),
    (400, body("invalid model ID", "invalid_request_error", None, "model"), Kind.MODEL_GONE),
    (400, body("Overloaded", "overloaded_error"), Kind.OVERLOADED),
    (400, body("The word overloaded is not a valid value", "invalid_request_error"), Kind.BAD_REQUEST),
    (403, HTML, Kind.MALFORMED),
    (415, body("unsupported media type"), Kind.MALFORMED),
    (403, body("not allowed"), Kind.FORBIDDEN),
    (403, body("", None, "organization_on_hold"), Kind.FORBIDDEN),
    (400, b'{"error":{"message":"User location is not supported","status":"FAILED_PRECONDITION"}}', Kind.FORBIDDEN),
    (451, b"", Kind.FORBIDDEN),
    # the model
    (404, body("The model `m` does not exist", None, "model_not_found"), Kind.MODEL_GONE),
    (404, b'{"error":{"code":"DeploymentNotFound","message":"m"}}', Kind.MODEL_GONE),
    (404, HTML, Kind.MODEL_GONE),
    (400, body("The model `m` has been decommissioned", None, "model_decommissioned"), Kind.MODEL_GONE),
    (400, body("The model `m-1` has been deprecated, see the list."), Kind.MODEL_GONE),
    (410, b"", Kind.MODEL_GONE),
    # the client's own
    (400, body("Invalid request."), Kind.BAD_REQUEST),
    (422, b'{"detail":[{"loc":["body"],"msg":"field required"}]}', Kind.BAD_REQUEST),
    (400, body("maximum context length is 8192 tokens", None, "context_length_exceeded", "messages"), Kind.TOO_LONG),
    (400, body("prompt is too long: 210000 tokens > 200000"), Kind.TOO_LONG),
    (413, body("Request too large"), Kind.TOO_LONG),
    (400, body("rejected by our safety system", None, "content_policy_violation"), Kind.REFUSED),
    (400, b'{"error":{"code":"content_filter","message":"ResponsibleAIPolicyViolation"}}', Kind.REFUSED),
    (404, body("No such File object: file-1", "invalid_request_error", None, "id"), Kind.BAD_REQUEST),
    # not the API that answered
    (400, HTML, Kind.MALFORMED),
    (413, HTML, Kind.MALFORMED),
    (421, b"", Kind.MALFORMED),
    (302, b"", Kind.MALFORMED),
    (204, b"", Kind.MALFORMED),
    (206, b"{}", Kind.MALFORMED),
]


@pytest.mark.parametrize(("status", "answer", "kind"), CASES)
def test_what_an_answer_means(status: int, answer: bytes, kind: Kind) -> None:
    outcome = classify(status, {}, answer)
    assert outcome.kind is kind
    assert outcome.status == status
    assert outcome.detail


@pytest.mark.parametrize(
    "message",
    [
        "Unknown parameter: 'insufficient_quota'.",
        "Unrecognized request argument supplied: credit balance is too low",
        "The parameter 'functions' has been deprecated, use 'tools'.",
        "Invalid value: 'incorrect api key'. Supported values are: 'auto'.",
        "Invalid tool name: 'billing_report'",
        "Unsupported value: country, region, or territory",
    ],
)
def test_a_clients_words_in_the_vendors_message_close_nothing(message: str) -> None:
    assert classify(400, {}, body(message)).kind is Kind.BAD_REQUEST


@pytest.mark.parametrize("code", ["unknown_parameter", "spend_limit_report"])
def test_what_is_said_of_a_parameter_closes_nothing(code: str) -> None:
    assert classify(400, {}, body("Unknown parameter.", None, code, "metadata.x")).kind is Kind.BAD_REQUEST


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7", "retry-after-ms": "x"}, 7.0),
        ({"retry-after": "Mon, 23 Nov 2026 06:00:30 GMT", "date": "Mon, 23 Nov 2026 06:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 05:00:00 GMT", "date": "Mon, 23 Nov 2026 06:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 06:00:30 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 06:00:30", "date": "Mon, 23 Nov 2026 06:00:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert classify(429, headers, body("slow down")).retry_after == seconds


def test_retry_after_is_for_those_that_may_come_back() -> None:
    assert classify(401, {"retry-after": "7"}, body("no")).retry_after is None
    assert classify(503, {"retry-after": "7"}, body("later")).retry_after == 7


def test_an_error_body_is_kept_and_a_page_is_not() -> None:
    assert classify(400, {}, body("bad")).body == body("bad")
    assert classify(400, {}, HTML).body == b""


def test_the_record_keeps_a_code_and_never_the_words_of_a_vendor() -> None:
    said = "Your prompt 'my secret plan' is not allowed"
    assert classify(400, {}, body(said, "invalid_request_error")).detail == "invalid_request_error"
    assert classify(400, {}, body(said, None, said)).detail == "HTTP 400"
    assert message_of(body(said)) == said
    assert message_of(b'{"detail":[{"msg":"field required"}]}') == '[{"msg":"field required"}]'


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"error": {"message": "m", "type": "server_error", "code": "server_error"}}, Kind.SERVER_ERROR),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Kind.OVERLOADED),
        ({"error": {"message": "m", "code": 429}}, Kind.RATE_LIMITED),
        ({"error": {"message": "m", "code": 503}}, Kind.OVERLOADED),
        ({"error": {"message": "m", "type": "rate_limit_error"}}, Kind.RATE_LIMITED),
        ({"error": {"message": "m", "type": "timeout_error"}}, Kind.TIMEOUT),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, Kind.BAD_REQUEST),
        ({"error": {"message": "m", "code": "insufficient_quota"}}, Kind.NO_CREDIT),
        ({"error": {"message": "m", "type": "authentication_error"}}, Kind.UNAUTHORIZED),
        ({"error": {"message": "m", "code": "context_length_exceeded"}}, Kind.TOO_LONG),
        ({"error": {"message": "m", "code": "content_filter"}}, Kind.REFUSED),
        ({"error": "something broke"}, Kind.SERVER_ERROR),
        ({"error": {}}, Kind.SERVER_ERROR),
        ({"error": None, "message": "m"}, Kind.SERVER_ERROR),
    ],
)
def test_what_an_error_event_means(error: dict[str, Any], kind: Kind) -> None:
    assert classify_event(error).kind is kind


def test_our_own_error_is_in_the_dialect() -> None:
    written = error_body("m", "server_error", None, "vendor_failed")
    assert is_openai_error(written)
    assert is_error(orjson.loads(written))
    assert error_event("m", "server_error", None, "vendor_failed") == b"data: " + written + b"\n\n"


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"error": "text"}', b'{"error": {}}', b'{"message": "m"}'])
def test_what_is_not_an_openai_error(answer: bytes) -> None:
    assert not is_openai_error(answer)


@pytest.mark.parametrize("depth", [200, 300, 900])
def test_an_error_nested_without_end_is_an_error_like_any_other(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    for member in (b"message", b"detail", b"error"):
        answer = b'{"%b":%b}' % (member, nested)
        assert classify(422, {}, answer).kind is Kind.BAD_REQUEST
        assert classify(500, {}, answer).kind is Kind.SERVER_ERROR
        assert isinstance(message_of(answer), str)
