"""A client that sees bytes: what came, how late, and how it ended."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

PATIENCE = 2.0
QUIET = 0.15  # where silence is what we wait for
CONTENT = "[[words:8]]"
WORDS = [f"w{index}" for index in range(8)]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@dataclass
class Raw:
    """`ended`: the peer closed ("eof") or reset ("reset") the connection, or is silent ("open").

    `took`: seconds from the request to the last byte.
    """

    ended: Literal["eof", "reset", "open"] = "open"
    pieces: list[bytes] = field(default_factory=list)
    took: float = 0.0

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def head(self) -> dict[str, str]:
        lines = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, _, value in [line.partition(": ") for line in lines]}

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def whole(self) -> bool:
        """Has the reply the end that its framing promises?"""
        if "content-length" in self.head:
            return len(self.body) == int(self.head["content-length"])
        return self.body.endswith(b"0\r\n\r\n")

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        return error

    @property
    def payload(self) -> bytes:
        """The chunks of the body, joined."""
        rest, payload = self.body, b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            payload, rest = payload + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        return payload

    @property
    def frames(self) -> list[bytes]:
        """The events of a stream as they stand on the wire."""
        return [frame for frame in self.payload.split(b"\n\n") if frame]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Those of them that are good JSON events."""
        found = []
        for frame in self.frames:
            try:
                found.append(orjson.loads(frame.removeprefix(b"data: ")) if frame.startswith(b"data: ") else {})
            except orjson.JSONDecodeError:
                continue
        return found

    @property
    def done(self) -> bool:
        return b"data: [DONE]" in self.frames

    @property
    def words(self) -> list[str]:
        deltas = [event["choices"][0]["delta"] for event in self.events if event.get("choices")]
        return "".join([delta.get("content") or "" for delta in deltas]).split()

    @property
    def finishes(self) -> list[str]:
        return [
            event["choices"][0]["finish_reason"]
            for event in self.events
            if event.get("choices") and event["choices"][0]["finish_reason"]
        ]


def chat(*, stream: bool = False, tools: bool = False, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": CONTENT}], **fields}
    return body | ({"stream": True} if stream else {}) | ({"tools": [TOOL]} if tools else {})


def http(body: bytes, path: str = "/v1/chat/completions", method: str = "POST", extra: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: vendor\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode("latin-1") + body


async def send(port: int, data: bytes, *, quiet: float = PATIENCE, enough: int | None = None) -> Raw:
    """Send and read until the peer ends it, is silent for `quiet` seconds, or has sent `enough` pieces."""
    raw = Raw()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        started = time.monotonic()
        writer.write(data)
        while enough is None or len(raw.pieces) < enough:
            piece = await asyncio.wait_for(reader.read(1 << 16), quiet)
            if not piece:
                raw.ended = "eof"
                break
            raw.pieces.append(piece)
            raw.took = time.monotonic() - started
    except TimeoutError:
        raw.ended = "open"
    except ConnectionResetError:
        raw.ended = "reset"
    finally:
        writer.close()
    return raw


async def ask(port: int, body: dict[str, Any], path: str = "/v1/chat/completions", **how: Any) -> Raw:
    """One request on a connection of its own, which the server shall close when the reply is whole."""
    return await send(port, http(orjson.dumps(body), path, extra="connection: close\r\n"), **how)
