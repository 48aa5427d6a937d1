import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.document import Document
from gateway.config.parse import MAX_DEPTH, parse, position_of
from gateway.config.problem import Path
from gateway.config.secret import Unresolved
from tests.config.files import SOUND


def read(text: str) -> Document:
    return parse("f.yaml", text, lambda value: value)


def told(document: Document) -> list[tuple[int, int, str, str]]:
    problems = [document.locate(finding) for finding in document.findings]
    return [(problem.line, problem.column, problem.path, problem.message) for problem in problems]


def test_plain_data() -> None:
    text = "a: 1\nb: [x, 1.5, true, null, '7']\nc:\n  d: 2027-06-30\n  e: yes\n"
    data = {"a": 1, "b": ["x", 1.5, True, None, "7"], "c": {"d": datetime.date(2027, 6, 30), "e": "yes"}}
    assert read(text).data == data
    assert read(text).findings == ()


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("a",), (1, 4)),
        (("b", 1), (2, 8)),
        (("c",), (3, 1)),  # a block: the line that names it
        (("c", "d"), (4, 6)),
        (("l", 1), (7, 5)),
        (("l", 1, "k"), (7, 8)),
    ],
)
def test_places(path: Path, place: tuple[int, int]) -> None:
    document = read("a: 1\nb: [x, 1.5]\nc:\n  d: 3\nl:\n  - k: 1\n  - k: 2\n")
    assert document.places[path].value == place


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", (1, 1, "", "the file is empty")),
        ("# nothing\n", (1, 1, "", "the file is empty")),
        ("a: [1\nb: 2\n", (2, 2, "", "a list or mapping in brackets does not go on as it should")),
        ("a: 1\n\tb: 2\n", (2, 1, "", "a tab where YAML allows only spaces")),
        ("a: b: c\n", (1, 5, "", "': ' does not fit here")),
        ("a:\n  - b\n c: d\n", (3, 2, "", "the indentation does not fit the lines above")),
        ("a: 1\n---\nb: 2\n", (2, 1, "", "a second document ('---')")),
        ("a: 1\nb: \x07\n", (2, 4, "", "a control character")),
        ("a: 1\na: 2\n", (2, 1, "a", "duplicate key")),
        ("x:\n  a: 1\n  b: 1\n  a: 2\n", (4, 3, "x.a", "duplicate key")),
        ("a: {1: x}\n", (1, 5, "a", "a key that is not text")),
        ("a: !!python/object:os.system x\n", (1, 4, "a", "YAML tags ('!...') are not supported")),
        ("a: !!bool x\n", (1, 4, "a", "not a number or date that exists")),
        ("a: 2027-13-45\n", (1, 4, "a", "not a number or date that exists")),
        ("a: " + "9" * 5000, (1, 4, "a", "not a number or date that exists")),
        ("a: [<<: 3]\n", (1, 5, "a[0]", "'<<' takes an alias of a mapping")),
    ],
)
def test_broken_yaml(text: str, problem: tuple[int, int, str, str]) -> None:
    assert told(read(text)) == [problem]


def test_a_message_does_not_repeat_what_may_be_a_secret() -> None:
    for text in ("api_key: *sk-live\n", "api_key: !sk-live\n", "api_key: 1\napi_key: sk-live\n"):
        findings = read(text).findings
        assert findings
        assert "sk-live" not in repr(findings)


def test_anchors_and_merges() -> None:
    text = "a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\nd: {<<: [{r: 4}, *x], p: 5}\ne: &x 6\nf: *x\n"
    data = read(text).data
    assert data == {
        "a": {"p": 1, "q": 2},
        "b": {"p": 1, "q": 2},
        "c": {"p": 1, "q": 3},
        "d": {"p": 5, "q": 2, "r": 4},
        "e": 6,
        "f": 6,
    }


LAUGHS = "x: &a [1]\n" + "".join(f"y{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else '*a'] * 9)}]\n" for i in range(9))


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [*x, *x]\n",
        "a: &x {<<: *x}\n",
        "a: &x {<<: [*x, *x]}\n",
        LAUGHS,
        "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
    ],
)
def test_bombs_are_refused_once_and_leave_no_data(text: str) -> None:
    document = read(text)
    assert document.data is None
    assert [problem[3] for problem in told(document)] == ["more than 100000 values or 32 levels, aliases followed"]


def test_deeper_than_the_parser_can_go() -> None:
    assert told(read("[" * 5000)) == [(1, 1, "", "nested too deeply")]


def test_a_text_without_its_secret_is_located() -> None:
    def refuse(text: str) -> str:
        raise Unresolved("not set")

    assert told(parse("f.yaml", "a: 1\nb:\n  - c: text\n", refuse)) == [(3, 8, "b[0].c", "not set")]


def test_position_of() -> None:
    assert [position_of("ab\nc", index) for index in (0, 1, 3)] == [(1, 1), (1, 2), (2, 1)]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_typed_gives_data_or_a_finding(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SOUND)))
    cut = data.draw(st.integers(0, 6))
    typed = data.draw(st.text(alphabet=":-[]{}&*!|>'\"%@`#?, \n\t<~0aé\x00", max_size=6))
    document = read(SOUND[:at] + typed + SOUND[at + cut :])
    assert document.data is not None or document.findings
