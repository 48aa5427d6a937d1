"""A simulated vendor: how one call to a deployment will go, decided when it begins."""

import heapq
import math
from random import Random
from typing import NamedTuple

from gateway.core.actions import Done, Event, Failed, FirstToken, Send
from gateway.core.fault import CALM, Blow, Conditions, Exposure
from gateway.core.limits import TokenBucket
from gateway.core.model import Deployment
from gateway.core.outcome import Kind, Outcome, Usage
from gateway.simulator.luck import Luck
from gateway.simulator.traffic import Request
from gateway.simulator.world import Profile

REFUSED_AFTER = 0.05  # seconds until a closed port, or a 4xx at the door, has answered
ERROR_AFTER = 0.25  # seconds until an overloaded or broken service has said so

FIRST_TOKEN = FirstToken()
AT_THE_DOOR = frozenset(
    {Kind.UNREACHABLE, Kind.RATE_LIMITED, Kind.UNAUTHORIZED, Kind.FORBIDDEN, Kind.NO_CREDIT, Kind.MODEL_GONE}
)
SAYING_WHEN = frozenset({Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.NO_CREDIT})  # of others it is not read
STATUS = {
    Kind.UNREACHABLE: 0,
    Kind.TIMEOUT: 0,
    Kind.SERVER_ERROR: 500,
    Kind.OVERLOADED: 503,
    Kind.RATE_LIMITED: 429,
    Kind.UNAUTHORIZED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NO_CREDIT: 429,
    Kind.MODEL_GONE: 404,
    Kind.BAD_REQUEST: 400,
}
SIMULATED = "simulated"
BAD_LUCK = Blow(Kind.SERVER_ERROR, None)  # on a quiet day


class Plan(NamedTuple):
    """What will happen at `at`, and then, for a stream that begins, at `ends`. `said`: output tokens by then.

    `price` is the factor of a price fault, `poor`: a good answer only by its form.
    """

    at: float
    event: Event
    ends: float = 0.0
    end: Event | None = None
    said: int = 0
    price: float = 1.0
    poor: bool = False


class Vendor:
    """One deployment of the simulated world, with its quota, its capacity and its bad days."""

    def __init__(self, deployment: Deployment, profile: Profile, exposure: Exposure, rng: Random) -> None:
        self._profile = profile
        self._first_sigma = profile.first_token.sigma
        self._speed_sigma = profile.speed.sigma
        self._exposure = exposure
        self._rng = rng
        self._own_quota = profile.rpm is not None or profile.tpm is not None
        self._bounded = self._own_quota or profile.concurrency is not None
        rpm, tpm = profile.rpm or deployment.limits.rpm, profile.tpm or deployment.limits.tpm
        self._requests = TokenBucket(rpm) if rpm else None
        self._tokens = TokenBucket(tpm) if tpm else None
        self._ends: list[float] = []  # of the calls under way, where the number of them is bounded

    def call(self, send: Send, request: Request, said: int, luck: Luck, now: float) -> Plan:
        """How a call that begins now will go. `said`: tokens of an interrupted answer that need not be said again."""
        conditions = self._exposure.at(now)
        if send.first_token_by > send.finish_by:  # a total timeout that is shorter than that of the first token
            send = send._replace(first_token_by=send.finish_by)
        if self._bounded or conditions is not CALM:
            refusal = self._refusal(request, conditions, now)
            if refusal is not None:
                return Plan(now + REFUSED_AFTER, Failed(refusal), price=conditions.price)
        blow = self._strike(conditions, luck.strikes)
        if blow is None:
            plan = self._answer(send, request, said, luck, conditions, now)
        else:
            plan = self._fail(blow, send, request, said, luck, conditions, now)
        if self._profile.concurrency is not None:
            heapq.heappush(self._ends, plan.ends or plan.at)
        return plan

    def _strike(self, conditions: Conditions, chance: float) -> Blow | None:
        errors = self._profile.errors
        if chance < errors:
            return BAD_LUCK
        if conditions is CALM:
            return None
        return conditions.strike((chance - errors) / (1.0 - errors))

    # -- good calls --------------------------------------------------------------------------------------------

    def _pace(self, request: Request, said: int, luck: Luck, conditions: Conditions) -> tuple[float, float, int]:
        """Seconds to the first token and from there to the end; the tokens that are still to be said."""
        profile = self._profile
        slower = conditions.slower
        if profile.headroom is not None:
            slower *= min(conditions.load, profile.headroom)
        first = profile.first_token.median * math.exp(self._first_sigma * luck.first) * slower
        if conditions.delays:
            first += conditions.delay(luck.delay)
        tokens = max(0, request.output_tokens - said)
        speed = profile.speed.median * math.exp(self._speed_sigma * luck.flow)
        return first, tokens / speed * slower, tokens

    def _answer(self, send: Send, request: Request, said: int, luck: Luck, conditions: Conditions, now: float) -> Plan:
        first, flow, tokens = self._pace(request, said, luck, conditions)
        ends = now + first + flow
        poor = luck.poor < conditions.poor
        usage = Usage(request.input_tokens, tokens)
        if not request.stream:
            if ends > send.finish_by:
                return Plan(send.finish_by, Failed(_timeout()), price=conditions.price)
            return Plan(ends, Done(usage), said=tokens, price=conditions.price, poor=poor)
        begins = now + first
        if begins > send.first_token_by:
            return Plan(send.first_token_by, Failed(_timeout()), price=conditions.price)
        if ends > send.finish_by:
            said_by_then = int(tokens * (send.finish_by - begins) / flow)
            cut_off = Failed(_timeout(), Usage(request.input_tokens, said_by_then))
            return Plan(begins, FIRST_TOKEN, send.finish_by, cut_off, said_by_then, conditions.price)
        return Plan(begins, FIRST_TOKEN, ends, Done(usage), tokens, conditions.price, poor)

    # -- bad ones ----------------------------------------------------------------------------------------------

    def _fail(
        self, blow: Blow, send: Send, request: Request, said: int, luck: Luck, conditions: Conditions, now: float
    ) -> Plan:
        kind, price = blow.kind, conditions.price
        if kind in (Kind.STALLED, Kind.CUT):
            return self._break_off(kind, send, request, said, luck, conditions, now)
        at = now + (REFUSED_AFTER if kind in AT_THE_DOOR else ERROR_AFTER)
        if kind is Kind.TIMEOUT or at > send.first_token_by:
            return Plan(send.first_token_by, Failed(_timeout()), price=price)
        retry_after = blow.retry_after if kind in SAYING_WHEN else None
        outcome = Outcome(kind, SIMULATED, STATUS.get(kind, 200), retry_after)
        return Plan(at, Failed(outcome), price=price)

    def _break_off(
        self, kind: Kind, send: Send, request: Request, said: int, luck: Luck, conditions: Conditions, now: float
    ) -> Plan:
        """In the midst of the answer: a stream then has begun, a plain reply has not been seen yet."""
        first, flow, tokens = self._pace(request, said, luck, conditions)
        begins, breaks = now + first, now + first + flow * luck.place
        if breaks > send.finish_by:  # we hang up before
            return self._answer(send, request, said, luck, conditions, now)
        noticed = breaks + (send.stall if kind is Kind.STALLED else 0.0)
        spoken = int(tokens * luck.place)
        outcome = Outcome(kind, SIMULATED, 200)
        if not request.stream:
            if noticed >= send.finish_by:
                return Plan(send.finish_by, Failed(_timeout()), price=conditions.price)
            return Plan(noticed, Failed(outcome), price=conditions.price)
        if begins > send.first_token_by:
            return Plan(send.first_token_by, Failed(_timeout()), price=conditions.price)
        if noticed >= send.finish_by:
            outcome, noticed = _timeout(), send.finish_by
        broken = Failed(outcome, Usage(request.input_tokens, spoken))
        return Plan(begins, FIRST_TOKEN, noticed, broken, spoken, conditions.price)

    # -- quota and capacity ------------------------------------------------------------------------------------

    def _refusal(self, request: Request, conditions: Conditions, now: float) -> Outcome | None:
        if self._profile.concurrency is not None and self._under_way(now) >= self._profile.concurrency:
            return Outcome(Kind.OVERLOADED, "the vendor's capacity is used up", 503)
        headroom = self._profile.headroom
        if headroom is not None and conditions.load > headroom and self._rng.random() >= headroom / conditions.load:
            return Outcome(Kind.OVERLOADED, "the vendor sheds load that others displaced", 503)
        # What the config says of our quota, the gateway itself keeps to: only another one must be watched here.
        if self._own_quota or conditions.quota != 1.0:
            return self._over_quota(request, conditions.quota, now)
        return None

    def _over_quota(self, request: Request, quota: float, now: float) -> Outcome | None:
        if quota <= 0.0:
            return Outcome(Kind.RATE_LIMITED, "the vendor grants no quota", 429)
        # A shrunken quota charges more, so that what is left of the minute stays as it is.
        calls, tokens = 1 / quota, (request.input_tokens + request.output_tokens) / quota
        wait = max(
            self._requests.wait(calls, now) if self._requests else 0.0,
            self._tokens.wait(tokens, now) if self._tokens else 0.0,
        )
        if wait:
            return Outcome(Kind.RATE_LIMITED, "the vendor's quota is used up", 429, wait)
        if self._requests:
            self._requests.take(calls, now)
        if self._tokens:
            self._tokens.take(tokens, now)
        return None

    def _under_way(self, now: float) -> int:
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        return len(self._ends)


def _timeout() -> Outcome:
    return Outcome(Kind.TIMEOUT, "no answer in time")
