"""The door through which the gateway reaches vendors. What is behind it can be replaced by a faster transport.

What goes wrong comes back as an `Outcome`, never as an exception; cancellation is the caller's and passes through.
"""

from collections.abc import Mapping
from typing import Protocol

from gateway.core.model import Deployment
from gateway.core.outcome import Outcome


class Reply(Protocol):
    """A reply whose head has come. Header names are lower case. `close` may be called at any time, once or more."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def next(self) -> bytes | Outcome:
        """The next bytes of the body, decoded from its content encoding; b"" at its end."""
        ...

    def close(self) -> None:
        """Let go of the connection. It is kept for reuse only if the body had been read to its end."""
        ...


class Upstream(Protocol):
    async def send(self, deployment: Deployment, path: str, body: bytes, headers: Mapping[str, str]) -> Reply | Outcome:
        """POST to the deployment. `path` is relative to its base URL; `headers` go on top of its own."""
        ...

    async def close(self) -> None: ...
