"""The breaker against a model of it that is too simple to be wrong: lists of what happened, counted anew each time."""

from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.core.breaker import JITTER, LASTING_OPEN, Breaker, Permit, Phase, Transition
from gateway.core.model import BreakerSettings
from gateway.core.outcome import Signal
from gateway.core.window import BUCKETS

from .build import REPEATABLE

SETTINGS = st.builds(
    BreakerSettings,
    consecutive=st.integers(1, 6),
    failure_share=st.sampled_from([0.2, 0.5, 1.0]),
    slow_share=st.sampled_from([0.5, 0.8]),
    minimum_calls=st.integers(1, 10),
    window=st.just(60.0),
    open=st.sampled_from([1.0, 5.0]),
    open_max=st.sampled_from([20.0, 300.0]),
    half_open_probes=st.integers(1, 3),
    close_after=st.integers(1, 4),
    ramp=st.sampled_from([0.0, 10.0]),
)


@dataclass
class Model:
    phase: Phase = Phase.CLOSED
    trips: int = 0
    calls: list[tuple[float, bool, bool | None]] = field(default_factory=list)  # since it closed: when, failed, slow
    run: int = 0
    good: int = 0
    leases: dict[int, float] = field(default_factory=dict)  # of the probes out, by the id of their permit
    counted: set[int] = field(default_factory=set)
    begun: dict[int, int] = field(default_factory=dict)  # the run at the first token, by the id of the permit
    trouble_since: float | None = None
    ramp_from: float | None = None

    def ramping(self, now: float, settings: BreakerSettings) -> bool:
        return self.ramp_from is not None and now < self.ramp_from + settings.ramp

    def period(self, now: float, settings: BreakerSettings) -> float:
        age = 0.0 if self.trouble_since is None else now - self.trouble_since
        return min(max(settings.open, age / 5), settings.open_max)

    def must_trip(self, now: float, settings: BreakerSettings) -> bool:
        epoch = int(now / (settings.window / BUCKETS))
        recent = [call for call in self.calls if int(call[0] / (settings.window / BUCKETS)) > epoch - BUCKETS]
        timed = [slow for _, _, slow in recent if slow is not None]
        enough = len(recent) >= settings.minimum_calls
        return (
            self.run >= settings.consecutive
            or (enough and sum(call[1] for call in recent) >= settings.failure_share * len(recent))
            or (len(timed) >= settings.minimum_calls and sum(timed) >= settings.slow_share * len(timed))
        )


class BreakerMachine(RuleBasedStateMachine):
    @initialize(settings=SETTINGS, now=st.sampled_from([0.0, 1e6]))
    def begin(self, settings: BreakerSettings, now: float) -> None:
        self.settings, self.now = settings, now
        self.transitions: list[Transition] = []
        self.breaker = Breaker("d", settings, Random(1), self.transitions.append)
        self.model = Model()
        self.out: list[tuple[Permit, int, bool]] = []  # permit, trips when it was handed out, whether it is a probe
        self.back: list[tuple[Permit, int]] = []

    # -- what can happen -------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 4.0, 7.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def until_it_may_probe(self) -> None:
        self.now = max(self.now, self.breaker.open_until)

    @rule()
    def admit(self) -> None:
        expected = self._refused()
        permit = self.breaker.admit(self.now)
        assert (permit is None) == expected
        if permit is None:
            return
        probe = self.model.phase is not Phase.CLOSED
        if self.model.phase is Phase.OPEN:
            self.model.phase, self.model.good, self.model.leases = Phase.HALF_OPEN, 0, {}
        if probe:
            self.model.leases[id(permit)] = self.now + self.model.period(self.now, self.settings)
        self.out.append((permit, self.model.trips, probe))

    @rule()
    def force(self) -> None:
        self.out.append((self.breaker.force(), self.model.trips, False))

    @precondition(lambda self: self.out)
    @rule(choice=st.integers(0, 99), slow=st.booleans())
    def first_token(self, choice: int, slow: bool) -> None:
        permit, trips, probe = self.out[choice % len(self.out)]
        self.breaker.first_token(permit, self.now, slow=slow)
        if probe and trips == self.model.trips and self.model.phase is Phase.HALF_OPEN:
            self._probed(permit, Signal.SUCCESS, slow)
        elif trips == self.model.trips and self.model.phase is Phase.CLOSED and id(permit) not in self.model.begun:
            self.model.begun[id(permit)], self.model.run = self.model.run, 0

    @precondition(lambda self: self.out)
    @rule(
        choice=st.integers(0, 99),
        signal=st.sampled_from([Signal.SUCCESS, Signal.FAILURE, Signal.FAILURE, *Signal]),
        slow=st.sampled_from([None, False, True, True]),
        hold=st.sampled_from([0.0, 0.0, 30.0, 1000.0]),
    )
    def settle(self, choice: int, signal: Signal, slow: bool | None, hold: float) -> None:
        permit, trips, probe = self.out.pop(choice % len(self.out))
        self.breaker.settle(permit, signal, self.now, slow=slow, hold=hold)
        self.back.append((permit, trips))
        if trips != self.model.trips:
            return
        self.model.leases.pop(id(permit), None)
        if signal is Signal.TRIP:
            self._trip(hold, lasting=True)
        elif self.model.phase is Phase.CLOSED:
            self._count(permit, signal, slow, hold)
        elif self.model.phase is Phase.HALF_OPEN and probe:
            self._probed(permit, signal, slow, hold)
        elif self.model.phase is Phase.HALF_OPEN and signal is Signal.FAILURE:
            self._trip(hold)

    @precondition(lambda self: self.back)
    @rule(choice=st.integers(0, 99))
    def accuse(self, choice: int) -> None:
        permit, trips = self.back[choice % len(self.back)]
        self.breaker.accuse(permit, self.now, "accused")
        if trips == self.model.trips and self.model.phase is Phase.CLOSED:
            self._count(permit, Signal.FAILURE, None, 0.0)
        elif trips == self.model.trips and self.model.phase is Phase.HALF_OPEN:
            self._trip(0.0)

    @rule()
    def trip(self) -> None:
        self.breaker.trip(self.now, "by hand")
        self._trip(0.0)

    @rule()
    def reset(self) -> None:
        self.breaker.reset(self.now, "by hand")
        self._closed(ramp=False)

    @rule(probes=st.integers(1, 3), ramp=st.sampled_from([0.0, 5.0, 20.0]), consecutive=st.integers(1, 6))
    def reload(self, probes: int, ramp: float, consecutive: int) -> None:
        self.settings = replace(self.settings, half_open_probes=probes, ramp=ramp, consecutive=consecutive)
        self.breaker.configure(self.settings)

    # -- what the model makes of it --------------------------------------------------------------------------------

    def _count(self, permit: Permit, signal: Signal, slow: bool | None, hold: float) -> None:
        if signal not in (Signal.SUCCESS, Signal.FAILURE) and not slow:
            return
        failed = signal is Signal.FAILURE
        self.model.calls.append((self.now, failed, slow))
        begun = self.model.begun.get(id(permit))
        if failed:
            self.model.run = max(self.model.run, begun or 0) + 1
        elif signal is Signal.SUCCESS and begun is None:
            self.model.run = 0
        if (failed or slow) and self.model.must_trip(self.now, self.settings):
            self._trip(hold)

    def _probed(self, permit: Permit, signal: Signal, slow: bool | None, hold: float = 0.0) -> None:
        if id(permit) in self.model.counted:
            if signal is Signal.FAILURE:
                self._trip(hold)
            return
        self.model.leases.pop(id(permit), None)
        if slow or signal is Signal.FAILURE:
            self._trip(hold)
        elif signal is Signal.SUCCESS:
            self.model.counted.add(id(permit))
            self.model.good += 1
            if self.model.good >= self.settings.close_after:
                self._closed(ramp=True)

    def _trip(self, hold: float, lasting: bool = False) -> None:
        model, settings = self.model, self.settings
        fresh = model.phase is Phase.CLOSED and not model.ramping(self.now, settings)
        if model.trouble_since is None or fresh:
            model.trouble_since = self.now
        least = max(model.period(self.now, settings), LASTING_OPEN if lasting else 0.0)
        assert self.breaker.open_until >= self.now + max(least, min(hold, settings.open_max)) - 1e-6
        model.phase, model.calls, model.run = Phase.OPEN, [], 0
        model.trips += 1

    def _closed(self, *, ramp: bool) -> None:
        self.model.phase, self.model.calls, self.model.run = Phase.CLOSED, [], 0
        self.model.ramp_from = self.now if ramp else None

    def _refused(self) -> bool:
        if self.model.phase is Phase.HALF_OPEN:
            leased = sum(self.now < lease for lease in self.model.leases.values())
            return leased >= self.settings.half_open_probes
        return self.model.phase is Phase.OPEN and self.now < self.breaker.open_until

    # -- what must hold at all times -------------------------------------------------------------------------------

    @invariant()
    def the_breaker_is_as_the_model_says(self) -> None:
        assert self.breaker.phase is self.model.phase
        assert (self.breaker.refusal(self.now) is not None) == self._refused()
        ramping = self.model.phase is Phase.CLOSED and self.model.ramping(self.now, self.settings)
        assert (self.breaker.ramp_share(self.now) < 1.0) == ramping

    @invariant()
    def it_never_stays_open_longer_than_any_bound(self) -> None:
        longest = JITTER * max(self.settings.open_max, LASTING_OPEN)
        assert self.breaker.open_until <= self.now + longest

    @invariant()
    def its_transitions_are_a_path(self) -> None:
        phases = [Phase.CLOSED, *(transition.after for transition in self.transitions)]
        assert [transition.before for transition in self.transitions] == phases[:-1]
        assert self.breaker.phase is phases[-1]


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = REPEATABLE
