"""What the bundled model table knows of a model: its price and context length. Nothing is fetched.

Prices that change at a date are read as of the day this table was taken in, so that one commit always computes the
same cost.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.core.model import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

TABLE_VERSION = "0.2.3"
AS_OF = datetime(2026, 11, 23, 12, tzinfo=UTC)

# These answer a partial assistant message with an error or with a new answer. Anyone else is asked once, and what the
# vendor makes of it is remembered.
_NO_PREFILL = ("openai.com", "azure.com", "anthropic.com", "googleapis.com", "mistral.ai")


@dataclass(frozen=True, slots=True)
class Entry:
    """`context` in tokens. None: the table does not know."""

    price: Price | None = None
    context: int | None = None


def look_up(vendor: str, base_url: str, model: str) -> Entry:
    """Finds the provider by the address, else by the vendor's name; a maker's price is not its reseller's."""
    info = _find(vendor, base_url, model)
    return Entry(_price(info), info.context_window) if info else Entry()


def may_prefill(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return not any(host == known or host.endswith(f".{known}") for known in _NO_PREFILL)


def _find(vendor: str, base_url: str, model: str) -> "ModelInfo | None":
    # Imported here: the table takes a fifth of a second, and a config with its own prices does not need it.
    from genai_prices.data_snapshot import get_snapshot

    table = get_snapshot()
    try:
        provider: Provider | None = table.find_provider(None, None, base_url)
    except LookupError:
        provider = next((provider for provider in table.providers if provider.id == vendor), None)
    return None if provider is None else provider.find_model(model, all_providers=table.providers)


def _price(info: "ModelInfo") -> Price | None:
    prices = vars(info.get_prices(AS_OF))
    rates = [prices.get(key) for key in ("input_mtok", "output_mtok")]
    if rates[0] is None:
        return None
    # A tiered price starts at its base; the surcharge for very long prompts is left out.
    figures = [float(getattr(rate, "base", rate) or 0) for rate in rates]
    return Price(figures[0], figures[1], f"genai-prices {TABLE_VERSION}")
