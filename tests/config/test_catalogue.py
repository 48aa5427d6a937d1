from importlib.metadata import version

import pytest

from gateway.config.catalogue import TABLE_VERSION, look_up, may_prefill
from gateway.core.model import Price

SOURCE = f"genai-prices {TABLE_VERSION}"


def test_the_table_is_the_one_whose_prices_were_looked_at() -> None:
    """Fails on an upgrade: set TABLE_VERSION, and AS_OF to that day."""
    assert version("genai-prices") == TABLE_VERSION


@pytest.mark.parametrize(
    ("vendor", "base_url", "model", "price", "context"),
    [
        ("openai", "https://api.openai.com/v1", "gpt-4o-mini", Price(0.15, 0.6, SOURCE), 128_000),
        ("any", "https://api.openai.com/v1", "gpt-4o-mini", Price(0.15, 0.6, SOURCE), 128_000),
        ("openai", "http://127.0.0.1:9101/v1", "gpt-4o-mini", Price(0.15, 0.6, SOURCE), 128_000),
        ("azure", "https://x.openai.azure.com/openai/v1", "gpt-4o-mini", Price(0.15, 0.6, SOURCE), 128_000),
        ("anthropic", "https://api.anthropic.com/v1", "claude-sonnet-4-5", Price(3, 15, SOURCE), 200_000),
        ("openai", "https://api.openai.com/v1", "text-embedding-3-small", Price(0.02, 0, SOURCE), 8192),
    ],
)
def test_known_models(vendor: str, base_url: str, model: str, price: Price, context: int) -> None:
    entry = look_up(vendor, base_url, model)
    assert entry.price == price
    assert entry.context == context


@pytest.mark.parametrize(("vendor", "model"), [("onprem", "gpt-4o-mini"), ("openai", "no-such-model-at-all")])
def test_what_is_not_known_is_not_guessed(vendor: str, model: str) -> None:
    entry = look_up(vendor, "http://10.0.0.1/v1", model)
    assert (entry.price, entry.context) == (None, None)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", False),
        ("https://eastus.openai.azure.com/openai/v1", False),
        ("https://notopenai.com/v1", True),
        ("http://127.0.0.1:8000/v1", True),
    ],
)
def test_prefill_is_tried_where_nothing_speaks_against_it(base_url: str, expected: bool) -> None:
    assert may_prefill(base_url) is expected
