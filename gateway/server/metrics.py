"""What is measured, for Prometheus. One registry a process: each worker has its own admin port and is its own target.

Labels come from the config (deployments, routes, workflows) and from closed lists, never from what a client sends.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from gateway.core.breaker import Phase, Transition
from gateway.core.decision import Attempt, Decision

LATENCY = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120)
PHASE_VALUE = {Phase.CLOSED: 0, Phase.HALF_OPEN: 1, Phase.OPEN: 2}
PREFIX = "secondsource"

M = TypeVar("M", bound=MetricWrapperBase)


class Family(Generic[M]):
    """A metric with labels, whose children are looked up once: `labels()` costs more than counting does."""

    __slots__ = ("_children", "_metric")

    def __init__(self, metric: M) -> None:
        self._metric = metric
        self._children: dict[tuple[str, ...], M] = {}

    def of(self, *labels: str) -> M:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child

    def clear(self) -> None:
        self._children.clear()
        self._metric.clear()


class Tally(Collector):
    """A counter with labels that counts in a plain dict and is rendered when it is scraped.

    A request moves seven counters on one event loop: prometheus_client's own take a lock and three checks for each.
    """

    def __init__(self, name: str, what: str, *labels: str) -> None:
        self._named = (f"{PREFIX}_{name}", what, labels)
        self._counts: defaultdict[tuple[str, ...], float] = defaultdict(float)
        if not labels:
            self._counts[()] = 0.0  # a counter that never moved is 0, not missing

    def add(self, *labels: str, amount: float = 1.0) -> None:
        self._counts[labels] += amount

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._named[0], self._named[1], labels=self._named[2])
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Tally:
            tally = Tally(name, what, *labels)
            registry.register(tally)
            return tally

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"{PREFIX}_{name}", what, labels, registry=registry)

        def histogram(name: str, what: str, *labels: str) -> Histogram:
            return Histogram(f"{PREFIX}_{name}", what, labels, registry=registry, buckets=LATENCY)

        self._requests = counter("requests", "Requests by end.", "route", "workflow", "stream", "outcome")
        self._attempts = counter("attempts", "Calls to vendors.", "deployment", "vendor", "outcome")
        self._fallbacks = counter("fallbacks", "Answers by another than the first choice.", "route", "deployment")
        self._continued = counter("stream_continuations", "Streams continued elsewhere.", "route")
        self._endings = counter("stream_endings", "How streams ended.", "route", "ending")
        self._tokens = counter("tokens", "Tokens by direction.", "deployment", "direction")
        self._cost = counter("cost_usd", "Spend, failed attempts included.", "deployment", "workflow")
        self._transitions = counter("breaker_transitions", "Changes of breakers.", "subject", "to")
        self._first_token = Family(histogram("first_token_seconds", "First token of streams.", "deployment"))
        self._took = Family(histogram("request_seconds", "Whole requests.", "route", "stream"))
        self._breaker = Family(gauge("breaker_state", "0 closed, 1 half-open, 2 open.", "subject"))
        self._revision = Family(gauge("config_info", "The active revision.", "revision"))
        self.shed = counter("shed", "Requests refused at the concurrency bound.")
        self.refused = counter("refused", "Requests refused before routing.", "code")
        self.in_flight = gauge("in_flight", "Requests under way.")
        self.reloads = counter("config_reloads", "Configs put into service.")
        self.reload_failures = counter("config_reload_failures", "Configs refused.")
        self.config_current = gauge("config_current", "1 while the config on disk is the one that serves.")
        self.log_lost = gauge("log_lost", "Log lines that could not be written.")
        self.ledger_waiting = gauge("ledger_waiting", "Decisions not yet written.")
        self.ledger_degraded = gauge("ledger_degraded", "1 while the ledger cannot be written.")
        self.ledger_written = gauge("ledger_written", "Decisions written since the start.")
        self.ledger_spooled = gauge("ledger_spooled", "Decisions in the spool.")
        self.ledger_lost = gauge("ledger_lost", "Decisions lost since the start.")

    def decision(self, decision: Decision) -> None:
        stream = "true" if decision.stream else "false"
        self._requests.add(decision.route, decision.workflow, stream, decision.outcome)
        self._took.of(decision.route, stream).observe(decision.took)
        if decision.fallback and decision.served_by:
            self._fallbacks.add(decision.route, decision.served_by)
        if decision.stream_ending:
            self._endings.add(decision.route, decision.stream_ending)
        for attempt in decision.attempts:
            self._attempt(attempt, decision)

    def transition(self, transition: Transition) -> None:
        self._breaker.of(transition.subject).set(PHASE_VALUE[transition.after])
        self._transitions.add(transition.subject, transition.after.value)

    def revision(self, revision: str) -> None:
        self._revision.clear()
        self._revision.of(revision).set(1)

    def _attempt(self, attempt: Attempt, decision: Decision) -> None:
        self._attempts.add(attempt.deployment, attempt.vendor, attempt.outcome)
        if attempt.continuation:
            self._continued.add(decision.route)
        if attempt.first_token is not None:
            self._first_token.of(attempt.deployment).observe(attempt.first_token)
        if attempt.input_tokens or attempt.output_tokens:
            self._tokens.add(attempt.deployment, "input", amount=attempt.input_tokens)
            self._tokens.add(attempt.deployment, "output", amount=attempt.output_tokens)
        if attempt.usd:
            self._cost.add(attempt.deployment, decision.workflow, amount=attempt.usd)
