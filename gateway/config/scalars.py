"""The kinds of single values in the config file: how each is read, refused in plain words, and shown to editors."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from gateway.config.problem import suggest
from gateway.config.units import DURATION_PATTERN, SHARE_PATTERN, parse_duration, parse_share, show_duration, show_share

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/:-]*$"
REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}
TIME_PATTERN = r"^([01][0-9]|2[0-3]):([0-5][0-9])$"
MAX_TEXT = 1000
MAX_PROSE = 4000

_HUGE = 1e15  # beyond it nothing here is meant, and an int may not fit a float


class Refused(ValueError):
    """A value that does not fit: what was expected instead, in plain words that never hold the value itself."""

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected)
        self.hint = hint


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """Annotates a field. `parse` makes its value or raises `Refused`; `shape` is its JSON schema.

    `show` writes a value back the way the file has it, for the defaults in the published schema.
    """

    parse: Callable[[object], Any]
    shape: Mapping[str, object]
    show: Callable[[Any], object] | None = None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        show = self.show
        serialization = core_schema.plain_serializer_function_ser_schema(show, when_used="json") if show else None
        return core_schema.no_info_plain_validator_function(self.parse, serialization=serialization)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class InShort:
    """Annotates a field that is one plain value in short, and a list or a section (`full`) at length."""

    short: Scalar
    full: Any

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        def parse(value: object, at_length: Callable[[object], object]) -> object:
            return at_length(value) if isinstance(value, dict | list) else self.short.parse(value)

        show = self.short.show
        serialization = core_schema.plain_serializer_function_ser_schema(show, when_used="json") if show else None
        full = handler.generate_schema(self.full)
        return core_schema.no_info_wrap_validator_function(parse, full, serialization=serialization)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [dict(self.short.shape), handler(schema["schema"])]}


def text() -> Scalar:
    """One line of text, as it is: what the vendor or a person calls something."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
            raise Refused(f"expected one line of text, at most {MAX_TEXT} characters", _quotes(value))
        return value

    return Scalar(parse, _or_reference({"type": "string", "minLength": 1, "maxLength": MAX_TEXT}))


def name() -> Scalar:
    """An id: stands in headers, metrics and paths, so its alphabet is small."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or len(value) > MAX_TEXT or not re.match(ID_PATTERN[:-1] + r"\Z", value):
            raise Refused(
                "expected a name of letters, digits and ._/:- that starts with a letter or digit", _quotes(value)
            )
        return value

    return Scalar(parse, _or_reference({"type": "string", "pattern": ID_PATTERN}))


def choice(*names: str, also: str = "") -> Scalar:
    """One of the names; `also` explains them in the refusal."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            hint = suggest(str(value), names)
            expected = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
            raise Refused(f"expected {expected}{also}", hint if hint.startswith("did") else "")
        return value

    return Scalar(parse, _or_reference({"enum": list(names)}))


def flag() -> Scalar:
    values = {"true": True, "false": False}

    def parse(value: object) -> bool:
        read = values.get(value) if isinstance(value, str) else value
        if not isinstance(read, bool):
            raise Refused("expected true or false")
        return read

    return Scalar(parse, _or_reference({"type": "boolean"}))


def count(low: int, high: int) -> Scalar:
    """A whole number; also as text, since that is what an environment variable holds."""

    def parse(value: object) -> int:
        read = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value) else value
        if not isinstance(read, int) or isinstance(read, bool) or not low <= read <= high:
            raise Refused(f"expected a whole number from {low} to {high:,}" if low < high else f"expected {low}")
        return read

    return Scalar(parse, _or_reference({"type": "integer", "minimum": low, "maximum": high}))


def amount(high: float, *, low: int = 0, positive: bool = False) -> Scalar:
    """A number from `low` (or above it, where `positive`) to `high`."""
    bound = f"above {low} and" if positive else f"from {low},"

    def parse(value: object) -> float:
        read = _number(value)
        if read is None or not low <= read <= high or (positive and read == low):
            raise Refused(f"expected a number {bound} at most {high:,.0f}")
        return read

    minimum = "exclusiveMinimum" if positive else "minimum"
    return Scalar(parse, _or_reference({"type": "number", minimum: low, "maximum": high}))


def duration(*, zero: bool = False, longest: str = "24h") -> Scalar:
    """Seconds, above 0 unless `zero`, at most `longest`."""
    bound = parse_duration(longest)
    assert bound is not None

    def parse(value: object) -> float:
        seconds = parse_duration(value) if isinstance(value, str) else None
        if seconds is None:
            hint = "add a unit" if _number(value) is not None else ""
            raise Refused("expected a duration such as 250ms, 3s, 5m or 2h", hint)
        if seconds > bound or (seconds == 0 and not zero):
            raise Refused(f"expected a duration {'' if zero else 'above 0 and '}of at most {longest}")
        return seconds

    return Scalar(parse, _or_reference({"type": "string", "pattern": DURATION_PATTERN}), show_duration)


def share(*, zero: bool = False) -> Scalar:
    """0..1, written `15%` or 0.15; above 0 unless `zero`."""

    def parse(value: object) -> float:
        percentage = parse_share(value) if isinstance(value, str) else None
        read = _number(value) if percentage is None else percentage
        if read is None:
            raise Refused("expected a share such as 15%, or 0.15")
        if not 0 <= read <= 1 or (read == 0 and not zero):
            raise Refused(
                f"expected a share {'from' if zero else 'above'} 0% {'to' if zero else 'and up to'} 100%",
                "15% is 0.15, not 15",
            )
        return read

    low = "minimum" if zero else "exclusiveMinimum"
    number = {"type": "number", low: 0, "maximum": 1}
    return Scalar(parse, {"anyOf": [{"type": "string", "pattern": SHARE_PATTERN}, number, REFERENCE]}, show_share)


def or_word(word: str, meaning: object, other: Scalar) -> Scalar:
    """What `other` reads, or the word, which stands for `meaning`."""

    def parse(value: object) -> object:
        if value == word:
            return meaning
        try:
            return other.parse(value)
        except Refused as refused:
            raise Refused(f"{refused}, or {word}", refused.hint) from None

    def show(value: object) -> object:
        return word if value == meaning else other.show(value) if other.show else value

    return Scalar(parse, {"anyOf": [{"const": word}, other.shape]}, show)


def pair(one: Scalar) -> Scalar:
    """Two of a kind in a list, the lower one first."""

    def parse(value: object) -> tuple[Any, Any]:
        low, high = map(one.parse, value) if isinstance(value, list) and len(value) == 2 else (1, 0)
        if low > high:
            raise Refused("expected two values, the lower one first")
        return low, high

    return Scalar(parse, {"type": "array", "items": one.shape, "minItems": 2, "maxItems": 2})


def prose() -> Scalar:
    """A few sentences, over as many lines as they need; the line ends mean nothing."""

    def parse(value: object) -> str:
        read = " ".join(value.split()) if isinstance(value, str) else ""
        if not 0 < len(read) <= MAX_PROSE or not read.isprintable():
            raise Refused(f"expected text, at most {MAX_PROSE} characters", _quotes(value))
        return read

    return Scalar(parse, _or_reference({"type": "string", "minLength": 1}))


def day() -> Scalar:
    """A date, as ISO 8601 writes it. YAML knows dates too."""

    def parse(value: object) -> str:
        read = value.isoformat() if isinstance(value, date) else value
        try:
            if isinstance(read, str) and len(read) == len("2025-06-10"):
                return date.fromisoformat(read).isoformat()
        except ValueError:  # no such day
            pass
        raise Refused("expected a date such as 2025-06-10")

    return Scalar(parse, _or_reference({"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}))


def time_of_day() -> Scalar:
    """Seconds after midnight, written `14:00`."""

    def parse(value: object) -> float:
        match = re.fullmatch(TIME_PATTERN, value) if isinstance(value, str) else None
        if match is None:
            raise Refused("expected a time of day such as 06:36 or 14:00", _quotes(value))
        return int(match[1]) * 3600.0 + int(match[2]) * 60.0

    def show(seconds: float) -> str:
        return f"{int(seconds) // 3600:02}:{int(seconds) % 3600 // 60:02}"

    return Scalar(parse, _or_reference({"type": "string", "pattern": TIME_PATTERN}), show)


def matching(pattern: str, expected: str) -> Scalar:
    """Text of one form. `expected` completes "expected ..."."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or len(value) > MAX_TEXT or not re.fullmatch(pattern, value):
            raise Refused(f"expected {expected}", _quotes(value))
        return value

    return Scalar(parse, _or_reference({"type": "string", "pattern": f"^{pattern}$"}))


def base_url() -> Scalar:
    """Where a vendor's API starts, without the slash at its end. Credentials belong elsewhere."""

    def parse(value: object) -> str:
        expected = "a URL such as https://api.example.com/v1, without user, query or fragment"
        if not isinstance(value, str) or not re.fullmatch(r"https?://[!-~]+", value) or len(value) > MAX_TEXT:
            raise Refused(f"expected {expected}")
        try:
            url = urlsplit(value)
            sound = url.hostname and url.port != 0
        except ValueError:  # a port or an IPv6 address that is none
            sound = False
        if not sound or "@" in url.netloc or "?" in value or "#" in value:
            raise Refused(f"expected {expected}", "credentials belong in api_key" if "@" in value else "")
        return value.rstrip("/")

    return Scalar(parse, _or_reference({"type": "string", "pattern": "^https?://[^?#@]+$"}))


def credential() -> Scalar:
    """A secret that goes into a header: visible ASCII only, or a line end would forge the next header."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,8192}", value):
            raise Refused("expected a credential of visible ASCII characters, without spaces", _quotes(value))
        return value

    return Scalar(parse, {"type": "string", "minLength": 1})


def _number(value: object) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", value):
        return float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _HUGE:
        return None
    return float(value)


def _quotes(value: object) -> str:
    return "" if isinstance(value, str | dict | list) or value is None else "put it in quotes"


def _or_reference(shape: Mapping[str, object]) -> Mapping[str, object]:
    return {"anyOf": [shape, REFERENCE]}
