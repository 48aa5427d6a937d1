from hypothesis import given
from hypothesis import strategies as st

from gateway.core.window import BUCKETS, Counts, Window

from .build import REPEATABLE

Call = tuple[float, bool, bool | None]
CALLS = st.lists(st.tuples(st.floats(0, 30), st.booleans(), st.sampled_from([None, False, True])), max_size=60)


@REPEATABLE
@given(st.sampled_from([1.0, 10.0, 60.0]), st.floats(0, 1e6), CALLS)
def test_counts_what_a_list_of_calls_would(span: float, start: float, calls: list[Call]) -> None:
    window, now, log = Window(span), start, []
    for gap, failed, slow in calls:
        now += gap
        window.add(now, failed=failed, slow=slow)
        epoch = int(now / (span / BUCKETS))
        log.append((epoch, failed, slow))
        recent = [(f, s) for e, f, s in log if e > epoch - BUCKETS]
        timed = [s for _, s in recent if s is not None]
        assert window.counts(now) == Counts(len(recent), sum(f for f, _ in recent), sum(timed), len(timed))


def test_forgets_within_the_span_and_not_before_nine_tenths_of_it() -> None:
    window = Window(60.0)
    window.add(100.0, failed=True)
    assert window.counts(153.9).failures == 1
    assert window.counts(160.0).failures == 0


def test_a_cleared_window_starts_again_at_any_time() -> None:
    window = Window(10.0)
    window.add(1e6, failed=True)
    window.clear()
    assert window.counts(1e6).calls == 0
    window.add(1e6 + 1, slow=True)
    assert window.counts(1e6 + 1) == Counts(1, 0, 1, 1)


def test_the_share_of_no_calls_is_zero() -> None:
    assert Window(1.0).counts(5.0).failure_share == 0.0
