"""Many requests at once against one table of health, in any order of events, with reloads in between."""

from dataclasses import replace
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.core.actions import Ask, ClientGone, Done, Failed, FirstToken, Wait, Woke
from gateway.core.breaker import Phase
from gateway.core.failover import Failover
from gateway.core.health import HealthTable
from gateway.core.limits import RetryBudget
from gateway.core.model import Allow, BreakerSettings, Limits, Need, RetryBudgetSettings, Route, Timeouts
from gateway.core.outcome import Kind, Outcome, Usage
from gateway.core.policy import POLICIES

from .build import ALL, REPEATABLE, deployment
from .checked import Checked

STEPS = 200
POOL = tuple(
    deployment(
        f"d{number}",
        f"vendor-{number % 3}",
        maker=f"maker-{number % 2}",
        region=("eu", "us", "")[number % 3],
        account=f"account-{number // 2}",
        can=ALL if number % 3 else Need.STREAM,
        prefill=number % 2 == 0,
        context=(None, 8000, 32000)[number % 3],
        limits=Limits(concurrency=2) if number == 1 else Limits(rpm=20) if number == 2 else Limits(),
        timeouts=Timeouts(connect=1.0, first_token=4.0, stall=5.0, total=30.0),
        weight=1.0 + number,
    )
    for number in range(6)
)
SETTINGS = BreakerSettings(consecutive=2, minimum_calls=4, window=20.0, open=2.0, open_max=20.0, close_after=2)
ROUTES = st.builds(
    Route,
    name=st.just("chat"),
    tiers=st.lists(st.permutations(POOL).map(lambda order: tuple(order[:3])), min_size=1, max_size=3).map(tuple),
    policy=st.sampled_from(sorted(POLICIES)),
    attempts=st.integers(1, 5),
    deadline=st.sampled_from([3.0, 60.0]),
    on_interrupt=st.sampled_from(["fail", "continue"]),
    when_all_open=st.sampled_from(["fail", "try_least_bad"]),
    on_refusal=st.sampled_from(["fail", "fallback"]),
)
ASKS = st.builds(
    Ask,
    route=ROUTES,
    workflow=st.sampled_from(["w1", "w2"]),
    allow=st.sampled_from(
        [Allow(), Allow({"region": frozenset({"eu"})}), Allow({"vendor": frozenset({"vendor-0", "vendor-1"})})]
    ),
    need=st.sampled_from([Need.NONE, Need.STREAM, Need.TOOLS]),
    tokens=st.just(100),
    stream=st.booleans(),
    resumable=st.booleans(),
    deadline=st.sampled_from([0.0, 2.0, 60.0]),
)
FAILURES = st.sampled_from([Kind.SERVER_ERROR, Kind.CUT, *(set(Kind) - {Kind.OK, Kind.NO_CANDIDATE, Kind.CLIENT_GONE})])
OUTCOMES = st.builds(Outcome, kind=FAILURES, retry_after=st.sampled_from([None, None, 1.0, 1000.0]))


class FailoverMachine(RuleBasedStateMachine):
    @initialize(share=st.sampled_from([0.0, 0.5]), floor=st.integers(0, 3), now=st.sampled_from([0.0, 1e6]))
    def begin(self, share: float, floor: int, now: float) -> None:
        self.now = now
        self.health = HealthTable(SETTINGS, Random(1))
        self.budget = RetryBudget(RetryBudgetSettings(share, floor))
        self.rng = Random(2)
        self.requests: list[Checked] = []

    @rule(ask=ASKS)
    def a_request_comes(self, ask: Ask) -> None:
        request = Checked(Failover(ask, self.health, self.budget, self.rng), self.health, len(self.requests))
        self.requests.append(request)
        request.start(self.now)

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 3.0, 10.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(ask=ASKS, kind=FAILURES)
    def an_outage_begins(self, ask: Ask, kind: Kind) -> None:
        """A few requests that all fail in the same way: what trips breakers and domains."""
        for _ in range(4):
            self.a_request_comes(ask)
            request = self.requests[-1]
            while request.calling and len(request.sends) < STEPS:
                request.receive(Failed(Outcome(kind)), self.now)

    @precondition(lambda self: self._calling())
    @rule(choice=st.integers(0, 99), outcome=OUTCOMES)
    def a_call_fails(self, choice: int, outcome: Outcome) -> None:
        request = self._pick(self._calling(), choice)
        assert request.calling
        breaker = request.calling.permit.health.breaker
        before = (breaker.phase, breaker.window.counts(self.now))
        request.receive(Failed(outcome, Usage(10, 5)), self.now)
        if request.last_failure is Kind.BAD_REQUEST:
            assert (breaker.phase, breaker.window.counts(self.now)) == before, "a bad request is not the vendor's fault"

    @precondition(lambda self: self._calling())
    @rule(choice=st.integers(0, 99))
    def a_first_token_comes(self, choice: int) -> None:
        request = self._pick(self._calling(), choice)
        if request.ask.stream:
            request.receive(FirstToken(), self.now)

    @precondition(lambda self: self._calling())
    @rule(choice=st.integers(0, 99))
    def a_reply_is_whole(self, choice: int) -> None:
        request = self._pick(self._calling(), choice)
        request.receive(Done(Usage(10, 5)), self.now)
        assert request.over

    @precondition(lambda self: self._waiting())
    @rule(choice=st.integers(0, 99))
    def a_wait_is_over(self, choice: int) -> None:
        request = self._pick(self._waiting(), choice)
        assert isinstance(request.action, Wait)
        self.now = max(self.now, request.action.until)
        request.receive(Woke(), self.now)

    @precondition(lambda self: self._active())
    @rule(choice=st.integers(0, 99))
    def a_client_leaves(self, choice: int) -> None:
        self._pick(self._active(), choice).receive(ClientGone(), self.now)

    @rule(keep=st.integers(0, 6), probes=st.integers(1, 2), window=st.sampled_from([20.0, 10.0]), rpm=st.integers(1, 9))
    def the_config_is_reloaded(self, keep: int, probes: int, window: float, rpm: int) -> None:
        deployments = [replace(one, limits=Limits(rpm=rpm)) if one.id == "d2" else one for one in POOL[:keep]]
        self.health.adopt(replace(SETTINGS, half_open_probes=probes, window=window), deployments)

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def each_call_holds_one_permit(self) -> None:
        out = [request.calling.permit for request in self._calling() if request.calling]
        assert len({id(permit) for permit in out}) == len(out)
        for health in {id(permit.health): permit.health for permit in out}.values():
            assert health.in_flight == sum(permit.health is health for permit in out)

    @invariant()
    def probes_are_bounded(self) -> None:
        for request in self._calling():
            assert request.calling
            breaker = request.calling.permit.health.breaker
            if breaker.phase is Phase.HALF_OPEN:
                probes = {
                    id(other.calling.permit.own)
                    for other in self._calling()
                    if other.calling
                    and other.calling.permit.health.breaker is breaker
                    and other.calling.permit.own.probe
                    and breaker.current(other.calling.permit.own)
                    and self.now < other.calling.permit.own.lease_until
                }
                assert len(probes) <= 2

    def teardown(self) -> None:
        if not hasattr(self, "requests"):
            return
        for request in self.requests:
            self._to_the_end(request)
        for one in POOL:
            health = self.health.of(one)
            assert health.in_flight == 0
            assert health.breaker.phase is not Phase.HALF_OPEN or health.breaker.refusal(self.now) is None
        for breaker in self.health.rollup.suspects.values():
            assert breaker.phase is not Phase.HALF_OPEN or breaker.refusal(self.now) is None
        for health in {id(send.permit.health): send.permit.health for r in self.requests for send in r.sends}.values():
            assert health.in_flight == 0

    def _to_the_end(self, request: Checked) -> None:
        for _ in range(STEPS):
            if isinstance(request.action, Wait):
                self.now = max(self.now, request.action.until)
                request.receive(Woke(), self.now)
            elif request.calling:
                request.receive(Failed(Outcome(Kind.SERVER_ERROR)), self.now)
        assert request.over

    def _active(self) -> list[Checked]:
        return [request for request in self.requests if not request.over]

    def _calling(self) -> list[Checked]:
        return [request for request in self._active() if request.calling]

    def _waiting(self) -> list[Checked]:
        return [request for request in self._active() if isinstance(request.action, Wait)]

    def _pick(self, requests: list[Checked], choice: int) -> Checked:
        return requests[choice % len(requests)]


TestFailover = FailoverMachine.TestCase
TestFailover.settings = REPEATABLE
