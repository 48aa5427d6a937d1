"""The config changes under load: nobody notices, and nobody is served by a mixture."""

import asyncio
import json
import signal
from collections import Counter

import pytest

from gateway.core.decision import Decision
from tests.polling import until_async
from tests.server.rig import Rig, answer, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


def rewrite(house: Rig, tiers: list[list[str]]) -> None:
    """Other tiers for the route `chat`. As editors do: write aside, then rename."""
    config = json.loads(house.gateway.config.read_text())
    config["routes"]["chat"] = {"tiers": tiers}
    aside = house.gateway.config.with_suffix(".new")
    aside.write_text(json.dumps(config))
    aside.rename(house.gateway.config)


async def revision(house: Rig) -> str:
    found: str = (await house.health())["config"]["revision"]
    return found


async def test_a_reload_under_load(house: Rig) -> None:
    """In one revision `one` serves, in the other `two`: a reply tells which rules it was made under."""
    stop = asyncio.Event()
    replies: list[tuple[str, str, str]] = []

    async def load(worker: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            stream = number % 2 == 0
            reply = await house.post(ask(stream=stream), x_request_id=f"load-{worker}-{number}")
            assert reply.status_code == 200
            assert answer().split()[-1] in reply.text
            headers = reply.headers
            replies.append((headers["x-request-id"], headers["x-gateway-revision"], headers["x-gateway-deployment"]))

    loads = [asyncio.create_task(load(worker)) for worker in range(4)]
    serves: dict[str, str] = {}
    for tiers in ([["one"], ["two"]], [["two"], ["one"]], [["one"], ["two"]], [["two"], ["one"]]):
        before = await revision(house)
        if serves:
            rewrite(house, tiers)
            house.gateway.process.send_signal(signal.SIGHUP)

            async def swapped(before: str = before) -> bool:
                return await revision(house) != before

            await until_async(swapped)
        serves[await revision(house)] = tiers[0][0]
        enough = len(replies) + 40

        async def served(enough: int = enough) -> bool:
            return len(replies) >= enough

        await until_async(served)
    stop.set()
    await asyncio.gather(*loads)

    assert Counter(serves[made] for _, made, _ in replies).keys() == {"one", "two"}
    assert all(serves[made] == by for _, made, by in replies)
    written = await _decisions(house, len(replies))
    assert {name: decision.revision for name, decision in written.items()} == {name: made for name, made, _ in replies}


async def _decisions(house: Rig, count: int) -> dict[str, Decision]:
    found: dict[str, Decision] = {}

    async def all_written() -> bool:
        found.update({decision.request_id: decision for decision in await house.decisions()})
        return len(found) >= count

    await until_async(all_written)
    return found


async def test_a_change_on_disk_is_taken_over_by_itself(house: Rig) -> None:
    before = await revision(house)
    rewrite(house, [["two"]])

    async def swapped() -> bool:
        return await revision(house) != before

    await until_async(swapped)
    assert (await house.post(ask())).headers["x-gateway-deployment"] == "two"


async def test_a_bad_config_is_refused_and_seen_until_it_is_mended(house: Rig) -> None:
    before, good = await house.health(), house.gateway.config.read_text()
    rewrite(house, [["on"]])
    house.gateway.process.send_signal(signal.SIGHUP)

    async def refused() -> bool:
        return bool((await house.health())["config"]["refused_reloads"] > before["config"]["refused_reloads"])

    await until_async(refused)
    health, metrics = await house.health(), await house.metrics()
    assert health["status"] == "degraded"
    assert health["config"]["revision"] == before["config"]["revision"]
    assert any("gateway.yaml:" in problem and "one" in problem for problem in health["config"]["problems"])
    assert metrics["config_current"] == 0
    assert metrics["config_reload_failures_total"] >= 1
    assert (await house.post(ask())).headers["x-gateway-revision"] == before["config"]["revision"]

    house.gateway.config.write_text(good)
    house.gateway.process.send_signal(signal.SIGHUP)

    async def mended() -> bool:
        return (await house.health())["status"] == "ok" and (await house.metrics())["config_current"] == 1

    await until_async(mended)
    assert await revision(house) == before["config"]["revision"]
