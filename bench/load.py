"""The load: so many requests over so many kept connections, each reply checked to its last word.

It runs in a process of its own (`python -m bench.load`, a `Load` as JSON on stdin, a `Result` on stdout) and is
written on a bare protocol, so that it is not what is measured.
"""

import asyncio
import sys
import time
from functools import partial
from statistics import quantiles
from typing import cast

import httptools
import msgspec
import orjson
import uvloop

from gateway.emulator.answers import answer

REASONS_KEPT = 5
PATIENCE = 600.0


class Target(msgspec.Struct, frozen=True):
    """Where requests go: a port on loopback, what stands before `/chat/completions`, the model and the key."""

    port: int
    model: str
    base: str = "/v1"
    key: str = ""


class Load(msgspec.Struct, frozen=True):
    """`words`: how long an answer is asked for; one event a word in a stream."""

    target: Target
    requests: int
    in_flight: int
    words: int
    stream: bool = False

    def request(self) -> bytes:
        """The bytes of the one request that is sent again and again."""
        messages = [{"role": "user", "content": self.prompt}]
        body = orjson.dumps({"model": self.target.model, "messages": messages, "stream": self.stream})
        key = f"authorization: Bearer {self.target.key}\r\n" if self.target.key else ""
        head = (
            f"POST {self.target.base}/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{self.target.port}\r\n{key}"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    @property
    def prompt(self) -> str:
        return f"Count. [[words:{self.words}]]"


class Result(msgspec.Struct, frozen=True):
    """Latencies in milliseconds to the last byte, `first_*` to the first byte of the body. Failures have `reasons`."""

    answered: int
    failed: int
    seconds: float
    p50: float
    p99: float
    first_p50: float
    first_p99: float
    reasons: list[str]


class _Run:
    """What the connections share: how many requests are left, what became of the others."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self._request = load.request()
        self._text = answer(load.prompt)
        self._left = load.requests
        self._took: list[float] = []
        self._first: list[float] = []
        self._reasons: list[str] = []
        self._failed = 0

    @property
    def more(self) -> bool:
        """Is there a request left to send?"""
        return self._left > 0

    def take(self) -> bytes:
        self._left -= 1
        return self._request

    def note(self, took: float, first: float, reason: str) -> None:
        self._took.append(took * 1000)
        self._first.append(first * 1000)
        if reason:
            self._failed += 1
            self._reasons = [*self._reasons, reason][:REASONS_KEPT]

    def judge(self, status: int, body: bytes) -> str:
        """What is wrong with a reply, or ""."""
        if status != 200:
            return f"status {status}: {body[:200].decode(errors='replace')}"
        try:
            words = _streamed(body) if self.load.stream else [_content(orjson.loads(body)["choices"][0]["message"])]
        except (ValueError, LookupError, TypeError) as error:
            return f"not in the dialect: {error!r}: {body[-200:]!r}"
        if "".join(words) != self._text:
            return f"not the whole answer: {len(''.join(words))} of {len(self._text)} characters"
        if self.load.stream and len(words) != self.load.words:
            return f"{len(words)} events with words instead of {self.load.words}"
        return ""

    def result(self, seconds: float) -> Result:
        took, first = _percentiles(self._took), _percentiles(self._first)
        return Result(len(self._took) - self._failed, self._failed, seconds, *took, *first, self._reasons)


class _Connection(asyncio.Protocol):
    """One request at a time, the next as soon as a reply is whole."""

    def __init__(self, run: _Run, closed: asyncio.Future[None]) -> None:
        self._run = run
        self._closed = closed
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._began = 0.0
        self._first = 0.0
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask_or_close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._answered(f"not HTTP: {error}")
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked:
            self._answered(f"connection lost: {exc}")
        if not self._closed.done():
            self._closed.set_result(None)

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._first = time.perf_counter()
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._answered(self._run.judge(self._parser.get_status_code(), b"".join(self._body)))
        if self._parser.should_keep_alive():
            self._ask_or_close()
        else:
            self._transport.close()

    def _ask_or_close(self) -> None:
        if self._run.more:
            self._ask()
        else:
            self._transport.close()

    def _ask(self) -> None:
        self._body.clear()
        self._asked = True
        self._first = self._began = time.perf_counter()
        self._transport.write(self._run.take())

    def _answered(self, reason: str) -> None:
        self._asked = False
        self._run.note(time.perf_counter() - self._began, self._first - self._began, reason)


def _streamed(body: bytes) -> list[str]:
    """The words of a stream, event by event. Raises ValueError when it does not end as one should."""
    payloads = [event.removeprefix(b"data: ") for event in body.split(b"\n\n") if event.startswith(b"data: ")]
    if not payloads or payloads.pop() != b"[DONE]":
        raise ValueError("the stream does not end with [DONE]")
    choices = [chunk["choices"][0] for chunk in map(orjson.loads, payloads) if chunk["choices"]]
    return [text for text in [_content(choice["delta"]) for choice in choices] if text]


def _content(message: dict[str, str | None]) -> str:
    return message.get("content") or ""


def _percentiles(values: list[float]) -> tuple[float, float]:
    """The 50th and the 99th."""
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    return cuts[49], cuts[98]


async def _keep_asking(run: _Run) -> None:
    """One connection, and a new one each time that the other side has closed it."""
    loop = asyncio.get_running_loop()
    while run.more:
        closed = loop.create_future()
        await loop.create_connection(partial(_Connection, run, closed), "127.0.0.1", run.load.target.port)
        await closed


async def _perform(load: Load) -> Result:
    run = _Run(load)
    began = time.perf_counter()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for _ in range(load.in_flight):
            group.create_task(_keep_asking(run))
    return run.result(time.perf_counter() - began)


if __name__ == "__main__":
    try:
        result = uvloop.run(_perform(msgspec.json.decode(sys.stdin.buffer.read(), type=Load)))
    except* OSError as refused:
        sys.exit(f"the load could not be put on: {refused.exceptions[0]}")
    sys.stdout.buffer.write(msgspec.json.encode(result))
