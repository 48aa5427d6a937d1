"""Performs one request's actions with real I/O and feeds back what happened. It decides nothing.

The vendor is opened before our own status line is sent, and a stream is held back until its first meaningful event, so
whatever goes wrong until then can still be taken elsewhere without the app noticing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol

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
    Send,
    Wait,
    Woke,
)
from gateway.core.decision import Decision, StreamEnding
from gateway.core.failover import Failover
from gateway.core.health import HealthTable
from gateway.core.limits import RetryBudget
from gateway.core.outcome import ABANDONED, CLIENT_GONE, NO_USAGE, Kind, Outcome, Usage
from gateway.dialect.openai_continue import continuation_body
from gateway.dialect.openai_error import classify
from gateway.dialect.openai_reply import judge
from gateway.dialect.openai_request import Request
from gateway.server.failure import interrupted, to_error
from gateway.server.heartbeat import Heartbeats
from gateway.server.patience import Patience
from gateway.server.relay import Relay
from gateway.server.reply import Responder
from gateway.upstream.base import Reply, Upstream

AFTER_FINISH = 2.0  # seconds a vendor gets for [DONE] and usage once its answer is whole
DRAIN = 0.1
ANSWERS = (200, 201, 203)
SLOW_READER = 1.0
REFUSAL = Outcome(Kind.REFUSED, "refused within a good reply", 200)
ERROR_BODY_LIMIT = 64 * 1024


class Recorder(Protocol):
    def record(self, decision: Decision) -> None: ...


class Connection(Protocol):
    """The client's, which tells when it is lost."""

    on_leave: Callable[[], None] | None

    def abort(self) -> None:
        """Now, whatever is still to be sent."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What requests share."""

    health: HealthTable
    budget: RetryBudget
    rng: Random
    upstream: Upstream
    recorder: Recorder
    heartbeats: Heartbeats
    clock: Callable[[], float]
    max_reply: int


class Call(NamedTuple):
    """One request, read and allowed. `headers` are those that go on to the vendor.

    `id` is ours and unique; `request_id` may be the client's, who may use one twice.
    """

    request: Request
    ask: Ask
    id: str
    request_id: str
    key: str
    revision: str
    headers: Mapping[str, str]


class Exchange:
    def __init__(self, call: Call, services: Services, responder: Responder, patience: Patience) -> None:
        self._call = call
        self._services = services
        self._responder = responder
        self._patience = patience
        self._failover = Failover(call.ask, services.health, services.budget, services.rng)
        self._relay = Relay(call.request) if call.request.stream else None
        self._began = services.clock()
        self._at = time.time()
        self._first_token: float | None = None
        self._answer = b""
        self._answered_model = ""
        self._ending: StreamEnding | None = None
        self._client_gone = False
        self._held_up = 0.0  # seconds in which the app did not take what we had for it
        self._finish: Finish | None = None
        self._recorded = False

    async def run(self, connection: Connection) -> None:
        """To the end, whatever happens: the permit is returned and the decision recorded also if the client leaves."""
        connection.on_leave = self._leave
        try:
            self._finish = await self._pursue()
            await self._conclude(self._finish)
        except TimeoutError:  # a client that does not read its answer must not hold a vendor and a place for ever
            self._client_gone = True
            connection.abort()
        except asyncio.CancelledError:
            if not self._client_gone:
                raise
        finally:
            connection.on_leave = None
            self._services.heartbeats.discard(self._responder)
            if not self._recorded:
                self._abandon()

    def _leave(self) -> None:
        if not self._responder.ended:
            self._client_gone = True
            self._patience.task.cancel()

    # -- actions -----------------------------------------------------------------------------------------------

    async def _pursue(self) -> Finish:
        clock = self._services.clock
        action = self._failover.start(self._began)
        while not isinstance(action, Finish):
            if self._client_gone:  # it left in the very moment in which a wait ran out
                raise asyncio.CancelledError
            event = await self._perform(action)
            action = self._failover.receive(event, clock())
        return action

    async def _perform(self, action: Action) -> Event:
        match action:
            case Send():
                return await self._send(action)
            case Wait(until):
                await asyncio.sleep(until - self._services.clock())
                return Woke()
            case _:
                raise AssertionError(f"{action} is not to be performed here")

    async def _send(self, send: Send) -> Event:
        reply = await self._open(send)
        if isinstance(reply, Outcome):
            return Failed(reply)
        try:
            if reply.status not in ANSWERS:
                return Failed(await self._read_error(reply, send))
            if self._relay is not None:
                return await self._stream(send, reply, self._relay)
            return await self._whole(send, reply)
        finally:
            reply.close()

    async def _open(self, send: Send) -> Reply | Outcome:
        call = self._services.upstream.send(
            send.deployment, self._call.request.endpoint, self._body(send), self._call.headers
        )
        try:
            return await self._patience.wait(call, send.first_token_by)
        except TimeoutError:
            return Outcome(Kind.TIMEOUT, "no answer in time")

    def _body(self, send: Send) -> bytes:
        request, relay = self._call.request, self._relay
        if send.mode == "fresh" or relay is None:
            return request.for_model(send.deployment.model)
        return continuation_body(
            request, send.deployment.model, relay.said, relay.earlier.output_tokens, prefill=send.mode == "prefill"
        )

    async def _next(self, reply: Reply, by: float) -> bytes | Outcome:
        try:
            return await self._patience.wait(reply.next(), by)
        except TimeoutError:
            return Outcome(Kind.STALLED, "silence", reply.status)

    # -- whole replies -----------------------------------------------------------------------------------------

    async def _whole(self, send: Send, reply: Reply) -> Event:
        body = await self._read(reply, send, self._services.max_reply)
        if isinstance(body, Outcome):
            return Failed(body)
        request = self._call.request
        judgement = judge(request, body)
        if judgement.outcome.kind is not Kind.OK:
            return Failed(judgement.outcome, judgement.usage)
        if judgement.refused and self._refusals_fall_back:
            return Failed(REFUSAL, judgement.usage)
        self._answer, self._answered_model = body, judgement.model
        usage = judgement.usage
        return Done(usage if usage is not NO_USAGE else Usage(request.input_tokens, 0, estimated=True))

    async def _read(self, reply: Reply, send: Send, limit: int) -> bytes | Outcome:
        parts: list[bytes] = []
        size = 0
        while True:
            # Of a stream only an error is read whole, and that before anything is committed.
            by = min(self._services.clock() + send.stall, send.first_token_by)
            data = await self._next(reply, by)
            if isinstance(data, Outcome):
                late = data.kind is Kind.STALLED and by == send.first_token_by
                return Outcome(Kind.TIMEOUT, "not whole in time", reply.status) if late else data
            if not data:
                return parts[0] if len(parts) == 1 else b"".join(parts)
            parts.append(data)
            size += len(data)
            if size > limit:
                return Outcome(Kind.MALFORMED, f"the reply is larger than {limit} bytes", reply.status)

    async def _read_error(self, reply: Reply, send: Send) -> Outcome:
        body = await self._read(reply, send, ERROR_BODY_LIMIT)
        if isinstance(body, Outcome):
            body = b""
        if send.deployment.api_key:  # some vendors quote the key they refuse, and what they say is kept
            body = body.replace(send.deployment.api_key.encode(), b"***")
        return classify(reply.status, reply.headers, body)

    @property
    def _refusals_fall_back(self) -> bool:
        return self._call.ask.route.on_refusal == "fallback"

    # -- streams -----------------------------------------------------------------------------------------------

    async def _stream(self, send: Send, reply: Reply, relay: Relay) -> Event:
        relay.begin_leg(send.deployment.id, continuing=send.mode != "fresh")
        judge = relay.judge
        held: list[bytes] = []
        flowing = False
        finished_by: float | None = None
        by = send.first_token_by
        while not judge.ended:
            data = await self._next(reply, by)
            if isinstance(data, Outcome) and not judge.finished:
                return self._broken(relay, self._late(data, by, send, flowing), flowing)
            progress = judge.progress
            held += judge.end_of_body() if isinstance(data, Outcome) or not data else judge.feed(data)
            if not flowing and judge.refused and (self._refusals_fall_back or send.mode != "fresh"):
                return Failed(REFUSAL, judge.spent())
            if not flowing and judge.meaningful and not judge.failure:
                await self._commit(send)
                flowing = True
            if flowing and held:
                await self._pass_on(relay, held)
                held.clear()
            if judge.failure:
                return self._broken(relay, judge.failure, flowing)
            if judge.progress != progress:  # from now: the time that the app took is not the vendor's
                by = min(self._services.clock() + send.stall, send.finish_by)
            if judge.finished and finished_by is None:
                finished_by = by = min(self._services.clock() + AFTER_FINISH, send.finish_by)
        await self._next(reply, self._services.clock() + DRAIN)  # read to the end, so that the connection is kept
        return Done(judge.spent())

    def _late(self, outcome: Outcome, by: float, send: Send, flowing: bool) -> Outcome:
        if outcome.kind is not Kind.STALLED or (flowing and by < send.finish_by):
            return outcome
        if self._held_up > SLOW_READER:
            return Outcome(Kind.DEADLINE, "the app read too slowly", 200)
        return Outcome(Kind.TIMEOUT, "not whole in time" if flowing else "no first token in time", 200)

    def _broken(self, relay: Relay, outcome: Outcome, flowing: bool) -> Failed:
        if flowing:
            relay.interrupt()
        return Failed(outcome, relay.judge.spent())

    async def _commit(self, send: Send) -> None:
        now = self._services.clock()
        action = self._failover.receive(FirstToken(), now)
        assert isinstance(action, Commit)
        if not self._responder.status:
            self._first_token = now - self._began
            await self._tell(self._responder.begin_events(self._headers(send.deployment.id, send.deployment.vendor)))
            self._services.heartbeats.add(self._responder)

    async def _pass_on(self, relay: Relay, events: list[bytes]) -> None:
        data = relay.pass_on(events)
        if data:
            await self._tell(self._responder.events(data))

    async def _tell(self, sending: Awaitable[None]) -> None:
        began = self._services.clock()
        await self._patience.wait(sending, self._began + self._call.ask.deadline + AFTER_FINISH)
        self._held_up += self._services.clock() - began

    # -- the end -----------------------------------------------------------------------------------------------

    async def _conclude(self, finish: Finish) -> None:
        responder, failover = self._responder, self._failover
        if responder.status:
            good = finish.outcome.kind is Kind.OK
            self._ending = "finish" if good else "error_event"
            error = None if good else interrupted(finish.outcome, failover.attempts)
            await self._tell(responder.end_events(error))
        elif finish.outcome.kind is Kind.OK and finish.served is not None:
            await self._tell(responder.whole(200, self._answer, self._headers(finish.served.id, finish.served.vendor)))
        else:
            error = to_error(finish.outcome, failover.attempts, failover.rejected)
            await self._tell(responder.error(error, self._headers("", "")))
        self._record(finish)

    def _abandon(self) -> None:
        """The client has left, the process is stopping, or we failed: return the permit, write down what happened."""
        outcome = CLIENT_GONE if self._client_gone else ABANDONED
        if self._finish is None:
            usage = self._relay.judge.spent() if self._relay else NO_USAGE
            finish = self._failover.abandon(ClientGone(usage, outcome), self._services.clock())
        else:
            finish = self._finish._replace(outcome=outcome)  # there was an answer, but the app has not got it whole
        if self._responder.status:
            self._ending = "aborted"
        self._record(finish)

    def _headers(self, deployment: str, vendor: str) -> dict[str, str]:
        under_way = self._relay is not None and bool(deployment)
        headers = {
            "x-gateway-attempts": str(len(self._failover.attempts) + under_way),
            "x-gateway-fallback": "true" if self._failover.fell_back else "false",
            "x-gateway-revision": self._call.revision,
        }
        if deployment:
            headers |= {"x-gateway-deployment": deployment, "x-gateway-vendor": vendor}
        return headers

    def _record(self, finish: Finish) -> None:
        self._recorded = True
        call, failover, served = self._call, self._failover, finish.served
        attempts = tuple(failover.attempts)
        model = self._answered_model or (self._relay.judge.model if self._relay else "")
        self._services.recorder.record(
            Decision(
                id=call.id,
                request_id=call.request_id,
                at=self._at,
                revision=call.revision,
                key=call.key,
                workflow=call.ask.workflow,
                route=call.ask.route.name,
                endpoint=call.request.endpoint,
                stream=call.request.stream,
                outcome=finish.outcome.kind.value,
                status=self._responder.status,
                served_by=served.id if served else "",
                served_vendor=served.vendor if served else "",
                model=model,
                fallback=failover.fell_back,
                first_token=self._first_token,
                took=self._services.clock() - self._began,
                usd=sum(attempt.usd for attempt in attempts),
                input_tokens=sum(attempt.input_tokens for attempt in attempts),
                output_tokens=sum(attempt.output_tokens for attempt in attempts),
                attempts=attempts,
                rejected=failover.rejected,
                stream_ending=self._ending,
                notes=_notes(model, served.model if served else ""),
            )
        )


def _notes(answered: str, asked: str) -> tuple[str, ...]:
    """A vendor that says it used another model than was asked for is not stopped, but it is on record."""
    if not answered or not asked or answered.startswith(asked) or asked.startswith(answered):
        return ()
    return (f"asked for {asked}, answered as {answered}",)
