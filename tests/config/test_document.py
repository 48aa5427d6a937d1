from gateway.config.document import Document, Place
from gateway.config.problem import Finding

PLACES = {
    (): Place((1, 1), (1, 1)),
    ("a",): Place((2, 4), (2, 1), "plain"),
    ("b",): Place((3, 4), (3, 1), "x-${SECRET}"),
    ("c", "api_key"): Place((4, 4), (4, 1), "sk-inline"),
    ("d",): Place((5, 4), (5, 1), "y" * 200),
}
DOCUMENT = Document("f.yaml", {"b": "x-hush"}, PLACES)


def test_a_finding_points_at_the_value_or_the_key() -> None:
    value, key = (DOCUMENT.locate(Finding("error", ("a",), "m", on_key=on_key)) for on_key in (False, True))
    assert (value.line, value.column) == (2, 4)
    assert (key.line, key.column) == (2, 1)


def test_a_path_that_is_not_there_points_at_what_would_hold_it() -> None:
    problem = DOCUMENT.locate(Finding("warning", ("a", "x", 3), "m"))
    assert (problem.line, problem.column, problem.path) == (2, 4, "a.x[3]")
    assert Document("f.yaml").locate(Finding("error", ("a",), "m")).line == 1


def test_the_finder_s_own_position_wins() -> None:
    assert DOCUMENT.locate(Finding("error", ("a",), "m", position=(9, 9))).line == 9


def test_problems_come_in_the_order_of_the_file() -> None:
    findings = [Finding("error", at, "m") for at in (("c", "api_key"), ("a",), ("b",))]
    assert [problem.path for problem in DOCUMENT.problems(findings)] == ["a", "b", "c.api_key"]


def test_quotes_never_show_what_may_be_a_secret() -> None:
    assert DOCUMENT.quote(("a",)) == "'plain'"
    assert DOCUMENT.quote(("b",)) == "the value of a reference"
    assert DOCUMENT.quote(("c", "api_key")) == ""
    assert DOCUMENT.quote(("nowhere",)) == ""
    assert len(DOCUMENT.quote(("d",))) < 80


def test_the_repr_holds_no_data() -> None:
    assert "hush" not in repr(DOCUMENT)
    assert "sk-inline" not in repr(DOCUMENT)
