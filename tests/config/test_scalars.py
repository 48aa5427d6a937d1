import json
import math
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from gateway.config import scalars
from gateway.config.scalars import Refused, Scalar
from gateway.config.section import Name, Section

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.dates()


def refusal(scalar: Scalar, value: object) -> str:
    with pytest.raises(Refused) as refused:
        scalar.parse(value)
    return f"{refused.value}; {refused.value.hint}".removesuffix("; ")


@pytest.mark.parametrize(
    ("scalar", "value", "read"),
    [
        (scalars.text(), "a b é", "a b é"),
        (scalars.name(), "meta-llama/Llama-3.3:free", "meta-llama/Llama-3.3:free"),
        (scalars.choice("a", "b"), "b", "b"),
        (scalars.flag(), True, True),
        (scalars.flag(), "false", False),
        (scalars.count(1, 10), 10, 10),
        (scalars.count(1, 10), "3", 3),
        (scalars.amount(10), 0, 0.0),
        (scalars.amount(10), "2.5", 2.5),
        (scalars.duration(), "250ms", 0.25),
        (scalars.duration(zero=True), "0s", 0.0),
        (scalars.share(), "15%", 0.15),
        (scalars.share(), 0.15, 0.15),
        (scalars.share(), 1, 1.0),
        (scalars.share(zero=True), "0%", 0.0),
        (scalars.amount(10, low=1), 1, 1.0),
        (scalars.duration(longest="31d"), "31d", 2_678_400.0),
        (scalars.or_word("forever", math.inf, scalars.duration()), "forever", math.inf),
        (scalars.or_word("forever", math.inf, scalars.duration()), "3s", 3.0),
        (scalars.pair(scalars.duration()), ["1s", "2s"], (1.0, 2.0)),
        (scalars.pair(scalars.duration()), ["1s", "1s"], (1.0, 1.0)),
        (scalars.prose(), "One.\n  Two.\n", "One. Two."),
        (scalars.day(), date(2025, 6, 10), "2025-06-10"),
        (scalars.day(), "2025-06-10", "2025-06-10"),
        (scalars.time_of_day(), "06:36", 23_760.0),
        (scalars.matching("ab?", "a or ab"), "ab", "ab"),
        (scalars.base_url(), "https://api.example.com/v1/", "https://api.example.com/v1"),
        (scalars.base_url(), "http://[::1]:8000", "http://[::1]:8000"),
        (scalars.credential(), "sk-A_1.x", "sk-A_1.x"),
    ],
)
def test_read(scalar: Scalar, value: object, read: object) -> None:
    assert scalar.parse(value) == read
    assert type(scalar.parse(value)) is type(read)


@pytest.mark.parametrize(
    ("scalar", "value", "message"),
    [
        (scalars.text(), "", "expected one line of text, at most 1000 characters"),
        (scalars.text(), "a\nb", "expected one line of text, at most 1000 characters"),
        (scalars.text(), 3, "expected one line of text, at most 1000 characters; put it in quotes"),
        (scalars.text(), date(2027, 1, 1), "expected one line of text, at most 1000 characters; put it in quotes"),
        (scalars.name(), "a b", "expected a name of letters, digits and ._/:- that starts with a letter or digit"),
        (scalars.name(), "a\n", "expected a name of letters, digits and ._/:- that starts with a letter or digit"),
        (scalars.choice("all", "none"), "al", "expected one of all, none; did you mean 'all'?"),
        (scalars.choice("all", "none"), True, "expected one of all, none"),
        (scalars.choice("all", also=" (for now)"), "x", "expected all (for now)"),
        (scalars.flag(), "yes", "expected true or false"),
        (scalars.flag(), 1, "expected true or false"),
        (scalars.count(1, 10), 11, "expected a whole number from 1 to 10"),
        (scalars.count(1, 10), True, "expected a whole number from 1 to 10"),
        (scalars.count(1, 10), 3.0, "expected a whole number from 1 to 10"),
        (scalars.count(1, 1), 2, "expected 1"),
        (scalars.amount(1000), float("nan"), "expected a number from 0, at most 1,000"),
        (scalars.amount(1000), 10**400, "expected a number from 0, at most 1,000"),
        (scalars.amount(1000, positive=True), 0, "expected a number above 0 and at most 1,000"),
        (scalars.duration(), 3, "expected a duration such as 250ms, 3s, 5m or 2h; add a unit"),
        (scalars.duration(), "3 s", "expected a duration such as 250ms, 3s, 5m or 2h"),
        (scalars.duration(), "0s", "expected a duration above 0 and of at most 24h"),
        (scalars.duration(zero=True), "25h", "expected a duration of at most 24h"),
        (scalars.amount(1000, low=1), 0.5, "expected a number from 1, at most 1,000"),
        (scalars.amount(1000, low=1, positive=True), 1, "expected a number above 1 and at most 1,000"),
        (scalars.duration(longest="31d"), "32d", "expected a duration above 0 and of at most 31d"),
        (
            scalars.or_word("forever", math.inf, scalars.duration()),
            3,
            "expected a duration such as 250ms, 3s, 5m or 2h, or forever; add a unit",
        ),
        (scalars.pair(scalars.duration()), ["2s", "1s"], "expected two values, the lower one first"),
        (scalars.pair(scalars.duration()), ["2s"], "expected two values, the lower one first"),
        (scalars.pair(scalars.duration()), ["2s", 3], "expected a duration such as 250ms, 3s, 5m or 2h; add a unit"),
        (scalars.prose(), " \n", "expected text, at most 4000 characters"),
        (scalars.prose(), "a" * 4001, "expected text, at most 4000 characters"),
        (scalars.prose(), "a\x00b", "expected text, at most 4000 characters"),
        (scalars.prose(), 3, "expected text, at most 4000 characters; put it in quotes"),
        (scalars.day(), "2025-02-29", "expected a date such as 2025-06-10"),
        (scalars.day(), "20250610", "expected a date such as 2025-06-10"),
        (scalars.day(), datetime(2025, 6, 10, 6), "expected a date such as 2025-06-10"),
        (scalars.time_of_day(), "24:00", "expected a time of day such as 06:36 or 14:00"),
        (scalars.time_of_day(), 14, "expected a time of day such as 06:36 or 14:00; put it in quotes"),
        (scalars.share(), "half", "expected a share such as 15%, or 0.15"),
        (scalars.share(), 15, "expected a share above 0% and up to 100%; 15% is 0.15, not 15"),
        (scalars.share(zero=True), "101%", "expected a share from 0% to 100%; 15% is 0.15, not 15"),
        (scalars.matching("ab?", "a or ab"), "abb", "expected a or ab"),
        (scalars.matching("[0-9]+", "digits"), 12, "expected digits; put it in quotes"),
        (scalars.credential(), "two words", "expected a credential of visible ASCII characters, without spaces"),
        (
            scalars.credential(),
            "line\r\nx-forged: 1",
            "expected a credential of visible ASCII characters, without spaces",
        ),
    ],
)
def test_refused(scalar: Scalar, value: object, message: str) -> None:
    assert refusal(scalar, value) == message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://x/",
        "https://",
        "https:///v1",
        "https://x/v1?a=b",
        "https://x/#f",
        "http://x:99999/",
        "http://[::1/",
        "http://x/ y",
        5,
    ],
)
def test_refused_urls(url: object) -> None:
    assert refusal(scalars.base_url(), url).startswith("expected a URL such as https://api.example.com/v1")


class Colour(Section):
    red: Annotated[int, scalars.count(0, 255)] = 0


class Painted(Section):
    colour: Annotated[str | Colour, scalars.InShort(scalars.name(), Colour)] = Field(default="red")
    layers: Annotated[str | list[Name], scalars.InShort(scalars.name(), list[Name])] | None = None


def test_a_field_in_short_and_at_length() -> None:
    assert Painted.model_validate({"colour": "blue", "layers": "a"}) == Painted(colour="blue", layers="a")
    long = Painted.model_validate({"colour": {"red": 3}, "layers": ["a", "b"]})
    assert (long.colour, long.layers) == (Colour(red=3), ["a", "b"])


@pytest.mark.parametrize(
    ("data", "places"),
    [
        ({"colour": "no name"}, [("colour",)]),
        ({"colour": {"red": 256, "gren": 1}}, [("colour", "red"), ("colour", "gren")]),
        ({"colour": ["a"]}, [("colour",)]),
        ({"layers": ["a", "b c"]}, [("layers", 1)]),
        ({"layers": {"a": 1}}, [("layers",)]),
    ],
)
def test_a_mistake_in_either_form_has_its_own_place(data: object, places: list[tuple[object, ...]]) -> None:
    with pytest.raises(ValidationError) as refused:
        Painted.model_validate(data)
    assert [error["loc"] for error in refused.value.errors()] == places


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    message = refusal(scalars.base_url(), "https://user:hush@api.example.com/v1")
    assert message.endswith("credentials belong in api_key")
    assert "hush" not in message


@pytest.mark.parametrize(
    "scalar",
    [
        scalars.text(),
        scalars.name(),
        scalars.choice("a"),
        scalars.flag(),
        scalars.count(0, 9),
        scalars.amount(9),
        scalars.duration(),
        scalars.share(),
        scalars.base_url(),
        scalars.credential(),
        scalars.pair(scalars.share()),
        scalars.prose(),
        scalars.day(),
        scalars.time_of_day(),
    ],
)
@given(value=ANYTHING)
def test_anything_is_read_or_refused(scalar: Scalar, value: object) -> None:
    with suppress(Refused):
        json.dumps(scalar.parse(value), allow_nan=False)
