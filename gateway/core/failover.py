"""The state machine of one request: which deployment next, until when, and when to give up.

    start(now) -> Action          receive(event, now) -> Action

The server performs the actions with sockets, the simulator in virtual time; both get the same decisions. What one
request may do is bounded here and nowhere else: by `route.attempts`, by one deadline, by the workflow's constraints
(they filter before any policy, on every attempt) and by the retry budget.

The order of preference, at each step:
    1. a deployment not yet tried, in the order of tiers and policy, that its health admits
    2. one that has just come back and is still ramping up
    3. one that failed in a way that may pass, once more, after a backoff (from the retry budget)
    4. the least bad of those whose breaker is open, where the route allows it (from the retry budget)
    5. waiting a little for one that is cooling down
A fallback to a healthy second source needs no budget: attempts and breakers bound it, and refusing it would fail a
request that had a second source.

Before `Commit` nothing has reached the app, so every failure may be taken elsewhere. After it only an interrupted
stream may go on, as a continuation, where the route says so and the request is one that can be continued.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import itemgetter
from random import Random

from gateway.core.actions import (
    Action,
    Ask,
    ClientGone,
    Commit,
    Done,
    Event,
    Failed,
    Finish,
    FirstToken,
    Mode,
    Send,
    Wait,
    Woke,
)
from gateway.core.decision import Attempt, Rejected
from gateway.core.health import RAMPING, CallPermit, Health, HealthTable
from gateway.core.limits import RetryBudget, backoff
from gateway.core.model import Deployment
from gateway.core.outcome import OK, Kind, Outcome, Usage
from gateway.core.policy import POLICIES

PATIENCE = 10.0
TIMER_SLACK = 0.01  # a timer may fire a moment early
CALLERS_OWN = (Kind.BAD_REQUEST, Kind.TOO_LONG, Kind.REFUSED)


@dataclass(slots=True)
class _Call:
    send: Send
    started: float
    first_token: float | None = None


class Failover:
    def __init__(self, ask: Ask, health: HealthTable, budget: RetryBudget, rng: Random) -> None:
        self.ask = ask
        self.attempts: list[Attempt] = []
        self.committed = False
        self.fell_back = False  # was a better choice passed over, or left after it failed?
        self.served: Deployment | None = None
        self._health = health
        self._budget = budget
        self._rng = rng
        self._began = 0.0
        self._deadline = 0.0
        self._call: _Call | None = None
        self._failed: dict[str, Outcome] = {}  # the last outcome of each deployment tried, by id
        self._refused: dict[str, str] = {}  # why one was not called, by id
        self._candidates = health.candidates.of(ask.route, ask.allow, ask.need)
        self._rejecting: list[tuple[CallPermit, Outcome]] = []
        self._last: Outcome | None = None
        self._interrupted: Outcome | None = None
        self._more_context_than: int | None = None
        self._retry_at: float | None = None
        self._queue: Health | None = None  # where it waits for its turn
        self._finished = False

    # -- the two entrances -------------------------------------------------------------------------------------

    def start(self, now: float) -> Action:
        self._began = now
        self._deadline = now + min(self.ask.deadline, self.ask.route.deadline)
        self._budget.note_request(now)
        return self._next(now)

    def receive(self, event: Event, now: float) -> Action:
        assert not self._finished, "nothing happens after Finish"
        match event:
            case FirstToken():
                return self._first_token(now)
            case Done(usage):
                return self._done(usage, now)
            case Failed(outcome, usage):
                return self._fail(outcome, usage, now)
            case Woke():
                self._leave_queue()
                return self._next(now)
            case ClientGone():
                return self.abandon(event, now)

    def abandon(self, event: ClientGone, now: float) -> Finish:
        """At any time, also before the start: the client has left."""
        self._leave_queue()
        if self._call:
            self._settle(event.outcome, event.usage, now)
        return self._finish(event.outcome)

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """Those that were never called, each with its last reason."""
        called = {attempt.deployment for attempt in self.attempts}
        reasons = {**self._candidates.rejected, **self._refused}
        return tuple(Rejected(id_, reason) for id_, reason in reasons.items() if id_ not in called)

    # -- events ------------------------------------------------------------------------------------------------

    def _first_token(self, now: float) -> Action:
        call = self._call
        assert call is not None
        assert self.ask.stream
        call.first_token = now
        self._health.note_first_token(call.send.permit, now, slow=self._slow(call, now))
        self.committed = True
        self.served = call.send.deployment
        return Commit()

    def _done(self, usage: Usage, now: float) -> Action:
        call = self._call
        assert call is not None
        self.served = call.send.deployment
        self._settle(OK, usage, now)
        for permit, outcome in self._rejecting:
            # The identical request has succeeded elsewhere: the refusal was the vendor's own fault.
            self._health.accuse(permit, outcome, now)
        return self._finish(OK)

    def _fail(self, outcome: Outcome, usage: Usage, now: float) -> Action:
        call = self._call
        assert call is not None
        send, deployment = call.send, call.send.deployment
        outcome = self._reconsider(outcome, call, now)
        self._settle(outcome, usage, now)
        if send.mode == "prefill" and outcome.kind is Kind.BAD_REQUEST:
            self._health.of(deployment).refuses_prefill = True
            self._failed.pop(deployment.id, None)  # it may be asked at once: next time by instruction
            return self._next(now)
        self._failed[deployment.id] = self._last = outcome
        if outcome.kind is Kind.REJECTING:
            self._rejecting.append((send.permit, outcome))
        if self.committed:
            self._interrupted = self._interrupted or outcome
        return self._next(now) if self._may_go_on(outcome, send) else self._finish(self._interrupted or outcome)

    def _reconsider(self, outcome: Outcome, call: _Call, now: float) -> Outcome:
        """What only the history can tell about an outcome."""
        health = call.send.permit.health
        if outcome.kind is Kind.BAD_REQUEST and call.send.mode == "fresh":
            health.rejections.add(self.ask.workflow, True, now)
            if health.rejections.suspicious(now):
                return replace(outcome, kind=Kind.REJECTING)
        if outcome.kind is Kind.TIMEOUT and self._cut_short(call, now):
            return replace(outcome, kind=Kind.DEADLINE)
        return outcome

    def _cut_short(self, call: _Call, now: float) -> bool:
        """Was it the request's deadline, and not the deployment's own timeout, that ended a call like any other?"""
        send, timeouts = call.send, call.send.deployment.timeouts
        if call.first_token is not None:
            return send.finish_by - TIMER_SLACK <= now and send.finish_by < call.started + timeouts.total
        own = timeouts.first_token if self.ask.stream else timeouts.total
        if now < send.first_token_by - TIMER_SLACK or send.first_token_by >= call.started + own:
            return False
        usual = send.permit.health.latency(self.ask.stream)
        return self.ask.deadline < self.ask.route.deadline and (usual is None or now - call.started < usual)

    def _may_go_on(self, outcome: Outcome, send: Send) -> bool:
        """May another deployment be asked, or later the same one?"""
        if not self._may_continue():
            return False
        if outcome.kind is Kind.TOO_LONG:
            self._more_context_than = send.deployment.context
            return send.deployment.context is not None
        if outcome.kind is Kind.REFUSED:
            return self.ask.route.on_refusal == "fallback" and not self.committed
        if outcome.kind is Kind.BAD_REQUEST:
            return send.mode != "fresh"  # the form of a continuation is ours, not the app's
        return outcome.rule.fall_back

    def _may_continue(self) -> bool:
        return not self.committed or (self.ask.route.on_interrupt == "continue" and self.ask.resumable)

    # -- choosing ----------------------------------------------------------------------------------------------

    def _next(self, now: float) -> Action:
        if len(self.attempts) >= self.ask.route.attempts or now >= self._deadline:
            return self._give_up(now)
        return self._fresh(now) or self._ramping(now) or self._again(now) or self._least_bad(now) or self._wait(now)

    def _fresh(self, now: float) -> Action | None:
        order = POLICIES[self.ask.route.policy]
        for tier in self._candidates.tiers:
            for deployment in order(tier, self._health, self.ask.stream, now, self._rng):
                if deployment.id in self._failed or not self._has_room(deployment):
                    continue
                permit = self._health.admit(deployment, now, self.ask.tokens)
                if isinstance(permit, CallPermit):
                    return self._send(permit, now)
                self._refused[deployment.id] = permit
                self.fell_back = True
        return None

    def _ramping(self, now: float) -> Action | None:
        for deployment in self._untried():
            if self._refused.get(deployment.id) is RAMPING:
                permit = self._health.force(deployment, now, self.ask.tokens)
                if isinstance(permit, CallPermit):
                    return self._send(permit, now)
        return None

    def _again(self, now: float) -> Action | None:
        candidates = [d for d in self._candidates.deployments if self._may_pass(d, now)]
        if not candidates or not self._budget.allows(now):
            return None
        if self._retry_at is None:
            self._retry_at = now + backoff(len(self.attempts) - 1, self._rng)
            if self._retry_at < self._deadline:
                return Wait(self._retry_at)
        for deployment in candidates:
            permit = self._health.admit(deployment, now, self.ask.tokens)
            if isinstance(permit, CallPermit):
                self._budget.spend(now)
                return self._send(permit, now)
        return None

    def _may_pass(self, deployment: Deployment, now: float) -> bool:
        """It failed in a way that may pass, and its breaker still lets us ask."""
        outcome = self._failed.get(deployment.id)
        if outcome is None or not outcome.rule.retry_same or not self._has_room(deployment):
            return False
        return self._health.of(deployment).breaker.refusal(now) is None

    def _least_bad(self, now: float) -> Action | None:
        if self.ask.route.when_all_open == "fail" or not self._budget.allows(now):
            return None
        by_recovery = sorted(self._untried(), key=lambda d: self._health.of(d).breaker.open_until)
        for deployment in by_recovery:
            permit = self._health.force(deployment, now, self.ask.tokens)
            if isinstance(permit, CallPermit):
                self._budget.spend(now)
                return self._send(permit, now)
        return None

    def _wait(self, now: float) -> Action:
        first = min(self._available(now), key=itemgetter(0), default=None)
        if first is None or first[0] > min(self._deadline, now + PATIENCE):
            return self._give_up(now)
        until, self._queue = first
        self._queue.queue(self.ask.tokens)
        return Wait(until)

    def _available(self, now: float) -> Iterator[tuple[float, Health]]:
        """Those that only cool down, or are at their rate limit, and when they can be asked."""
        again = [d for d in self._candidates.deployments if self._may_pass(d, now)] if self._budget.allows(now) else []
        for deployment in (*self._untried(), *again):
            health = self._health.of(deployment)
            at = health.available_at(now, self.ask.tokens)
            if now < at and self._health.recovers_at(deployment, now, self.ask.tokens) <= at:
                yield at, health

    def _leave_queue(self) -> None:
        if self._queue is not None:
            self._queue.leave_queue(self.ask.tokens)
            self._queue = None

    def _send(self, permit: CallPermit, now: float) -> Send:
        assert self._call is None, "one call at a time"
        assert self._may_continue(), "after Commit another call only continues"
        self._retry_at = None
        deployment = permit.deployment
        if self._failed and not self.fell_back:
            self.fell_back = any(id_ != deployment.id for id_ in self._failed)
        timeouts = deployment.timeouts
        # Before anything has reached the app, leave half of what remains to whoever comes next.
        share = 0.5 if self._someone_else(deployment) else 1.0
        turn_by = now + (self._deadline - now) * share
        finish_by = min(now + timeouts.total, self._deadline if self.ask.stream else turn_by)
        first_by = min(now + timeouts.first_token, turn_by) if self.ask.stream else finish_by
        connect_by = min(now + timeouts.connect, turn_by)
        send = Send(deployment, permit, connect_by, first_by, finish_by, timeouts.stall, self._mode(permit))
        self._call = _Call(send, now)
        return send

    def _mode(self, permit: CallPermit) -> Mode:
        if not self.committed:
            return "fresh"
        return "prefill" if permit.deployment.prefill and not permit.health.refuses_prefill else "instruct"

    def _someone_else(self, deployment: Deployment) -> bool:
        if self.ask.route.attempts - len(self.attempts) <= 1:
            return False
        for other in self._candidates.deployments:
            if other is not deployment and other.id not in self._failed and self._has_room(other):
                return True
        return False

    def _has_room(self, deployment: Deployment) -> bool:
        if self._more_context_than is None:
            return True
        if deployment.context is not None and deployment.context > self._more_context_than:
            return True
        self._refused[deployment.id] = "no larger context"
        return False

    def _untried(self) -> Iterator[Deployment]:
        return (d for d in self._candidates.deployments if d.id not in self._failed and self._has_room(d))

    # -- ending ------------------------------------------------------------------------------------------------

    def _settle(self, outcome: Outcome, usage: Usage, now: float) -> None:
        call, self._call = self._call, None
        assert call is not None, "a permit is returned once"
        send, deployment = call.send, call.send.deployment
        first = call.first_token
        waited = (first if first is not None else now) - call.started
        self._health.settle(
            send.permit,
            outcome,
            now,
            latency=waited if self.ask.stream else now - call.started,
            stream=self.ask.stream,
            slow=None if outcome.kind in CALLERS_OWN else self._slow(call, now),
            used=usage.input_tokens + usage.output_tokens,
        )
        if outcome.kind is Kind.OK:
            send.permit.health.rejections.add(self.ask.workflow, False, now)
        self.attempts.append(
            Attempt(
                deployment.id,
                deployment.vendor,
                outcome.kind.value,
                outcome.status,
                outcome.detail,
                call.started - self._began,
                None if first is None else first - call.started,
                now - call.started,
                usage.input_tokens,
                usage.output_tokens,
                usage.estimated,
                deployment.price.cost(usage.input_tokens, usage.output_tokens),
                send.mode != "fresh",
            )
        )

    def _slow(self, call: _Call, now: float) -> bool | None:
        """Was the first token late? A plain reply has none to judge by."""
        if not self.ask.stream:
            return None
        waited = (call.first_token if call.first_token is not None else now) - call.started
        return waited > self._health.settings.slow_after * call.send.deployment.timeouts.first_token

    def _give_up(self, now: float) -> Action:
        ended = self._interrupted or self._last
        if ended:
            return self._finish(ended)
        if now >= self._deadline:
            return self._finish(Outcome(Kind.DEADLINE, "the deadline passed before a deployment could be asked"))
        until = self._recovers_at(now)
        reason = "no deployment is allowed, able and available"
        return self._finish(Outcome(Kind.NO_CANDIDATE, reason, retry_after=until and max(0.0, until - now)))

    def _recovers_at(self, now: float) -> float | None:
        return min(
            (self._health.recovers_at(d, now, self.ask.tokens) for d in self._candidates.deployments), default=None
        )

    def _finish(self, outcome: Outcome) -> Finish:
        assert self._call is None, "each permit is returned"
        self._finished = True
        return Finish(outcome, self.served)
