import pytest

from gateway.emulator.call import Call
from gateway.emulator.fault import Fault, FaultBoard, read_fault

PLAIN = Call("chat", "POST", "/chat/completions", "m", False, {}, False)
STREAM = Call("chat", "POST", "/chat/completions", "m", True, {}, False)
TOOLS = Call("chat", "POST", "/chat/completions", "m", True, {}, True)
OTHER = Call("embeddings", "POST", "/embeddings", "e", False, {}, False)


def _picked(board: FaultBoard, call: Call) -> str | None:
    hit = board.pick(call)
    return hit.kind.name if hit else None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "cut_rest"}, "did you mean 'cut_reset'"),
        ({"kind": "T1"}, "unknown kind"),
        ({"kind": "H1", "share": 1.5}, "`share`"),
        ({"kind": "H1", "count": 0}, "`count`"),
        ({"kind": "H1", "after_tokens": -1}, "`after_tokens`"),
        ({"kind": "H1", "status": 99}, "`status`"),
        ({"kind": "accept_then_close", "model": "m"}, "neither model nor endpoint"),
    ],
)
def test_nonsense_is_refused(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Fault(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"kind":"H1","shar":1}', b'{"kind":"H1","share":"1"}', b'{"kind":"nope"}']
)
def test_bad_json_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_fault(data)


def test_json_and_back() -> None:
    fault = Fault("S3", model="m", share=0.25, count=2, after_tokens=5)
    board = FaultBoard()
    id_ = board.add(fault)
    assert board.list()[0].to_json() == {
        "id": id_,
        "left": 2,
        "kind": "S3",
        "model": "m",
        "share": 0.25,
        "count": 2,
        "after_tokens": 5,
    }
    assert read_fault(b'{"kind":"S3","model":"m","share":0.25,"count":2,"after_tokens":5}') == fault


@pytest.mark.parametrize(
    ("kind", "plain", "stream"),
    [
        ("S3", "reset_in_body", "cut_reset"),
        ("S2", "stall_in_body", "stall"),
        ("H1", "internal_error", "internal_error"),
        ("S1", None, "slow_first_token"),
        ("T2", "blackhole", "blackhole"),
        ("cut_eof", None, "cut_eof"),
    ],
)
def test_an_id_means_its_first_variant_that_applies(kind: str, plain: str | None, stream: str | None) -> None:
    board = FaultBoard()
    board.add(Fault(kind))
    assert (_picked(board, PLAIN), _picked(board, STREAM)) == (plain, stream)


def test_tool_damage_needs_a_tool_call() -> None:
    board = FaultBoard()
    board.add(Fault("unknown_tool"))
    assert (_picked(board, STREAM), _picked(board, TOOLS)) == (None, "unknown_tool")


def test_model_and_endpoint_narrow_a_fault() -> None:
    board = FaultBoard()
    board.add(Fault("H1", model="m"))
    board.add(Fault("H2", endpoint="embeddings"))
    assert [_picked(board, call) for call in (PLAIN, OTHER)] == ["internal_error", "overloaded"]


def test_the_first_that_draws_wins_and_counts_down() -> None:
    board = FaultBoard()
    board.add(Fault("H1", count=2))
    board.add(Fault("H2", count=1))
    assert [_picked(board, PLAIN) for _ in range(4)] == ["internal_error", "internal_error", "overloaded", None]
    assert [placed.left for placed in board.list()] == [0, 0]


def test_a_share_is_seeded_and_independent_of_other_faults() -> None:
    def draws(seed: int, others: int) -> list[bool]:
        board = FaultBoard(seed)
        board.add(Fault("H1", share=0.3))
        for _ in range(others):
            board.add(Fault("H2", share=0.5))
        return [_picked(board, PLAIN) == "internal_error" for _ in range(400)]

    assert draws(1, 0) == draws(1, 3)
    assert draws(1, 0) != draws(2, 0)
    assert 90 < sum(draws(1, 0)) < 150


def test_remove_and_clear() -> None:
    board = FaultBoard()
    first, second = board.add(Fault("H1")), board.add(Fault("H2"))
    assert board.remove(first)
    assert not board.remove(first)
    assert [placed.id for placed in board.list()] == [second]
    board.clear()
    assert _picked(board, PLAIN) is None
