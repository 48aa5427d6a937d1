import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Domain
from gateway.simulator.concentration import KINDS, by_kind, concentration, hhi, shares
from gateway.simulator.result import Concentration

from .exposed import REPEATABLE, deployment, snapshot, workflow


def test_four_firms() -> None:
    """The textbook's: 40, 30, 20 and 10 % of a market."""
    assert hhi({"a": 40.0, "b": 30.0, "c": 20.0, "d": 10.0}) == pytest.approx(3000.0)


def test_a_monopoly_and_equal_firms() -> None:
    assert hhi({"a": 7.0}) == 10_000.0
    for count in (2, 4, 5, 10):
        assert hhi({str(n): 3.0 for n in range(count)}) == pytest.approx(10_000.0 / count)


def test_of_nothing_there_is_no_index() -> None:
    assert hhi({}) is None
    assert hhi({"a": 0.0}) is None
    assert shares({"a": 0.0}) == {}


def test_shares_come_largest_first_and_ties_by_name() -> None:
    assert list(shares({"b": 1.0, "c": 2.0, "a": 1.0, "d": 0.0}).items()) == [
        ("c", 0.5),
        ("a", 0.25),
        ("b", 0.25),
        ("d", 0.0),
    ]


@REPEATABLE
@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=12))
def test_it_lies_between_equal_shares_and_a_monopoly(amounts: list[float]) -> None:
    index = hhi({str(n): amount for n, amount in enumerate(amounts)})
    assert index is not None
    assert 10_000.0 / len(amounts) * (1 - 1e-9) <= index <= 10_000.0 * (1 + 1e-9)


MAKER = Domain("maker", "openai")
DIRECT = deployment("direct", Domain("vendor", "openai"), MAKER)
CLOUD = deployment("cloud", Domain("vendor", "azure"), MAKER, Domain("cloud", "azure"))
OWN = deployment("own", Domain("vendor", "onprem"), Domain("maker", "meta"))
CONFIG = snapshot(workflow("w"), routes={"chat": [DIRECT, CLOUD, OWN]})
SERVED = {"direct": 60.0, "cloud": 30.0, "own": 10.0}
WITHOUT = {"vendor:openai": {"cloud": 75.0, "own": 25.0}, "maker:openai": {"own": 50.0}}


def measured() -> dict[str, Concentration]:
    return {one.kind: one for one in concentration(CONFIG, "traffic", SERVED, WITHOUT)}


def test_each_kind_of_domain_has_its_own_picture() -> None:
    found = measured()
    assert tuple(found) == KINDS
    assert found["vendor"].shares == {"openai": 0.6, "azure": 0.3, "onprem": 0.1}
    assert found["vendor"].hhi == pytest.approx(4600.0)
    assert found["vendor"].effective == pytest.approx(10_000.0 / 4600.0)
    assert found["maker"].shares == {"openai": 0.9, "meta": 0.1}
    assert found["cloud"].shares == {"not stated": 0.7, "azure": 0.3}
    assert found["edge"].shares == {"not stated": 1.0}
    assert {one.measure for one in found.values()} == {"traffic"}


def test_the_failover_adjusted_index_is_of_what_serves_without_the_largest() -> None:
    found = measured()
    assert found["vendor"].hhi_without_top == pytest.approx(6250.0)
    assert found["maker"].hhi_without_top == 10_000.0


def test_the_largest_is_the_largest_that_serves() -> None:
    without = {**WITHOUT, "vendor:azure": {"direct": 50.0, "own": 50.0}}
    (vendor, *_) = concentration(CONFIG, "traffic", {"direct": 30.0, "cloud": 60.0, "own": 10.0}, without)
    assert vendor.hhi_without_top == pytest.approx(5000.0)


def test_it_is_unknown_where_nothing_serves_or_no_run_says() -> None:
    assert measured()["cloud"].hhi_without_top is None
    (vendor, *_) = concentration(CONFIG, "value", SERVED, {"vendor:openai": {}})
    assert vendor.hhi_without_top is None


def test_nothing_spent_is_not_concentrated() -> None:
    assert concentration(CONFIG, "spend", {"own": 0.0}, {}) == ()


def test_amounts_add_up_by_name() -> None:
    assert by_kind(CONFIG, "maker", SERVED) == {"openai": 90.0, "meta": 10.0}
