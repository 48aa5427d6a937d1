"""A stream on its way to the app, over one leg or several.

The first leg's events pass as the bytes they are. Where another deployment goes on, its events are made part of the
same stream: one id, no second role, no repeated words, both legs in the usage, and the finish says who wrote it.
"""

from collections.abc import Sequence

import orjson

from gateway.core.outcome import NO_USAGE, Usage
from gateway.dialect.openai_continue import Seam, add_usage, first_text, mark_continued, rewrite
from gateway.dialect.openai_request import Request
from gateway.dialect.openai_stream import StreamJudge
from gateway.dialect.sse import payload


class Relay:
    """`judge` watches the leg under way. `said` is what the app has got so far, over all legs."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._said: list[str] = []
        self._earlier = NO_USAGE
        self._writers: list[str] = []  # deployments whose words the app has got
        self._writer = ""
        self._seam: Seam | None = None
        self._id = ""
        self._created = 0
        self.judge = StreamJudge(request)

    @property
    def said(self) -> str:
        return "".join(self._said)

    @property
    def earlier(self) -> Usage:
        return self._earlier

    def begin_leg(self, deployment: str, *, continuing: bool) -> None:
        """A deployment is about to answer: from the start, or from where the last one was interrupted."""
        self.judge = StreamJudge(self._request)
        self._writer = deployment
        self._seam = Seam(self.said) if continuing else None

    def interrupt(self) -> None:
        """The leg under way has ended too early, after the app had got some of it."""
        if self._seam is None:
            self._said = list(self.judge.text)
            self._id, self._created = self.judge.id, self.judge.created
            self._writers = [self._writer]
        self._earlier += self.judge.spent()

    def pass_on(self, events: Sequence[bytes]) -> bytes:
        """The bytes for the app, b"" if these events say nothing new."""
        if self._seam is not None:
            events = [event for event in (self._join(event, self._seam) for event in events) if event]
        return b"\n\n".join([*events, b""]) if events else b""

    def _join(self, event: bytes, seam: Seam) -> bytes:
        chunk = orjson.loads(payload(event) or b"{}")
        text = seam.join(first_text(chunk))
        choices = chunk.get("choices")
        finishing = bool(choices and choices[0].get("finish_reason"))
        if finishing:
            text += seam.flush()
        if text and self._writer not in self._writers:
            self._writers.append(self._writer)
        if finishing:
            mark_continued(chunk, self._writers)
        if not text and not finishing and not chunk.get("usage"):
            return b""
        self._said.append(text)
        add_usage(chunk, self._earlier)
        return rewrite(chunk, text, self._id, self._created)
