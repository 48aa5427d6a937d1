import orjson
import pytest

from gateway.emulator.call import Call
from gateway.emulator.completion import Choice, Completion
from gateway.emulator.render import EventStream, plain, stream
from gateway.emulator.script import Pause

STREAM = EventStream((b"r",), (b"a", b"b", b"c"), (b"f",), (b"u",), b"d")
PACED = EventStream((b"r",), (b"a", b"b", b"c"), (b"f",), (b"u",), b"d", (0.1, 0.2))
COMPLETION = Completion("id1", 5, 'm"\\é', (Choice('say "ü"\n\\ 😀'),), 1, 3)


@pytest.mark.parametrize("events", [STREAM, PACED])
@pytest.mark.parametrize("count", range(5))
def test_until_and_after_are_the_whole(events: EventStream, count: int) -> None:
    assert [*events.until(count), *events.after(count)] == list(events.whole())


def test_gaps_come_before_each_token_but_the_first() -> None:
    assert list(PACED.whole()) == [b"r", b"a", Pause(0.1), b"b", Pause(0.2), b"c", b"f", b"u", b"d"]


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_any_text_survives_both_forms(endpoint: str) -> None:
    call = Call(endpoint, "POST", "", "m", True, {}, False)  # type: ignore[arg-type]
    body = orjson.loads(plain(COMPLETION, call).body)
    chunks = [orjson.loads(frame.removeprefix(b"data: ")) for frame in stream(COMPLETION, call).tokens]
    choices = [chunk["choices"][0] for chunk in chunks]
    whole = body["choices"][0]
    if endpoint == "chat":
        assert "".join([choice["delta"]["content"] for choice in choices]) == whole["message"]["content"]
        assert whole["message"]["content"] == COMPLETION.choices[0].text
    else:
        assert "".join([choice["text"] for choice in choices]) == whole["text"] == COMPLETION.choices[0].text
    assert {chunk["model"] for chunk in chunks} == {body["model"]} == {COMPLETION.model}
