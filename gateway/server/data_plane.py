"""The data port: OpenAI's paths, with and without /v1, as one plain ASGI application.

No framework stands in the request path: each of its conveniences costs more than the whole of what happens here.
"""

import asyncio
import time
from collections.abc import Mapping
from random import Random

import orjson

from gateway.core.actions import Ask
from gateway.core.model import Route
from gateway.dialect.openai_request import Endpoint, Refused, Request, parse
from gateway.errors import GatewayError
from gateway.server.auth import Principal, authenticate, authorize, usable_routes
from gateway.server.drive import Call, Exchange
from gateway.server.gateway import Gateway
from gateway.server.inbound import ClientLeft, deadline, forwarded, read_body, request_id
from gateway.server.protocol import CONNECTION
from gateway.server.reply import Receive, Responder, Scope, Send

Headers = Mapping[bytes, bytes]

ENDPOINTS: tuple[Endpoint, ...] = ("chat/completions", "completions", "embeddings")
RETRY_WHEN_SHED = 1.0
MEGABYTE = 1024 * 1024


class DataPlane:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._ids = Random()
        self._posts = {f"{prefix}/{endpoint}": endpoint for prefix in ("", "/v1") for endpoint in ENDPOINTS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "the data port speaks HTTP only"
        gateway = self._gateway
        headers: Headers = dict(scope["headers"])
        own_id = f"{time.time_ns():016x}{self._ids.getrandbits(64):016x}"
        responder = Responder(send, request_id(headers, own_id), gateway.clock)
        gateway.in_flight += 1
        try:
            await self._route(scope, headers, own_id, receive, responder)
        except GatewayError as error:
            gateway.metrics.refused.add(error.code)
            await responder.error(error)
        except ClientLeft:
            pass
        except asyncio.CancelledError:  # the time to finish is over
            if responder.status:
                scope[CONNECTION].abort()
            else:
                await responder.error(GatewayError(503, "draining", "The gateway is stopping.", final=False))
        except Exception:
            gateway.log.exception("internal error", id=own_id, request_id=responder.request_id)
            if responder.status:
                raise  # the head is out: only a broken connection is honest now
            await responder.error(GatewayError(500, "internal_error", "The gateway failed; the failure is in its log."))
        finally:
            gateway.in_flight -= 1

    async def _route(self, scope: Scope, headers: Headers, own_id: str, receive: Receive, responder: Responder) -> None:
        method, path = scope["method"], scope["path"].rstrip("/") or "/"
        endpoint = self._posts.get(path)
        if endpoint is not None and method == "POST":
            return await self._answer(endpoint, scope, headers, own_id, receive, responder)
        if method in ("GET", "HEAD"):
            body = self._read_only(path, headers)
            if body is not None:
                return await responder.whole(200, b"" if method == "HEAD" else body)
        if endpoint is not None:
            raise GatewayError(405, "method_not_allowed", f"Use POST on {path}.")
        raise GatewayError(
            404, "unknown_url", f"Unknown request URL: {method} {path}. See /v1/models for what is here."
        )

    # -- answers -----------------------------------------------------------------------------------------------

    async def _answer(
        self, endpoint: Endpoint, scope: Scope, headers: Headers, own_id: str, receive: Receive, responder: Responder
    ) -> None:
        self._shed()
        gateway, settings = self._gateway, self._gateway.settings
        snapshot = gateway.live.snapshot  # once: the request stays on this revision to its end
        principal = authenticate(headers, snapshot, open_house=gateway.open_house)
        patience = gateway.deadlines.patience()
        try:
            limit = settings.max_body_mb * MEGABYTE
            body = await read_body(headers, receive, patience, limit=limit, timeout=settings.receive_timeout)
            request = parse(endpoint, body)
            if isinstance(request, Refused):
                raise GatewayError(400, request.code or "invalid_request", request.message, param=request.param)
            route = authorize(principal, request.model, snapshot)
            ask = _ask(request, route, principal, deadline(headers, route.deadline))
            call = Call(
                request, ask, own_id, responder.request_id, principal.key, snapshot.revision, forwarded(headers)
            )
            await Exchange(call, gateway.services, responder, patience).run(scope[CONNECTION])
        finally:
            patience.close()

    def _shed(self) -> None:
        if self._gateway.in_flight > self._gateway.settings.max_concurrency:
            self._gateway.metrics.shed.add()
            message = "The gateway is at its concurrency bound. Try again in a moment."
            raise GatewayError(503, "gateway_overloaded", message, final=False, retry_after=RETRY_WHEN_SHED)

    # -- everything that is only read --------------------------------------------------------------------------

    def _read_only(self, path: str, headers: Headers) -> bytes | None:
        if path in ("/", "/health/live", "/healthz"):
            return orjson.dumps({"status": "live"})
        if path in ("/health/ready", "/readyz"):
            return self._readiness()
        name = path.removeprefix("/v1")
        if name == "/models" or name.startswith("/models/"):
            return self._models(name.removeprefix("/models").lstrip("/"), headers)
        return None

    def _readiness(self) -> bytes:
        if self._gateway.draining:
            raise GatewayError(503, "draining", "The gateway is stopping.", final=False)
        return orjson.dumps({"status": "ready", "revision": self._gateway.live.revision})

    def _models(self, wanted: str, headers: Headers) -> bytes:
        snapshot = self._gateway.live.snapshot
        principal = authenticate(headers, snapshot, open_house=self._gateway.open_house)
        if wanted:
            return orjson.dumps(_model(authorize(principal, wanted, snapshot).name))
        return orjson.dumps({"object": "list", "data": [_model(name) for name in usable_routes(principal, snapshot)]})


def _ask(request: Request, route: Route, principal: Principal, seconds: float) -> Ask:
    return Ask(
        route=route,
        workflow=principal.workflow.id,
        allow=principal.workflow.allow,
        need=request.need,
        tokens=request.tokens,
        stream=request.stream,
        resumable=request.resumable,
        deadline=seconds,
    )


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "secondsource"}
