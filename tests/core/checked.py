"""A request's state machine under a magnifying glass: each action is held against the contract."""

from collections.abc import Iterator

from gateway.core.actions import Action, Ask, ClientGone, Commit, Event, Failed, Finish, Send, Wait
from gateway.core.breaker import Phase
from gateway.core.failover import Failover
from gateway.core.health import HealthTable
from gateway.core.model import Deployment
from gateway.core.outcome import RULES, Kind


class Checked:
    def __init__(self, machine: Failover, health: HealthTable, number: int) -> None:
        self.machine = machine
        self.health = health
        self.number = number
        self.action: Action | None = None
        self.sends: list[Send] = []
        self.committed = False
        self.last_failure: Kind | None = None
        self._room: int | None = None
        self._deadline = 0.0

    @property
    def ask(self) -> Ask:
        return self.machine.ask

    @property
    def calling(self) -> Send | None:
        """The call that is under way."""
        return None if self.over or isinstance(self.action, Wait) or not self.sends else self.sends[-1]

    @property
    def over(self) -> bool:
        return isinstance(self.action, Finish)

    def start(self, now: float) -> None:
        self._deadline = now + min(self.ask.deadline, self.ask.route.deadline)
        self._take(self.machine.start(now), now)
        if not isinstance(self.action, Send) and now < self._deadline:
            assert not list(self._healthy(now)), "a healthy deployment was not asked"

    def receive(self, event: Event, now: float) -> None:
        call, committed = self.calling, self.committed
        self._take(self.machine.receive(event, now), now)
        match event:
            case Failed() if call:
                self._after_failure(call, committed, now)
            case ClientGone():
                assert self.over

    # -- what an action may be ---------------------------------------------------------------------------------------

    def _take(self, action: Action, now: float) -> None:
        self.action = action
        match action:
            case Send():
                self._sent(action, now)
            case Wait(until):
                assert now < until <= self._deadline
            case Commit():
                assert self.ask.stream
                self.committed = True
            case Finish(outcome):
                assert len(self.machine.attempts) == len(self.sends), "each call is told of"
                assert outcome.kind is not Kind.OK or self.machine.attempts[-1].outcome == "ok"

    def _sent(self, send: Send, now: float) -> None:
        ask, one = self.ask, send.deployment
        assert len(self.sends) < ask.route.attempts
        assert all(now <= by <= self._deadline for by in (send.connect_by, send.first_token_by, send.finish_by))
        assert ask.allow.refusal(one) is None
        assert ask.need in one.can
        assert one in ask.route.deployments
        assert (send.mode == "fresh") == (not self.committed)
        if self.committed:
            assert ask.route.on_interrupt == "continue"
            assert ask.resumable
        if self._room is not None:
            assert one.context is not None
            assert one.context > self._room
        own = send.permit.health.breaker
        assert send.permit.forced or own.phase is not Phase.OPEN
        assert not (send.permit.forced and own.lasting)
        self.sends.append(send)

    def _after_failure(self, call: Send, committed: bool, now: float) -> None:
        kind = Kind(self.machine.attempts[-1].outcome)
        self.last_failure = kind
        following = self.action if isinstance(self.action, Send) else None
        again = following is not None and following.deployment.id == call.deployment.id
        if kind is Kind.BAD_REQUEST:
            if call.mode == "fresh":
                assert self.over, "a bad request goes nowhere else"
                assert self._finish().outcome.kind is Kind.BAD_REQUEST
            if call.mode == "prefill" and following and again:
                assert following.mode == "instruct"
        elif kind is Kind.REFUSED:
            assert self.over or (self.ask.route.on_refusal == "fallback" and not committed)
        elif kind is Kind.TOO_LONG:
            self._room = call.deployment.context
            assert self.over or self._room is not None
        assert not (again and kind in (Kind.REFUSED, Kind.TOO_LONG))
        if self.committed and self.over:
            assert self._finish().outcome.kind is not Kind.BAD_REQUEST or call.mode == "fresh"
        self._must_fall_back(kind, committed, now)

    def _must_fall_back(self, kind: Kind, committed: bool, now: float) -> None:
        """A healthy untried second source is asked at once, whatever the retry budget says."""
        may = {
            Kind.BAD_REQUEST: False,
            Kind.TOO_LONG: self._room is not None,
            Kind.REFUSED: self.ask.route.on_refusal == "fallback",
        }.get(kind, RULES[kind].fall_back)
        left = len(self.sends) < self.ask.route.attempts and now < self._deadline
        if may and left and not committed and not isinstance(self.action, Send):
            assert not list(self._healthy(now)), "a healthy second source was not asked"

    def _healthy(self, now: float) -> Iterator[Deployment]:
        called = {send.deployment.id for send in self.sends}
        for one in self.ask.route.deployments:
            if one.id in called or self.ask.allow.refusal(one) or self.ask.need not in one.can:
                continue
            if self._room is not None and (one.context is None or one.context <= self._room):
                continue
            health = self.health.of(one)
            suspected = any(domain in self.health.rollup.suspects for domain in one.domains)
            if not suspected and health.breaker.phase is Phase.CLOSED and not health.unavailable(now, self.ask.tokens):
                yield one

    def _finish(self) -> Finish:
        assert isinstance(self.action, Finish)
        return self.action
