"""Structured logs: one JSON line per request and per event worth a line. Never a prompt, an answer or a secret."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import structlog

from gateway.core.decision import Decision
from gateway.server.sink import Sink

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Log = structlog.typing.FilteringBoundLogger


def make_log(level: str, sink: Sink) -> Log:
    log: Log = structlog.wrap_logger(
        _Lines(sink),
        processors=[
            structlog.processors.add_log_level,
            _add_time,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_serialize),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    return log


class _Lines:
    """What structlog wants of a logger: a method for each level. Its own would write and flush line by line."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def msg(self, line: bytes) -> None:
        self._sink.write(line + b"\n")

    debug = info = warning = error = exception = critical = msg


class SinkHandler(logging.Handler):
    """What the HTTP server has to say goes the same way."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(logging.WARNING)
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        line = {"event": record.getMessage(), "level": record.levelname.lower(), "timestamp": datetime.now(UTC)}
        self._sink.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def request_lines(level: str, sink: Sink) -> Callable[[Decision], None]:
    """A writer of one line per request. Not through structlog: its pipeline costs twice the line itself."""
    if LEVELS[level] > logging.INFO:
        return lambda decision: None
    return lambda decision: sink.write(orjson.dumps(_line(decision), option=orjson.OPT_APPEND_NEWLINE))


def _line(decision: Decision) -> dict[str, object]:
    return {
        "event": "request",
        "level": "info",
        "timestamp": datetime.now(UTC),
        "request_id": decision.request_id,
        "workflow": decision.workflow,
        "route": decision.route,
        "stream": decision.stream,
        "outcome": decision.outcome,
        "status": decision.status,
        "served_by": decision.served_by,
        "fallback": decision.fallback,
        "attempts": [f"{attempt.deployment}:{attempt.outcome}" for attempt in decision.attempts],
        "first_token": decision.first_token,
        "took": round(decision.took, 6),
        "usd": decision.usd,
        "revision": decision.revision,
    }


def _add_time(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["timestamp"] = datetime.now(UTC)  # orjson writes it as ISO 8601
    return event


def _serialize(event: object, default: object = None) -> bytes:
    return orjson.dumps(event, default=str)
