import pytest

from gateway.core.latency import FADES, PeakEwma


def test_a_slow_answer_is_believed_at_once_and_forgotten_slowly() -> None:
    latency = PeakEwma(tau=10.0)
    latency.add(0.5, 0.0)
    latency.add(4.0, 1.0)
    assert latency.value == 4.0
    latency.add(0.5, 2.0)
    assert latency.value is not None
    assert 3.5 < latency.value < 4.0
    latency.add(0.5, 42.0)
    assert latency.value == pytest.approx(0.5, abs=0.1)


def test_nothing_is_known_before_the_first_sample() -> None:
    assert PeakEwma().value is None
    assert PeakEwma().faded(10.0) is None


def test_a_value_that_no_answer_confirms_fades() -> None:
    latency = PeakEwma()
    latency.add(10.0, 100.0)
    assert latency.faded(100.0) == 10.0
    assert latency.faded(100.0 + 3 * FADES) == pytest.approx(0.5, abs=0.01)
    assert latency.value == 10.0, "what was measured stays"
