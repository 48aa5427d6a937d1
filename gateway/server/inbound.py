"""Reads a request from its client: bounded in size and in time."""

import asyncio
import zlib
from collections.abc import Mapping

from gateway.errors import GatewayError
from gateway.server.patience import Patience
from gateway.server.reply import Receive

LONGEST_ID = 128
PARTS_TIMEOUTS = 10  # a whole body may take that many times the patience for one part
# What a vendor may know of the client's request: nothing of its keys, its organisation or its network.
FORWARDED = frozenset({b"openai-beta", b"idempotency-key", b"x-client-request-id", b"traceparent", b"tracestate"})

_NONE: Mapping[str, str] = {}


class ClientLeft(Exception):
    """Before its request was whole."""


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, patience: Patience, *, limit: int, timeout: float
) -> bytes:
    """The whole body, decompressed; `timeout` seconds for each part. Raises GatewayError 4xx, or ClientLeft."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    body = await _receive(receive, patience, limit, timeout)
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding == b"gzip":
        return _gunzip(body, limit)
    if encoding != b"identity":
        raise GatewayError(415, "unsupported_encoding", "The content-encoding must be identity or gzip.")
    return body


def request_id(headers: Mapping[bytes, bytes], own: str) -> str:
    """The client's x-request-id where it is fit for a header and a log, else our own."""
    given = headers.get(b"x-request-id", b"")
    fit = 0 < len(given) <= LONGEST_ID and given.isascii() and given.decode("ascii").isprintable()
    return given.decode("ascii") if fit else own


def deadline(headers: Mapping[bytes, bytes], longest: float) -> float:
    """Seconds: what x-gateway-deadline-ms asks for, at most `longest`."""
    given = headers.get(b"x-gateway-deadline-ms")
    if given is None:
        return longest
    if not given.isdigit() or len(given) > 9 or not int(given):
        message = "The header x-gateway-deadline-ms must be a whole number of milliseconds above 0."
        raise GatewayError(400, "invalid_header", message, param="x-gateway-deadline-ms")
    return min(int(given) / 1000, longest)


def forwarded(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    names = FORWARDED & headers.keys()
    return {name.decode(): headers[name].decode("latin-1") for name in names} if names else _NONE


async def _receive(receive: Receive, patience: Patience, limit: int, timeout: float) -> bytes:
    time = asyncio.get_running_loop().time
    whole_by = time() + timeout * PARTS_TIMEOUTS
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            message = await patience.wait(receive(), min(time() + timeout, whole_by))
        except TimeoutError:
            raise GatewayError(408, "request_timeout", "The request body did not arrive in time.") from None
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join([*parts, part]) if parts else bytes(part)
        parts.append(part)


def _gunzip(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise GatewayError(400, "invalid_encoding", "The request body is not valid gzip.") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflater.eof:
        raise GatewayError(400, "invalid_encoding", "The gzip request body is cut off.")
    return plain


def _too_large(limit: int) -> GatewayError:
    return GatewayError(413, "request_too_large", f"The request body is larger than {limit} bytes.")
