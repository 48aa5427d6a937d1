"""Decisions to write, and a bounded wait."""

import asyncio
import time
from collections.abc import Callable

from gateway.core.decision import Attempt, Decision, Rejected


def decision(number: int, name: str = "r", **changes: object) -> Decision:
    values: dict[str, object] = {
        "id": f"{name}-{number:06d}",
        "request_id": f"app-{name}-{number}",
        "at": 1_700_000_000.0 + number / 1000,
        "revision": "5f2c9a",
        "key": "support-prod",
        "workflow": "support-triage",
        "route": "chat",
        "endpoint": "/v1/chat/completions",
        "stream": True,
        "outcome": "ok",
        "status": 200,
        "served_by": "claude-anthropic",
        "served_vendor": "anthropic",
        "model": "claude-haiku",
        "fallback": True,
        "first_token": 0.41,
        "took": 1.93,
        "usd": 0.00034,
        "input_tokens": 812,
        "output_tokens": 64,
        "attempts": (
            Attempt("gpt-openai", "openai", "overloaded", 503, "busy", 0.0, None, 0.08),
            Attempt("claude-anthropic", "anthropic", "ok", 200, "", 0.08, 0.41, 1.85, 812, 64, False, 0.00034),
        ),
        "rejected": (Rejected("llama-onprem", "context 8192 is too small"),),
        "stream_ending": "finish",
        "notes": ("breaker of gpt-openai opened",),
    }
    return Decision(**{**values, **changes})


def several(count: int, start: int = 0, name: str = "r") -> list[Decision]:
    return [decision(number, name) for number in range(start, start + count)]


async def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    give_up_at = time.monotonic() + within
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        await asyncio.sleep(0.005)
