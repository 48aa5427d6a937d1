"""The transport over aiohttp: bytes as they are, one pool of kept connections, no retries, no redirects, no cookies."""

import io
from collections.abc import Mapping

import aiohttp
from yarl import URL

from gateway import __version__
from gateway.core.model import Deployment
from gateway.core.outcome import Kind, Outcome

LARGE_BODY = 1024 * 1024
KEEP_ALIVE = 20.0
DNS_CACHE = 60

_EMPTY: Mapping[str, str] = {}


class HttpReply:
    __slots__ = ("_headers", "_response", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._headers: dict[str, str] | None = None
        self.status = response.status

    @property
    def headers(self) -> Mapping[str, str]:
        if self._headers is None:
            self._headers = {name.lower(): value for name, value in self._response.headers.items()}
        return self._headers

    async def next(self) -> bytes | Outcome:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(Kind.CUT, _reason(error), self.status)

    def close(self) -> None:
        self._response.close()


class HttpUpstream:
    """Must be made inside a running event loop."""

    def __init__(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=DNS_CACHE, keepalive_timeout=KEEP_ALIVE)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "content-type": "application/json",
                "accept-encoding": "identity",
                "user-agent": f"secondsource/{__version__}",
            },
        )
        self._targets: dict[tuple[tuple[str, ...], str], tuple[URL, dict[str, str], aiohttp.ClientTimeout]] = {}

    async def send(
        self, deployment: Deployment, path: str, body: bytes, headers: Mapping[str, str] = _EMPTY
    ) -> HttpReply | Outcome:
        url, own, timeout = self._target(deployment, path)
        try:
            response = await self._session.post(
                url,
                data=body if len(body) < LARGE_BODY else io.BytesIO(body),
                headers={**own, **headers} if headers else own,
                timeout=timeout,
                allow_redirects=False,
            )
        except aiohttp.ConnectionTimeoutError as error:
            return Outcome(Kind.TIMEOUT, f"no connection in time: {_reason(error)}")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(Kind.UNREACHABLE, _reason(error))
        return HttpReply(response)

    async def close(self) -> None:
        await self._session.close()

    def _target(self, deployment: Deployment, path: str) -> tuple[URL, dict[str, str], aiohttp.ClientTimeout]:
        key = (deployment.identity, path)
        target = self._targets.get(key)
        if target is None or target[2].sock_connect != deployment.timeouts.connect:
            url = URL(f"{deployment.base_url.rstrip('/')}/{path}")
            own = {"authorization": f"Bearer {deployment.api_key}"} if deployment.api_key else {}
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=deployment.timeouts.connect)
            target = self._targets[key] = (url, own, timeout)
        return target

    def forget(self, live: frozenset[tuple[str, ...]]) -> None:
        """A new config is active: drop what was prepared for deployments that are gone."""
        self._targets = {key: target for key, target in self._targets.items() if key[0] in live}


def _reason(error: BaseException) -> str:
    """The kind of error and its words; aiohttp puts neither keys nor bodies into them."""
    return f"{type(error).__name__}: {error}"[:200]
