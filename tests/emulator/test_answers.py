import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator import answers


@given(st.text(), st.integers())
def test_an_answer_is_a_pure_function(prompt: str, seed: int) -> None:
    assert answers.answer(prompt, seed) == answers.answer(prompt, seed)


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(answers.tokens(text)) == text


def test_an_answer_echoes_the_prompt_in_about_forty_words() -> None:
    text = answers.answer("Which bank moves the money?")
    assert text.startswith("You said: Which bank moves the money? - ")
    assert 35 <= answers.count(text) <= 45


def test_another_seed_answers_otherwise() -> None:
    assert answers.answer("hello", 1) != answers.answer("hello", 2)


@pytest.mark.parametrize(("words", "expected"), [(0, ""), (1, "w0"), (3, "w0 w1 w2")])
def test_counted_words_do_not_depend_on_the_seed(words: int, expected: str) -> None:
    assert {answers.answer(f"say [[words:{words}]] please", seed) for seed in range(3)} == {expected}


@given(st.integers(0, 200), st.integers(0, 9))
def test_a_remainder_completes_its_beginning(cut: int, seed: int) -> None:
    full = answers.answer("hello", seed)
    rest = answers.remainder(full[:cut], "hello", seed)
    assert rest is not None
    assert full[:cut] + rest == full


def test_a_foreign_beginning_has_no_remainder() -> None:
    assert answers.remainder("Something else", "hello", 0) is None
