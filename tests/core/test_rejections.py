from dataclasses import replace

from gateway.core.model import BreakerSettings
from gateway.core.rejections import REMEMBERED, Rejections

SETTINGS = BreakerSettings(minimum_calls=10, failure_share=0.5, window=60.0)


def wave(workflows: list[str], accepted: int = 0) -> Rejections:
    rejections = Rejections(SETTINGS)
    for _ in range(accepted):
        rejections.add("calm", False, 100.0)
    for workflow in workflows:
        rejections.add(workflow, True, 100.0)
    return rejections


def test_most_answers_to_two_workflows_are_suspicious() -> None:
    assert wave(["a", "b"] * 5).suspicious(100.0)


def test_one_workflow_alone_is_its_own_fault() -> None:
    assert not wave(["a"] * 50).suspicious(100.0)


def test_too_few_answers_say_nothing() -> None:
    assert not wave(["a", "b"] * 4 + ["a"]).suspicious(100.0)


def test_a_minority_says_nothing() -> None:
    assert not wave(["a", "b"] * 5, accepted=11).suspicious(100.0)


def test_the_second_workflow_must_be_recent() -> None:
    rejections = Rejections(SETTINGS)
    rejections.add("b", True, 0.0)
    for _ in range(20):
        rejections.add("a", True, 100.0)
    assert not rejections.suspicious(100.0)


def test_suspicion_passes_with_the_window() -> None:
    assert not wave(["a", "b"] * 5).suspicious(161.0)


def test_what_was_proven_is_believed_until_a_request_is_taken() -> None:
    rejections = wave(["a"])
    rejections.prove()
    assert rejections.suspicious(10_000.0)
    rejections.add("a", True, 10_000.0)
    assert rejections.suspicious(10_000.0)
    rejections.add("a", False, 10_000.0)
    assert not rejections.suspicious(10_000.0)


def test_memory_is_bounded_and_keeps_the_latest() -> None:
    rejections = wave([f"w{number}" for number in range(10 * REMEMBERED)])
    assert rejections.suspicious(100.0)
    assert len(rejections._seen) == REMEMBERED


def test_a_new_window_starts_empty_and_the_same_one_is_kept() -> None:
    rejections = wave(["a", "b"] * 5)
    rejections.configure(replace(SETTINGS, failure_share=0.9))
    assert rejections.suspicious(100.0)
    rejections.configure(replace(SETTINGS, window=30.0))
    assert not rejections.suspicious(100.0)
