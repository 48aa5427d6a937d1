"""A decision as a row of the ledger and as a line of the spool, and back, without loss."""

from collections.abc import Sequence
from dataclasses import fields, replace
from math import isfinite
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from gateway.core.decision import Attempt, Decision, Rejected

COLUMNS = tuple(field.name for field in fields(Decision))

UNSTORABLE = (ValueError, OverflowError)
"""What encoding or binding a decision raises when a value has no place in JSON or SQL; `sound` mends it."""

_INT64 = 2**63 - 1

_Record = TypeVar("_Record", bound=Decision | Attempt | Rejected)
_plain = attrgetter(*COLUMNS[: COLUMNS.index("attempts")])
_encode = msgspec.json.Encoder().encode
_attempts = msgspec.json.Decoder(tuple[Attempt, ...]).decode
_rejected = msgspec.json.Decoder(tuple[Rejected, ...]).decode
_notes = msgspec.json.Decoder(tuple[str, ...]).decode
_decision = msgspec.json.Decoder(Decision).decode


def to_row(decision: Decision) -> tuple[object, ...]:
    """The values of COLUMNS. Raises one of UNSTORABLE."""
    _require_finite(decision)
    return (
        *_plain(decision),
        _text(decision.attempts),
        _text(decision.rejected),
        decision.stream_ending,
        _text(decision.notes),
    )


def from_row(row: Sequence[Any]) -> Decision:
    """Raises `msgspec.MsgspecError` when a nested column is not what `to_row` wrote."""
    *plain, attempts, rejected, stream_ending, notes = row
    return Decision(*[*plain, _attempts(attempts), _rejected(rejected), stream_ending, _notes(notes)])


def to_line(decision: Decision) -> bytes:
    """One line of JSON with its newline. What JSON cannot say is mended first."""
    try:
        _require_finite(decision)
        return _encode(decision) + b"\n"
    except UNSTORABLE:
        return _encode(sound(decision)) + b"\n"


def from_line(line: bytes) -> Decision | None:
    """None when the line is torn or not a decision."""
    try:
        return _decision(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def sound(record: _Record) -> _Record:
    """The same record with each value one that JSON and SQL can hold.

    Vendors' figures and words end up in decisions; one that cannot be stored must not hold up all others.
    """
    return replace(record, **{field.name: _sound_value(getattr(record, field.name)) for field in fields(record)})


def _sound_value(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float):
        return value if isfinite(value) else 0.0
    if isinstance(value, tuple):
        return tuple(sound(item) if isinstance(item, Attempt | Rejected) else _sound_value(item) for item in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_INT64, min(value, _INT64))
    return value


def _require_finite(decision: Decision) -> None:
    """JSON encoders write NaN as null, which would not come back."""
    total = decision.at + decision.took + decision.usd + (decision.first_token or 0.0)
    for attempt in decision.attempts:
        total += attempt.started + attempt.took + attempt.usd + (attempt.first_token or 0.0)
    if not isfinite(total):
        raise ValueError("not a finite number")


def _text(items: tuple[Attempt, ...] | tuple[Rejected, ...] | tuple[str, ...]) -> str:
    return _encode(items).decode() if items else "[]"
