"""The control API: what drills and people use to make the vendors of this process misbehave.

It listens on a port of its own, so that it answers while a vendor is down.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import orjson

from gateway.emulator.connection import Connection, Exchange, Request
from gateway.emulator.fault import read_fault
from gateway.emulator.kinds import KINDS
from gateway.emulator.script import End
from gateway.emulator.server import EmulatedVendor, SeenRequest
from gateway.emulator.wire import ApiError, Plain, Tag, plain_script

_TAG = Tag("control")
_PATH = re.compile(r"(?:/_emulator)?/vendors/(?P<vendor>[^/]+)/(?P<rest>[a-z]+)(?:/(?P<id>[^/]+))?")


class ControlServer:
    """`async with ControlServer(vendors, host, port) as control:` serves until the block ends.

    GET /vendors, GET /kinds; of one vendor, under /vendors/{name}: GET, POST, DELETE /faults, DELETE /faults/{id},
    POST /down, POST /up, GET /seen.
    """

    def __init__(self, vendors: Sequence[EmulatedVendor], host: str = "127.0.0.1", port: int = 0) -> None:
        self._vendors: Mapping[str, EmulatedVendor] = {vendor.name: vendor for vendor in vendors}
        if len(self._vendors) != len(vendors):
            raise ValueError("two vendors have the same name")
        self._address = (host, port)
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def __aenter__(self) -> "ControlServer":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, self._open), *self._address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in tuple(self._open):
            connection.drop()
        await asyncio.gather(*self._tasks)
        await self._server.wait_closed()

    def connected(self) -> End | None:
        """A connection was accepted (called by it); all are served."""
        return None

    def respond(self, request: Request, answer: Callable[[Exchange], None]) -> None:
        """A request came in (called by its connection)."""
        task = asyncio.get_running_loop().create_task(self._answer(request, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request, answer: Callable[[Exchange], None]) -> None:
        reply = await self._reply(request)
        plain = reply.plain() if isinstance(reply, ApiError) else reply
        answer(Exchange(plain_script(plain, _TAG), lambda _ended: None))

    async def _reply(self, request: Request) -> Plain | ApiError:
        common = _COMMON.get((request.method, request.path.removeprefix("/_emulator")))
        if common is not None:
            return _json(common(self._vendors))
        found = _PATH.fullmatch(request.path)
        if found is None:
            return ApiError(404, f"Unknown path {request.path}")
        vendor = self._vendors.get(found["vendor"])
        if vendor is None:
            return ApiError(404, f"Unknown vendor {found['vendor']!r}; vendors: {', '.join(self._vendors)}")
        action = _ACTIONS.get((request.method, found["rest"]))
        if action is None:
            return ApiError(405, f"Not allowed to {request.method} on {request.path}")
        return await action(vendor, request.body, found["id"])


def _json(value: object, status: int = 200) -> Plain:
    return Plain(orjson.dumps(value), status)


def _vendors(vendors: Mapping[str, EmulatedVendor]) -> list[dict[str, Any]]:
    return [_state(vendor) for vendor in vendors.values()]


def _kinds(_vendors: Mapping[str, EmulatedVendor]) -> list[dict[str, str]]:
    return [kind._asdict() for kind in KINDS]


def _state(vendor: EmulatedVendor) -> dict[str, Any]:
    return {
        "name": vendor.name,
        "base_url": vendor.base_url,
        "up": vendor.is_up,
        "connections": vendor.connections,
        "open_streams": vendor.open_streams,
        "faults": len(vendor.faults.list()),
    }


async def _list_faults(vendor: EmulatedVendor, _body: bytes, _id: str | None) -> Plain | ApiError:
    return _json([placed.to_json() for placed in vendor.faults.list()])


async def _add_fault(vendor: EmulatedVendor, body: bytes, _id: str | None) -> Plain | ApiError:
    try:
        fault = read_fault(body)
    except ValueError as error:
        return ApiError(400, f"Invalid fault: {error}", code="invalid_fault")
    vendor.faults.add(fault)
    return _json(vendor.faults.list()[-1].to_json(), 201)


async def _delete_faults(vendor: EmulatedVendor, _body: bytes, id_: str | None) -> Plain | ApiError:
    if id_ is None:
        vendor.faults.clear()
    elif not vendor.faults.remove(id_):
        return ApiError(404, f"No fault {id_!r} on {vendor.name}")
    return _json([placed.to_json() for placed in vendor.faults.list()])


async def _down(vendor: EmulatedVendor, _body: bytes, _id: str | None) -> Plain | ApiError:
    await vendor.down()
    return _json(_state(vendor))


async def _up(vendor: EmulatedVendor, _body: bytes, _id: str | None) -> Plain | ApiError:
    await vendor.up()
    return _json(_state(vendor))


async def _seen(vendor: EmulatedVendor, _body: bytes, _id: str | None) -> Plain | ApiError:
    return _json(list(map(_line, vendor.seen)))


def _line(seen: SeenRequest) -> dict[str, Any]:
    """Neither headers nor body: keys and prompts do not leave the process."""
    return {
        "path": seen.path,
        "model": seen.model,
        "stream": seen.stream,
        "bytes": len(seen.body),
        "at": seen.at,
        "fault": seen.fault,
        "finished": seen.finished,
    }


Action = Callable[[EmulatedVendor, bytes, str | None], Awaitable[Plain | ApiError]]

_COMMON: dict[tuple[str, str], Callable[[Mapping[str, EmulatedVendor]], object]] = {
    ("GET", "/vendors"): _vendors,
    ("GET", "/kinds"): _kinds,
}
_ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "faults"): _list_faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _delete_faults,
    ("POST", "down"): _down,
    ("POST", "up"): _up,
    ("GET", "seen"): _seen,
}
