"""What became of one attempt, as a value.

Three columns decide everything that follows: may the same deployment be asked again, may another one, and what
does it say about health? The table below is the only place where they are written down. Status alone misleads
(a 429 that means "no credit" is not one that means "slow down"), so the dialects classify by body as well and
hand over one of these kinds.
"""

from dataclasses import dataclass
from enum import Enum, auto

from gateway.core.model import DomainKind


class Signal(Enum):
    """What an outcome tells the breaker."""

    SUCCESS = auto()
    FAILURE = auto()
    THROTTLE = auto()  # slow down: no new work for a while, but not a failure
    TRIP = auto()  # certain and lasting (credit, credentials, model gone): stay away at once
    NEUTRAL = auto()  # says nothing about the vendor


class Kind(Enum):
    OK = "ok"
    UNREACHABLE = "unreachable"  # no connection, or reset before the first byte
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"  # connect, first token or total
    STALLED = "stalled"  # silence inside a reply
    CUT = "cut"  # the reply ended before it was whole
    MALFORMED = "malformed"  # answered, but not in the dialect: HTML, empty, broken JSON, damaged tool call
    RATE_LIMITED = "rate_limited"
    NO_CREDIT = "no_credit"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"  # region, terms, organisation on hold
    MODEL_GONE = "model_gone"
    REJECTING = "rejecting"  # refuses what it accepted a while ago: a bad-request wave that is the vendor's own
    INVALID_OUTPUT = "invalid_output"  # whole, but not what the request's schema asked for
    BAD_REQUEST = "bad_request"
    TOO_LONG = "too_long"
    REFUSED = "refused"  # content policy
    DEADLINE = "deadline"  # the caller's own deadline was too short
    CLIENT_GONE = "client_gone"
    ABANDONED = "abandoned"  # the gateway stopped, or failed itself, before there was an end
    NO_CANDIDATE = "no_candidate"  # nothing was called: no deployment is allowed, able and available


@dataclass(frozen=True, slots=True)
class Rule:
    """`retry_same`: ask the same deployment again (within the budget). `fall_back`: ask another one.

    `rolls_up`: the kinds of domain that two such failures side by side put under suspicion.
    """

    retry_same: bool
    fall_back: bool
    signal: Signal
    rolls_up: tuple[DomainKind, ...] = ()


_SERVICE: tuple[DomainKind, ...] = ("vendor", "maker")

RULES: dict[Kind, Rule] = {
    Kind.OK: Rule(False, False, Signal.SUCCESS),
    Kind.UNREACHABLE: Rule(True, True, Signal.FAILURE, ("vendor", "edge", "region")),
    Kind.SERVER_ERROR: Rule(True, True, Signal.FAILURE, _SERVICE),
    Kind.OVERLOADED: Rule(True, True, Signal.FAILURE, _SERVICE),
    Kind.TIMEOUT: Rule(False, True, Signal.FAILURE, _SERVICE),
    Kind.STALLED: Rule(True, True, Signal.FAILURE, _SERVICE),
    Kind.CUT: Rule(True, True, Signal.FAILURE, _SERVICE),
    Kind.MALFORMED: Rule(True, True, Signal.FAILURE, _SERVICE),
    Kind.RATE_LIMITED: Rule(True, True, Signal.THROTTLE),
    Kind.NO_CREDIT: Rule(False, True, Signal.TRIP, ("account",)),
    Kind.UNAUTHORIZED: Rule(False, True, Signal.TRIP, ("account", "vendor")),
    Kind.FORBIDDEN: Rule(False, True, Signal.TRIP, ("account",)),
    Kind.MODEL_GONE: Rule(False, True, Signal.TRIP, ("model",)),
    Kind.REJECTING: Rule(False, True, Signal.NEUTRAL, _SERVICE),  # counted when proven; core/rejections.py says how
    Kind.INVALID_OUTPUT: Rule(True, True, Signal.SUCCESS),
    Kind.BAD_REQUEST: Rule(False, False, Signal.NEUTRAL),
    Kind.TOO_LONG: Rule(False, True, Signal.NEUTRAL),  # only to a larger context; core/failover.py sees to it
    Kind.REFUSED: Rule(False, True, Signal.NEUTRAL),  # only where the route says so; core/failover.py sees to it
    Kind.DEADLINE: Rule(False, True, Signal.NEUTRAL),
    Kind.CLIENT_GONE: Rule(False, False, Signal.NEUTRAL),
    Kind.ABANDONED: Rule(False, False, Signal.NEUTRAL),
    Kind.NO_CANDIDATE: Rule(False, False, Signal.NEUTRAL),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` is the vendor's HTTP status (0: none came); `retry_after` its wish in seconds.

    `body` is the vendor's own error body, kept so that a client's error is passed on in the vendor's words.
    """

    kind: Kind
    detail: str = ""
    status: int = 0
    retry_after: float | None = None
    body: bytes = b""

    @property
    def rule(self) -> Rule:
        return RULES[self.kind]


OK = Outcome(Kind.OK)
CLIENT_GONE = Outcome(Kind.CLIENT_GONE, "the client closed the connection")
ABANDONED = Outcome(Kind.ABANDONED, "the gateway gave up")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. `estimated` when the vendor did not say and we counted events."""

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.estimated or other.estimated,
        )


NO_USAGE = Usage()
