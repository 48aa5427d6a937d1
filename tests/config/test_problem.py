import pytest

from gateway.config.problem import Path, Problem, show_path, suggest


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("routes", "chat", "tiers", 0, 1), "routes.chat.tiers[0][1]"),
        (("deployments", "gpt-4.1/eu", "model"), "deployments['gpt-4.1/eu'].model"),
    ],
)
def test_paths(path: Path, text: str) -> None:
    assert show_path(path) == text


def test_a_problem_reads_like_a_compiler_s() -> None:
    problem = Problem(
        "error", "gateway.yaml", 3, 5, "routes.chat.polcy", "unknown key 'polcy'", "did you mean 'policy'?"
    )
    assert str(problem) == "gateway.yaml:3:5: error: routes.chat.polcy: unknown key 'polcy'; did you mean 'policy'?"


def test_a_problem_without_a_place_names_the_file() -> None:
    assert str(Problem("error", "gateway.yaml", 0, 0, "", "cannot be read")) == "gateway.yaml: error: cannot be read"


def test_suggestions() -> None:
    assert suggest("polcy", ["policy", "tiers"]) == "did you mean 'policy'?"
    assert suggest("zzz", ["policy", "tiers"]) == "known: policy, tiers"
    assert suggest("zzz", []) == "none is defined"
    assert suggest("zzz", [f"a{n:02}" for n in range(30)]).endswith("a10, a11, ...")
