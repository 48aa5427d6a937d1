"""One script of requests and of how their calls go, performed by both drivers of the core on virtual time.

Script       when requests come and how each of their calls goes
simulated    by `simulator.run`, its vendors doing as the script says
live         by `server.drive` on an event loop that jumps from timer to timer, over replies in real bytes
Story        what each request's state machine was told and said, and what was written down in the end
"""

import asyncio
import math
import selectors
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Literal, NamedTuple, TypeVar
from unittest.mock import patch

import orjson

from gateway.core.actions import Action, Ask, Event, Failed, Finish, Send, Wait
from gateway.core.breaker import Transition
from gateway.core.decision import Decision
from gateway.core.failover import Failover
from gateway.core.fault import CALM, Blow, Conditions, Exposure
from gateway.core.health import HealthTable
from gateway.core.limits import RetryBudget
from gateway.core.model import ANONYMOUS, Deployment, Need, Snapshot
from gateway.core.outcome import NO_USAGE, Kind, Outcome
from gateway.dialect.openai_request import Request as Parsed
from gateway.dialect.openai_request import parse
from gateway.server import drive
from gateway.server.drive import Call, Exchange, Services
from gateway.server.heartbeat import Heartbeats
from gateway.server.patience import Deadlines, Patience
from gateway.server.reply import Message, Responder
from gateway.simulator import run, vendor
from gateway.simulator.luck import Luck, rng
from gateway.simulator.run import Record
from gateway.simulator.traffic import Request, shape
from gateway.simulator.vendor import AT_THE_DOOR, STATUS, Plan, Vendor
from gateway.simulator.world import Profile, World

SEED = 7
WORDS = 64  # after three interruptions, each half way at most, enough are left to be interrupted again
ERRORS = {Kind.NO_CREDIT: "insufficient_quota", Kind.BAD_REQUEST: "invalid_value"}  # where the status does not say it
NUMBER = "x-number"

T = TypeVar("T")


class Step(NamedTuple):
    """How one call goes. `kind` before the first token, or OK; or, `midway`, after `place` (0..1) of the answer.

    `first` and `flow` are seconds to the first token and from there to the end of a whole answer.
    """

    kind: Kind = Kind.OK
    midway: bool = False
    first: float = 0.5
    flow: float = 0.5
    place: float = 0.5
    retry_after: float | None = None


class Arrival(NamedTuple):
    at: float
    route: str
    stream: bool
    calls: tuple[Step, ...] = ()  # those beyond go well

    def call(self, number: int) -> Step:
        return self.calls[number] if number < len(self.calls) else Step()


class Script(NamedTuple):
    """`refused_after` and `error_after`: seconds until a vendor has said no, or that it is broken."""

    arrivals: tuple[Arrival, ...]
    refused_after: float = 0.05
    error_after: float = 0.25


class Told(NamedTuple):
    """One turn of a state machine: what it was told (None: to start) and what it said. `times` are those of both."""

    event: tuple[object, ...]
    action: tuple[object, ...]
    times: tuple[float, ...]


class Written(NamedTuple):
    """What the ledger, or the simulator's record, holds of a request."""

    kind: str
    served: str
    fell_back: bool
    attempts: int
    streamed: bool
    times: tuple[float, ...]  # the first token's, the end's, and the money


@dataclass
class Story:
    """By request, in the order of arrival."""

    asks: list[Ask] = field(default_factory=list)
    turns: list[list[Told]] = field(default_factory=list)
    written: dict[int, Written] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)

    def moments(self) -> Iterator[tuple[float, int]]:
        """When something happened, and to which request."""
        return ((turn.times[0], number) for number, turns in enumerate(self.turns) for turn in turns)


class Spy(Failover):
    """Writes its own story. In both drivers the n-th to start is the n-th request."""

    def __init__(self, story: Story, ask: Ask, health: HealthTable, budget: RetryBudget, rng: Random) -> None:
        super().__init__(ask, health, budget, rng)
        self._story = story
        self._turns: list[Told] = []

    def start(self, now: float) -> Action:
        self._story.asks.append(self.ask)
        self._story.turns.append(self._turns)
        return self._told((), super().start(now), now)

    def receive(self, event: Event, now: float) -> Action:
        return self._told(_event(event), super().receive(event, now), now)

    def _told(self, event: tuple[object, ...], action: Action, now: float) -> Action:
        said, times = _action(action)
        self._turns.append(Told(event, said, (now, *times)))
        return action


def _event(event: Event) -> tuple[object, ...]:
    name, usage = type(event).__name__, getattr(event, "usage", NO_USAGE)
    spent = (usage.input_tokens, usage.output_tokens)
    return (
        (name, event.outcome.kind, event.outcome.retry_after, *spent) if isinstance(event, Failed) else (name, *spent)
    )


def _action(action: Action) -> tuple[tuple[object, ...], tuple[float, ...]]:
    match action:
        case Send(deployment, permit, connect_by, first_token_by, finish_by, stall, mode):
            named = ("Send", deployment.id, mode, permit.forced, permit.own.probe, stall)
            return named, (connect_by, first_token_by, finish_by)
        case Wait(until):
            return ("Wait",), (until,)
        case Finish(outcome, served):
            return ("Finish", outcome.kind, served and served.id), (outcome.retry_after or 0.0,)
        case _:
            return (type(action).__name__,), ()


# -- the simulator -----------------------------------------------------------------------------------------------------


def simulated(snapshot: Snapshot, script: Script) -> Story:
    story = Story()
    requests = [_request(snapshot, number, arrival) for number, arrival in enumerate(script.arrivals)]
    with (
        patch.object(run, "Failover", partial(Spy, story)),
        patch.object(run, "Vendor", partial(ScriptedVendor, script, Counter())),
        patch.object(vendor, "REFUSED_AFTER", script.refused_after),
        patch.object(vendor, "ERROR_AFTER", script.error_after),
    ):
        course = run.run(snapshot, World(), (), requests, SEED)
    story.transitions = list(course.transitions)
    place = {arrival.at: number for number, arrival in enumerate(script.arrivals)}
    story.written = {place[record.began]: _of_record(record) for record in course.records}
    return story


class ScriptedVendor(Vendor):
    """The simulator's own, but for chance: what befalls a call and how fast it goes is written in the script."""

    def __init__(
        self, script: Script, made: Counter[int], one: Deployment, profile: Profile, exposure: Exposure, rng: Random
    ) -> None:
        super().__init__(one, profile, exposure, rng)
        self._script = script
        self._made = made  # calls, by request; all vendors count together
        self._step = Step()

    def call(self, send: Send, request: Request, said: int, luck: Luck, now: float) -> Plan:
        number = request.number
        step = self._step = self._script.arrivals[number].call(self._made[number])
        self._made[number] += 1
        luck = luck._replace(place=step.place)
        if step.midway:
            return self._break_off(step.kind, send, request, said, luck, CALM, now)
        if step.kind is Kind.OK:
            return self._answer(send, request, said, luck, CALM, now)
        return self._fail(Blow(step.kind, step.retry_after), send, request, said, luck, CALM, now)

    def _pace(self, request: Request, said: int, luck: Luck, conditions: Conditions) -> tuple[float, float, int]:
        words = request.output_tokens - said
        return self._step.first, self._step.flow * words / WORDS, words


def _request(snapshot: Snapshot, number: int, arrival: Arrival) -> Request:
    parsed = _parsed(arrival)
    need, resumable = shape(arrival.stream, Need.NONE)
    route = snapshot.routes[arrival.route]
    tokens = parsed.input_tokens
    return Request(arrival.at, number, ANONYMOUS, route, arrival.stream, tokens, WORDS, need, resumable)


def _of_record(record: Record) -> Written:
    first = record.first_token
    times = (first or 0.0, record.took, record.usd)
    return Written(record.kind.value, record.served, record.fell_back, record.attempts, first is not None, times)


# -- the gateway -------------------------------------------------------------------------------------------------------


class VirtualLoop(asyncio.SelectorEventLoop):
    """Whenever nothing is ready its clock jumps to the next timer."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self.jump))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float | None) -> None:
        assert seconds is not None, "everybody waits and nothing can happen any more"
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    def __init__(self, jump: Callable[[float | None], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            self._jump(timeout)
        return ready


class Punctual(Patience):
    """With a timer of its own for each wait, in the stead of the common tick: a deadline ends to the moment."""

    async def wait(self, awaitable: Awaitable[T], by: float) -> T:
        timer = asyncio.get_running_loop().call_at(by, self.expire) if by < math.inf else None
        try:
            return await super().wait(awaitable, by)
        finally:
            if timer is not None:
                timer.cancel()


def live(snapshot: Snapshot, script: Script, patience: Literal["punctual", "ticking"]) -> Story:
    story = Story()
    with (
        patch.object(drive, "Failover", partial(Spy, story)),
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        runner.run(_Gateway(snapshot, script, story, patience == "punctual").run())
    return story


class _Gateway:
    """As much of it as lies behind the reading of a request."""

    def __init__(self, snapshot: Snapshot, script: Script, story: Story, punctual: bool) -> None:
        self._snapshot = snapshot
        self._script = script
        self._story = story
        self._punctual = punctual

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadlines = Deadlines(loop)
        # The same streams of chance as in the simulator: one for breakers and ramps, one for policies and backoff.
        health = HealthTable(self._snapshot.breaker, rng(SEED, "breakers"), self._story.transitions.append)
        self._services = Services(
            health=health,
            budget=RetryBudget(self._snapshot.retry_budget),
            rng=rng(SEED, "routing"),
            upstream=_Upstream(self._script, loop.time),
            recorder=self,
            heartbeats=Heartbeats(15.0, loop.time),
            clock=loop.time,
            max_reply=1024 * 1024,
        )
        async with asyncio.TaskGroup() as group:
            for number, arrival in enumerate(self._script.arrivals):
                await asyncio.sleep(arrival.at - loop.time())
                group.create_task(self._exchange(number, arrival))

    async def _exchange(self, number: int, arrival: Arrival) -> None:
        task = asyncio.current_task()
        assert task is not None
        patience = Punctual(self._deadlines, task) if self._punctual else self._deadlines.patience()
        parsed = _parsed(arrival)
        route = self._snapshot.routes[arrival.route]
        ask = Ask(
            route,
            ANONYMOUS.id,
            ANONYMOUS.allow,
            parsed.need,
            parsed.tokens,
            parsed.stream,
            parsed.resumable,
            route.deadline,
        )
        call = Call(parsed, ask, str(number), "", "", self._snapshot.revision, {NUMBER: str(number)})
        responder = Responder(_nowhere, "", self._services.clock)
        await Exchange(call, self._services, responder, patience).run(_Connection())
        patience.close()

    def record(self, decision: Decision) -> None:
        self._story.written[int(decision.id)] = _of_decision(decision)


class _Connection:
    on_leave: Callable[[], None] | None = None

    def abort(self) -> None:
        raise AssertionError("this client reads at once whatever it gets")


async def _nowhere(message: Message) -> None:
    """An app that takes everything at once."""


def _of_decision(decision: Decision) -> Written:
    good = decision.outcome == Kind.OK.value
    first = decision.first_token
    return Written(
        decision.outcome,
        decision.served_by if good else "",
        decision.fallback,
        len(decision.attempts),
        first is not None,
        (first or 0.0, decision.took, decision.usd),
    )


# -- vendors that speak in bytes ---------------------------------------------------------------------------------------


def _parsed(arrival: Arrival) -> Parsed:
    messages = [{"role": "user", "content": "Say it."}]
    asked = {"model": arrival.route, "messages": messages, "stream": arrival.stream, "max_tokens": WORDS}
    parsed = parse("chat/completions", orjson.dumps(asked))
    assert isinstance(parsed, Parsed)
    return parsed


class Piece(NamedTuple):
    """What comes at some time: bytes, or the end of the connection."""

    at: float
    data: bytes | Outcome


class _Upstream:
    def __init__(self, script: Script, clock: Callable[[], float]) -> None:
        self._script = script
        self._clock = clock
        self._made: Counter[int] = Counter()

    async def send(self, deployment: Deployment, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
        number, now = int(headers[NUMBER]), self._clock()
        arrival = self._script.arrivals[number]
        step = arrival.call(self._made[number])
        self._made[number] += 1
        if step.kind is not Kind.OK and not step.midway:
            return await self._refuse(step, now)
        said = sum(len(one["content"].split()) for one in orjson.loads(body)["messages"] if one["role"] == "assistant")
        pieces = list(_stream(step, said, now) if arrival.stream else _plain(step, _parsed(arrival).input_tokens, now))
        head = now + step.first / 2 if arrival.stream else pieces[0].at
        await self._until(head)
        return _Reply(200, {}, pieces, self._until)

    async def close(self) -> None:
        """Nothing is open."""

    async def _refuse(self, step: Step, now: float) -> Any:
        if step.kind is Kind.TIMEOUT:
            await asyncio.Event().wait()
        await self._until(now + (self._script.refused_after if step.kind in AT_THE_DOOR else self._script.error_after))
        if step.kind is Kind.UNREACHABLE:
            return Outcome(Kind.UNREACHABLE, "connection refused")
        if step.kind is Kind.MALFORMED:
            return _Reply(200, {}, [Piece(now, b"<html>Bad gateway</html>\n\n")], self._until)
        headers = {} if step.retry_after is None else {"retry-after": str(step.retry_after)}
        error = {"message": "No.", "type": "error", "param": None, "code": ERRORS.get(step.kind)}
        return _Reply(STATUS[step.kind], headers, [Piece(now, orjson.dumps({"error": error}))], self._until)

    async def _until(self, at: float) -> None:
        await asyncio.sleep(at - self._clock())


class _Reply:
    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        pieces: Sequence[Piece],
        until: Callable[[float], Awaitable[None]],
    ) -> None:
        self.status = status
        self.headers = headers
        self._pieces = list(pieces)
        self._until = until

    async def next(self) -> bytes | Outcome:
        if not self._pieces:
            return b""
        await self._until(self._pieces[0].at)
        return self._pieces.pop(0).data

    def close(self) -> None:
        """There is no connection."""


def _stream(step: Step, said: int, now: float) -> Iterator[Piece]:
    """The first word when it is due, the others evenly until the end or until it breaks off.

    What stalls says its last word in that very moment: silence is counted from there.
    """
    words = WORDS - said
    begins = now + step.first
    share = step.place if step.midway else 1.0
    spoken = int(words * share)
    over = begins + step.flow * words / WORDS * share
    for index in range(spoken):
        at = begins + (step.flow * (index + 1) / WORDS if index else 0.0)
        last = index + 1 == spoken and step.kind is Kind.STALLED
        yield Piece(over if last else at, _chunk({"content": f" w{said + index}"}))
    yield from _break(step, over, _event_of(_error())) if step.midway else [Piece(over, _chunk({}, "stop") + _DONE)]


def _plain(step: Step, given: int, now: float) -> Iterator[Piece]:
    """Head and body together: that is how vendors send what they do not stream, and why no silence tells of a stall.

    Only a reply that stops midway shows its head before, and only then is a silence counted.
    """
    if not step.midway:
        message = {"role": "assistant", "content": "Said."}
        usage = {"prompt_tokens": given, "completion_tokens": WORDS}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        yield Piece(now + step.first + step.flow, orjson.dumps({"choices": [choice], "usage": usage}))
        return
    over = now + step.first + step.flow * step.place
    if step.kind is not Kind.SERVER_ERROR:
        yield Piece(over, b'{"choices": [')
    yield from _break(step, over, orjson.dumps(_error()))


def _break(step: Step, at: float, error: bytes) -> Iterator[Piece]:
    match step.kind:
        case Kind.CUT:
            yield Piece(at, Outcome(Kind.CUT, "reset", 200))
        case Kind.STALLED:
            yield Piece(math.inf, b"")
        case _:
            yield Piece(at, error)


def _chunk(delta: Mapping[str, str], finish: str | None = None) -> bytes:
    return _event_of({"id": "c", "created": 1, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _event_of(value: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _error() -> dict[str, Any]:
    return {"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}}


_DONE = b"data: [DONE]\n\n"
