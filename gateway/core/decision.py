"""The record of one request: what could have served, what was called, what became of it. No prompt, no answer.

Written once. Not frozen all the same: a frozen dataclass of this size takes twice as long to make, for every request.
"""

from dataclasses import dataclass
from typing import Literal

StreamEnding = Literal["finish", "error_event", "aborted"]


@dataclass(slots=True)
class Attempt:
    """One call. `started` is seconds after the request's start; `first_token` and `took` are seconds, or None/total.

    `usd` is priced by the deployment that was called, also when the call failed after tokens had come.
    """

    deployment: str
    vendor: str
    outcome: str
    status: int
    detail: str
    started: float
    first_token: float | None
    took: float
    input_tokens: int = 0
    output_tokens: int = 0
    usage_estimated: bool = False
    usd: float = 0.0
    continuation: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A deployment that was not called, and why."""

    deployment: str
    reason: str


@dataclass(slots=True)
class Decision:
    """`id` is unique; `request_id` may be the client's own, who may use one twice. `outcome` is what the app saw.

    `at` is Unix time in seconds; durations are seconds.
    `served_by` is the deployment whose answer the app got (the last one, where a stream was continued), or "".
    """

    id: str
    request_id: str
    at: float
    revision: str
    key: str
    workflow: str
    route: str
    endpoint: str
    stream: bool
    outcome: str
    status: int
    served_by: str
    served_vendor: str
    model: str
    fallback: bool
    first_token: float | None
    took: float
    usd: float
    input_tokens: int
    output_tokens: int
    attempts: tuple[Attempt, ...]
    rejected: tuple[Rejected, ...]
    stream_ending: StreamEnding | None = None
    notes: tuple[str, ...] = ()
