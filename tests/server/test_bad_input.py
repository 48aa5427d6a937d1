"""Whatever is sent: a clear error in OpenAI's shape or a closed connection, never a 500, never a trace."""

import asyncio
import contextlib
import gzip
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.server.rig import KEY, NARROW_KEY, Rig, ask, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECEIVE_TIMEOUT = 0.4
ENVIRON = {"SECONDSOURCE_RECEIVE_TIMEOUT": str(RECEIVE_TIMEOUT), "SECONDSOURCE_MAX_BODY_MB": "1"}
GOOD = orjson.dumps(ask())
MB = 1 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    async with rig(tmp_path_factory.mktemp("gateway"), environ=ENVIRON) as shared:
        yield shared
        assert b"Traceback" not in shared.gateway.log.read_bytes()


def chat(body: bytes = GOOD, *, version: str = "1.1", extra: str = "", path: str = "/v1/chat/completions") -> bytes:
    head = f"POST {path} HTTP/{version}\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\n{extra}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


class Wire:
    """A client that sends what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # it may hang up before the end, which is its right
            self._writer.write(data)
            await self._writer.drain()

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next reply; (0, {}, b"") for a closed connection."""
        try:
            status, *lines = (await self.head()).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            return int(status.split()[1]), headers, await self._reader.readexactly(int(headers["content-length"]))
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0, {}, b""

    async def head(self) -> bytes:
        return await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 5)

    async def is_closed(self) -> bool:
        try:
            return await asyncio.wait_for(self._reader.read(1), 5) == b""
        except ConnectionError:
            return True


@contextlib.asynccontextmanager
async def connected(house: Rig) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest_asyncio.fixture(loop_scope="module")
async def wire(house: Rig) -> AsyncIterator[Wire]:
    async with connected(house) as wire:
        yield wire


def error_of(body: bytes) -> dict[str, Any]:
    error: dict[str, Any] = orjson.loads(body)["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    return error


BAD_BODIES: list[tuple[str, bytes, int, str | None]] = [
    ("empty", b"", 400, None),
    ("not JSON", b"model=chat", 400, None),
    ("no object", b"[]", 400, None),
    ("broken UTF-8", b'{"model": "chat", "messages": ["\xff"]}', 400, None),
    ("a surrogate", b'{"model": "chat", "messages": ["\\ud800"]}', 400, None),
    ("NUL", b'{"model": "chat", "messages": ["\x00"]}', 400, None),
    ("nested deeply", b'{"model": "chat", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, None),
    ("two objects", GOOD + GOOD, 400, None),
    ("no model", b'{"messages": []}', 400, "model"),
    ("model of wrong type", b'{"model": {}, "messages": []}', 400, "model"),
    ("no messages", b'{"model": "chat"}', 400, "messages"),
    ("messages of wrong type", b'{"model": "chat", "messages": "hi"}', 400, "messages"),
    ("stream: yes", b'{"model": "chat", "messages": [], "stream": "yes"}', 400, "stream"),
    ("huge number", b'{"model": "chat", "messages": [], "max_tokens": ' + b"9" * 4000 + b"}", 400, "max_tokens"),
    ("vendor refuses", orjson.dumps({"model": "chat", "messages": []}), 400, "messages"),
    ("unknown model", b'{"model": "gpt-9", "messages": []}', 404, "model"),
    ("NUL in model", b'{"model": "a\\u0000b\\r\\nx: y", "messages": []}', 404, "model"),
    ("too large", b'{"model": "chat", "messages": ["' + b"a" * MB + b'"]}', 413, None),
]


@pytest.mark.parametrize(("body", "status", "param"), [case[1:] for case in BAD_BODIES], ids=[c[0] for c in BAD_BODIES])
async def test_bad_bodies(house: Rig, body: bytes, status: int, param: str | None) -> None:
    reply = await house.post(body)
    assert reply.status_code == status
    assert error_of(reply.content)["param"] == param
    assert reply.headers["x-should-retry"] == "false"
    assert reply.headers["x-request-id"]


async def test_an_unknown_model_is_told_what_there_is(house: Rig) -> None:
    error = error_of((await house.post({"model": "gpt-9", "messages": []})).content)
    assert error["code"] == "model_not_found"
    assert "chat, solo, strict" in error["message"]


async def test_a_route_of_others(house: Rig) -> None:
    reply = await house.post(ask(), authorization=f"Bearer {NARROW_KEY}")
    assert reply.status_code == 403
    assert error_of(reply.content)["code"] == "model_forbidden"
    assert not house.first.seen


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer wrong", "Basic " + KEY])
async def test_bad_keys(house: Rig, key: str) -> None:
    reply = await house.post(ask(), authorization=key)
    assert reply.status_code == 401
    assert error_of(reply.content)["type"] == "authentication_error"


async def test_a_member_given_twice(house: Rig) -> None:
    body = b'{"model": "nope", "messages": [{"role": "user", "content": "hi"}], "model": "chat"}'
    assert (await house.post(body)).status_code == 200
    assert house.first.seen[0].body.count(b'"model"') == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/chat/completions", 405),
        ("PUT", "/embeddings", 405),
        ("POST", "/models", 404),
        ("GET", "/nothing", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%00%ff", 404),
        ("DELETE", "/models/chat", 404),
    ],
)
async def test_wrong_places(house: Rig, method: str, path: str, status: int) -> None:
    reply = await house.http.request(method, path)
    assert reply.status_code == status
    assert error_of(reply.content)["type"] == "invalid_request_error"


ENCODED = {
    "good": (gzip.compress(GOOD), "gzip", 200),
    "no gzip": (GOOD, "gzip", 400),
    "cut": (gzip.compress(GOOD)[:-9], "gzip", 400),
    "a bomb": (gzip.compress(b" " * (2 * MB)), "gzip", 413),
    "another": (GOOD, "br", 415),
    "none": (GOOD, "identity", 200),
}


@pytest.mark.parametrize(("body", "encoding", "status"), ENCODED.values(), ids=ENCODED)
async def test_content_encodings(house: Rig, body: bytes, encoding: str, status: int) -> None:
    assert (await house.post(body, content_encoding=encoding)).status_code == status


HEADS: list[tuple[str, bytes, tuple[int, ...]]] = [
    ("10,000 headers", chat(extra="".join(f"h{index}: 1\r\n" for index in range(10_000))), (431, 0)),
    ("300 headers", chat(extra="".join(f"h{index}: 1\r\n" for index in range(300))), (431,)),
    ("a giant header", chat(extra=f"x: {'a' * 200_000}\r\n"), (431, 0)),
    ("a giant path", chat(path="/v1/" + "a" * 200_000), (431, 400, 0)),
    ("garbage", b"\x16\x03\x01\x02\x00\x01\x00" * 20 + b"\r\n\r\n", (400,)),
    ("two lengths", chat(extra="content-length: 3\r\n"), (400,)),
    ("length and chunks", chat(extra="transfer-encoding: chunked\r\n"), (400,)),
    ("negative length", chat().replace(b"content-length: ", b"content-length: -"), (400,)),
    ("NUL in a header", chat(extra="x-evil: a\x00b\r\n"), (400,)),
    ("a folded header", chat(extra="x-evil: a\r\n b\r\n"), (400, 200)),
    ("unknown method", chat().replace(b"POST", b"BREW", 1), (400,)),
    ("future HTTP", chat(version="3.0"), (400,)),
]


@pytest.mark.parametrize(("data", "statuses"), [case[1:] for case in HEADS], ids=[case[0] for case in HEADS])
async def test_bad_heads(wire: Wire, data: bytes, statuses: tuple[int, ...]) -> None:
    await wire.send(data)
    status, _, body = await wire.reply()
    assert status in statuses
    if status >= 400:
        error_of(body)
        assert await wire.is_closed()


async def test_chunked_garbage(wire: Wire) -> None:
    head = chat().partition(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n"
    await wire.send(head + b'5\r\n{"mod\r\nzz\r\nnonsense')
    status, _, body = await wire.reply()
    assert status == 400
    error_of(body)
    assert await wire.is_closed()


async def test_a_chunked_body_that_grows_too_large(wire: Wire) -> None:
    await wire.send(chat().partition(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(3):
        await wire.send(b"80000\r\n" + b" " * 0x80000 + b"\r\n")
    status, _, body = await wire.reply()
    assert status == 413
    assert error_of(body)["code"] == "request_too_large"


async def test_a_length_that_is_too_large_is_refused_before_the_body_comes(wire: Wire) -> None:
    await wire.send(chat().partition(b"content-length")[0] + b"content-length: 999999999\r\n\r\n")
    assert (await wire.reply())[0] == 413


@pytest.mark.parametrize("part", [b"", b"POST /v1/chat", chat()[:60]], ids=["none", "a line", "some"])
async def test_slow_headers(wire: Wire, part: bytes) -> None:
    began = time.monotonic()
    await wire.send(part)
    status, _, body = await wire.reply()
    assert status == 408
    assert error_of(body)["code"] == "request_timeout"
    assert await wire.is_closed()
    assert time.monotonic() - began < RECEIVE_TIMEOUT + 1


async def test_headers_that_drip_get_no_more_time(wire: Wire) -> None:
    began = time.monotonic()
    for byte in chat()[:60]:
        await wire.send(bytes([byte]))
        if time.monotonic() - began > RECEIVE_TIMEOUT * 0.7:
            break
        await asyncio.sleep(0.02)
    assert (await wire.reply())[0] == 408
    assert time.monotonic() - began < RECEIVE_TIMEOUT + 0.5


async def test_a_slow_body(wire: Wire) -> None:
    await wire.send(chat()[:-10])
    status, _, body = await wire.reply()
    assert status == 408
    assert error_of(body)["code"] == "request_timeout"


async def test_http_1_0(wire: Wire) -> None:
    await wire.send(chat(version="1.0"))
    status, headers, body = await wire.reply()
    assert status == 200
    assert headers["connection"] == "close"
    assert orjson.loads(body)["object"] == "chat.completion"
    assert await wire.is_closed()


async def test_pipelined_requests_are_answered_in_order(wire: Wire) -> None:
    await wire.send(b"".join(chat(orjson.dumps(ask(words))) for words in (2, 3, 4)))
    answers = [orjson.loads((await wire.reply())[2])["choices"][0]["message"]["content"] for _ in range(3)]
    assert answers == ["w0 w1", "w0 w1 w2", "w0 w1 w2 w3"]


async def test_a_bad_request_does_not_spoil_the_connection(wire: Wire) -> None:
    await wire.send(chat(b"nonsense"))
    assert (await wire.reply())[0] == 400
    await wire.send(chat())
    assert (await wire.reply())[0] == 200


async def test_a_body_that_is_announced_and_waited_for(wire: Wire) -> None:
    await wire.send(chat(extra="expect: 100-continue\r\n")[: -len(GOOD)])
    assert (await wire.head()).startswith(b"HTTP/1.1 100")
    await wire.send(GOOD)
    assert (await wire.reply())[0] == 200


async def test_an_upgrade_is_not_taken(wire: Wire) -> None:
    await wire.send(chat(extra="connection: upgrade\r\nupgrade: websocket\r\n"))
    assert (await wire.reply())[0] in (200, 400)


async def test_a_client_that_leaves_in_the_middle_of_its_body(house: Rig) -> None:
    async with connected(house) as wire:
        await wire.send(chat()[:-10])
    assert (await house.post(ask())).status_code == 200
    assert len(house.first.seen) == 1


@pytest.mark.parametrize("value", ["0", "-1", "soon", "1.5", "9" * 5000])
async def test_bad_deadlines(house: Rig, value: str) -> None:
    reply = await house.post(ask(), x_gateway_deadline_ms=value)
    assert reply.status_code == 400
    assert error_of(reply.content)["code"] == "invalid_header"
