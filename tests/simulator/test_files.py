from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import Field

from gateway.config.problem import Finding, Problem
from gateway.config.section import Flag, Section
from gateway.simulator.files import AmountSpread, LongSpread, check_shares, load_file


class Sample(Section):
    good: Flag = True
    one: LongSpread | None = None
    many: dict[str, list[AmountSpread]] = Field(default={})


def check(sample: Sample) -> Iterator[Finding]:
    if not sample.good:
        yield Finding("error", ("good",), "not good")
    yield Finding("warning", (), "looked at")


def load(tmp_path: Path, text: str) -> tuple[str | None, list[Problem]]:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return load_file(path, Sample, check, lambda sample: f"built {sample.good}")


def said(problems: list[Problem]) -> list[str]:
    return [str(problem).partition("x.yaml:")[2] for problem in problems]


def test_a_sound_file_is_built_and_its_warnings_told(tmp_path: Path) -> None:
    built, problems = load(tmp_path, "good: true\n")
    assert built == "built True"
    assert said(problems) == ["1:1: warning: looked at"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("good: false\n", ["1:1: warning: looked at", "1:7: error: good: not good"]),
        ("godo: true\n", ["1:1: error: godo: unknown key 'godo'; did you mean 'good'?"]),
        (
            "good: ${GOOD}\n",
            ["1:7: error: good: references such as ${NAME} have no place here: this file holds no secrets"],
        ),
        (
            "one: {median: 2s, p95: 1s}\nmany: {a: [{median: 1, p95: 1}, {median: 2, p95: 1.9}]}\n",
            [
                "1:1: warning: looked at",
                "1:24: error: one.p95: less than the median",
                "2:50: error: many.a[1].p95: less than the median",
            ],
        ),
    ],
)
def test_nothing_is_built_with_an_error(tmp_path: Path, text: str, told: list[str]) -> None:
    built, problems = load(tmp_path, text)
    assert built is None
    assert said(problems) == told


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ({}, []),
        ({"a": 1.0}, []),
        ({"a": 0.1, "b": 0.2, "c": 0.7}, []),
        ({"a": 0.5, "b": 0.4}, ["adds up to 90%, not to 100%"]),
        ({"a": 0.5, "b": 0.5001}, ["adds up to 100.01%, not to 100%"]),
    ],
)
def test_shares_are_parts_of_one_whole(shares: dict[str, float], told: list[str]) -> None:
    assert [finding.message for finding in check_shares(shares, ())] == told
