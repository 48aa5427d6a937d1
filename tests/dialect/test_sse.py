import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialect import sse
from gateway.dialect.sse import EventTooLong, Splitter, is_error_event, payload
from tests.dialect.build import REPEATABLE

LINES = st.lists(
    st.sampled_from([b"data: a", b"data:b", b": ping", b"event: error", b"data: \xc3\xa9", b"id: 1"]), min_size=1
)
EVENTS = st.lists(LINES.map(b"\n".join), min_size=1, max_size=6)


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@REPEATABLE
@given(data=st.data(), events=EVENTS, ending=st.sampled_from([b"\n", b"\r\n"]))
def test_however_the_bytes_are_cut_the_events_are_the_same(
    data: st.DataObject, events: list[bytes], ending: bytes
) -> None:
    wire = b"".join(event.replace(b"\n", ending) + ending * 2 for event in events)
    splitter = Splitter()
    found = [event for piece in data.draw(pieces(wire)) for event in splitter.feed(piece)]
    assert found == events
    assert splitter.rest == b""


@REPEATABLE
@given(data=st.data(), events=EVENTS)
def test_lines_that_end_in_a_bare_cr(data: st.DataObject, events: list[bytes]) -> None:
    wire = b"".join(event.replace(b"\n", b"\r") + b"\r\r" for event in events)
    splitter = Splitter()
    found = [event for piece in data.draw(pieces(wire + b"\n")) for event in splitter.feed(piece)]
    assert found == events  # the last CR could be half of a CRLF until something follows it


def test_what_has_not_ended_waits() -> None:
    splitter = Splitter()
    assert splitter.feed(b"data: a\n\ndata: b\n") == [b"data: a"]
    assert splitter.rest == b"data: b\n"
    assert splitter.feed(b"\n") == [b"data: b"]


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 64)
    splitter = Splitter()
    assert splitter.feed(b"data: " + b"a" * 58) == []
    with pytest.raises(EventTooLong):
        splitter.feed(b"a")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x", b"x"),
        (b"data:x", b"x"),
        (b"data:  x", b" x"),
        (b"data: x\ndata: y", b"x\ny"),
        (b"event: delta\ndata: x\nid: 3\nretry: 10", b"x"),
        (b": keep-alive", b""),
        (b"", b""),
        (b"\ndata: x", b"x"),
        (b'{"id": 1}', None),
        (b"<html>", None),
    ],
)
def test_payload(event: bytes, data: bytes | None) -> None:
    assert payload(event) == data


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b'event: error\ndata: {"x": 1}', True),
        (b"event:error", True),
        (b"event: delta\ndata: x", False),
        (b'data: {"content": "event: error"}', False),
    ],
)
def test_error_events(event: bytes, expected: bool) -> None:
    assert is_error_event(event) is expected
