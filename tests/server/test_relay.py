"""The second leg of a stream, in the shapes vendors give it."""

from typing import Any

import orjson
import pytest

from gateway.server.relay import Relay
from tests.dialect.build import request

BEGUN = "The capital of France is"


def event(delta: Any, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({"id": "x", "created": 1, "model": "m", "choices": [choice], **more})


def second_leg(*events: bytes) -> tuple[str, dict[str, Any]]:
    """What the app gets of it: the words, and the last chunk."""
    relay = Relay(request())
    relay.begin_leg("a", continuing=False)
    relay.pass_on(relay.judge.feed(event({"content": BEGUN}) + b"\n\n"))
    relay.interrupt()
    relay.begin_leg("b", continuing=True)
    passed = relay.judge.feed(b"".join(one + b"\n\n" for one in events) + b"data: [DONE]\n\n")
    assert relay.judge.ended, relay.judge.failure
    chunks = [orjson.loads(one[6:]) for one in relay.pass_on(passed).split(b"\n\n") if one]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert {chunk["id"] for chunk in chunks} == {"x"}
    return "".join(delta.get("content") or "" for delta in deltas), chunks[-1]


@pytest.mark.parametrize(
    "events",
    [
        [event({"content": " Paris"}), event({}, "stop")],
        [event({"content": [{"type": "text", "text": " Paris"}]}), event({}, "stop")],
        [event({"content": f"{BEGUN} Paris"}), event({}, "stop")],
        [event({"content": " Paris"}, "stop")],
    ],
)
def test_its_words_arrive(events: list[bytes]) -> None:
    words, last = second_leg(*events)
    assert words == " Paris"
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["gateway"] == {"continued": True, "deployments": ["a", "b"]}


def test_words_still_held_come_with_a_finish_that_has_no_delta() -> None:
    words, _ = second_leg(event({"content": " is"}), event(None, "stop"))
    assert words == " is"


def test_usage_without_figures_counts_the_first_leg() -> None:
    _, last = second_leg(event({"content": " Paris"}), event({}, "stop", usage={"prompt_tokens": None}))
    assert last["usage"]["completion_tokens"] == 1
