"""A gateway process in front of emulated vendors, and what its users and operators see of it."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import orjson
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.decision import Decision
from gateway.emulator.server import EmulatedVendor, VendorSettings
from gateway.store.base import Query
from gateway.store.sql import SqlLedger
from tests.polling import until_async
from tests.running import RunningGateway, running_gateway

KEY, EU_KEY, NARROW_KEY = "ss-support-0123456789", "ss-contracts-0123456789", "ss-narrow-0123456789"
VENDOR_KEY = "sk-of-the-vendor-0123456789"
CALM = {"consecutive": 1000, "minimum_calls": 1000}  # what one test does to a vendor shall not reach the next one
PRICE = {"input": 1.0, "output": 2.0}
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(words: int = 8, **members: Any) -> dict[str, Any]:
    return {"model": "chat", "messages": [{"role": "user", "content": f"[[words:{words}]]"}], **members}


def answer(words: int = 8) -> str:
    return " ".join(f"w{index}" for index in range(words))


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def deployment(vendor: EmulatedVendor, **more: Any) -> dict[str, Any]:
    return {
        "vendor": vendor.name,
        "base_url": vendor.base_url,
        "api_key": "${VENDOR_KEY}",
        "model": f"{vendor.name}-1",
        "price": PRICE,
        "capabilities": {"prefill": True, "context": 100_000},
        "timeouts": {"connect": "1s", "first_token": "2s", "stall": "2s", "total": "20s"},
        **more,
    }


def two_vendors(first: EmulatedVendor, second: EmulatedVendor) -> dict[str, Any]:
    """`one` of a vendor in the US before `two` of a vendor in the EU."""
    tiers = [["one"], ["two"]]
    return {
        "vendors": {first.name: {"jurisdiction": "US"}, second.name: {"jurisdiction": "EU"}},
        "deployments": {"one": deployment(first), "two": deployment(second)},
        "routes": {
            "chat": {"tiers": tiers, "on_interrupt": "continue"},
            "strict": {"tiers": tiers},
            "solo": {"tiers": [["one"]], "attempts": 1},
        },
        "workflows": {
            "support": {"owner": "support@example.com"},
            "batch": {"owner": "batch@example.com"},
            "contracts": {
                "owner": "legal@example.com",
                "allow": {"jurisdictions": ["EU"]},
                "routes": ["chat", "strict"],
            },
            "narrow": {"owner": "narrow@example.com", "routes": ["solo"]},
        },
        "keys": [
            {"id": "support-key", "sha256": sha256(KEY), "workflow": "support", "workflows": ["batch"]},
            {"id": "eu-key", "sha256": sha256(EU_KEY), "workflow": "contracts"},
            {"id": "narrow-key", "sha256": sha256(NARROW_KEY), "workflow": "narrow"},
        ],
        "breaker": CALM,
        "retry_budget": {"share": "100%", "floor": 1000},
    }


@dataclass(frozen=True)
class Rig:
    """`sdk` and `http` come with the key of the workflow `support`."""

    gateway: RunningGateway
    first: EmulatedVendor
    second: EmulatedVendor
    sdk: openai.AsyncOpenAI
    http: httpx2.AsyncClient
    ledger: SqlLedger

    @property
    def port(self) -> int:
        return httpx2.URL(self.gateway.base_url).port or 0

    def calm(self) -> None:
        for vendor in (self.first, self.second):
            vendor.faults.clear()
            vendor.seen.clear()

    async def post(self, body: Any, path: str = "/chat/completions", **headers: str) -> httpx2.Response:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, content=content, headers={"content-type": "application/json", **named})

    async def health(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(f"{self.gateway.admin_url}/health")).json()
        return found

    async def metrics(self) -> dict[str, float]:
        return await scrape(self.http, self.gateway.admin_url)

    async def decision(self, request_id: str) -> Decision:
        """The ledger is written behind the answer."""
        found: list[Decision] = []

        async def look() -> bool:
            decision = await self.ledger.get(request_id)
            found.extend([decision] if decision else [])
            return bool(found)

        await until_async(look)
        return found[0]

    async def decisions(self) -> list[Decision]:
        return await self.ledger.query(Query(), limit=10_000)


async def scrape(http: httpx2.AsyncClient, admin_url: str) -> dict[str, float]:
    """Samples by `name{label=value,...}`, labels sorted, without the prefix of the project."""
    text = (await http.get(f"{admin_url}/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {_sample_name(sample.name, sample.labels): sample.value for sample in samples}


def _sample_name(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f"{label}={value}" for label, value in sorted(labels.items()))
    return name.removeprefix("secondsource_") + (f"{{{inside}}}" if inside else "")


@asynccontextmanager
async def rig(
    directory: Path,
    *options: str,
    environ: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    first: VendorSettings | None = None,
    second: VendorSettings | None = None,
) -> AsyncIterator[Rig]:
    """`config` replaces whole sections of that of `two_vendors`."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(EmulatedVendor(first or VendorSettings(name="first")))
        two = await stack.enter_async_context(EmulatedVendor(second or VendorSettings(name="second")))
        sections = {**two_vendors(one, two), **(config or {})}
        variables = {"VENDOR_KEY": VENDOR_KEY, **(environ or {})}
        gateway = await stack.enter_async_context(running_gateway(directory, sections, variables, *options))
        sdk = openai.AsyncOpenAI(base_url=gateway.base_url, api_key=KEY, max_retries=0, timeout=20)
        await stack.enter_async_context(sdk)
        headers = {"authorization": f"Bearer {KEY}"}
        http = httpx2.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20, trust_env=False)
        await stack.enter_async_context(http)
        ledger = SqlLedger(f"sqlite:///{directory}/ledger.db")
        stack.push_async_callback(ledger.close)
        yield Rig(gateway, one, two, sdk, http, ledger)
