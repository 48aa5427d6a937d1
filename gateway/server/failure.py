"""From what became of a request to what its app is told."""

from collections.abc import Sequence

from gateway.core.decision import Attempt, Rejected
from gateway.core.outcome import Kind, Outcome
from gateway.dialect.openai_error import is_openai_error, message_of
from gateway.errors import GatewayError

_STATUS: dict[Kind, int] = {
    Kind.BAD_REQUEST: 400,
    Kind.TOO_LONG: 400,
    Kind.REFUSED: 400,
    Kind.RATE_LIMITED: 429,
    Kind.OVERLOADED: 503,
    Kind.NO_CANDIDATE: 503,
    Kind.TIMEOUT: 504,
    Kind.DEADLINE: 504,
    Kind.STALLED: 504,
}
_CODE: dict[Kind, str] = {
    Kind.BAD_REQUEST: "invalid_request",
    Kind.TOO_LONG: "context_length_exceeded",
    Kind.REFUSED: "content_policy_violation",
    Kind.RATE_LIMITED: "rate_limit_exceeded",
    Kind.OVERLOADED: "vendor_overloaded",
    Kind.NO_CANDIDATE: "no_deployment_available",
    Kind.TIMEOUT: "vendor_timeout",
    Kind.DEADLINE: "deadline_exceeded",
    Kind.STALLED: "vendor_timeout",
}
_CLIENTS_OWN = (Kind.BAD_REQUEST, Kind.TOO_LONG, Kind.REFUSED)


def to_error(outcome: Outcome, attempts: Sequence[Attempt], rejected: Sequence[Rejected]) -> GatewayError:
    """The error for a request that ended with `outcome`. Vendors' own words only where the fault is the client's."""
    if outcome.kind in _CLIENTS_OWN:
        body = outcome.body if is_openai_error(outcome.body) else b""
        status = outcome.status if 400 <= outcome.status < 500 else 400
        message = message_of(outcome.body) or "The vendor refused the request."
        return GatewayError(status, _CODE[outcome.kind], message, body=body)
    status = _STATUS.get(outcome.kind, 502)
    return GatewayError(
        status, _CODE.get(outcome.kind, "vendor_failed"), _story(attempts, rejected), retry_after=outcome.retry_after
    )


def interrupted(outcome: Outcome, attempts: Sequence[Attempt]) -> GatewayError:
    """For the error event of a stream that had begun."""
    return GatewayError(502, "stream_interrupted", f"The answer was interrupted. {_story(attempts, ())}")


def _story(attempts: Sequence[Attempt], rejected: Sequence[Rejected]) -> str:
    tried = "; ".join(
        f"{attempt.deployment}: {attempt.outcome}" + (f" (HTTP {attempt.status})" if attempt.status else "")
        for attempt in attempts
    )
    passed = "; ".join(f"{item.deployment}: {item.reason}" for item in rejected)
    parts = [f"Tried {tried}." if tried else "No deployment was called.", f"Not called: {passed}." if passed else ""]
    return " ".join(part for part in parts if part)
