"""The performance: steady traffic, one phase after the other, and a look at the gateway each second."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx2

from demo.app import App
from demo.stage import Stage
from demo.story import STORY, Phase, Vendors
from demo.tally import Tally
from demo.view import Moment


class Play:
    """`show` is called once a second."""

    def __init__(self, stage: Stage, seconds: float, rate: float, show: Callable[[Tally, Moment], None]) -> None:
        self.tally = Tally(len(STORY))
        self._stage = stage
        self._seconds = seconds
        self._rate = rate
        self._show = show
        self._began = 0.0
        self._phase = 0
        self._phase_ends = 0.0

    async def perform(self) -> Tally:
        """To the last answer. Raises HTTPError when the gateway or the vendors' control is gone."""
        app, vendors = App(self._stage.api), Vendors(self._stage.control)
        self._began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as requests:
                traffic = requests.create_task(self._traffic(app, requests))
                watcher = requests.create_task(self._watch())
                for index, phase in enumerate(STORY):
                    await self._enter(index, phase, vendors)
                    await asyncio.sleep(self._phase_ends - self._now())
                traffic.cancel()
                watcher.cancel()
        finally:
            await app.close()
            await vendors.close()
        return self.tally

    def _now(self) -> float:
        return time.monotonic() - self._began

    async def _enter(self, index: int, phase: Phase, vendors: Vendors) -> None:
        await vendors.enter(phase)
        self._phase = index
        self._phase_ends = self._seconds * sum(phase.share for phase in STORY[: index + 1])
        self.tally.begin(index, self._now())

    async def _traffic(self, app: App, requests: asyncio.TaskGroup) -> None:
        """At a steady rate, however long the answers take."""
        number = 0
        while True:
            requests.create_task(self._ask(app, number))
            number += 1
            await asyncio.sleep(number / self._rate - self._now())

    async def _ask(self, app: App, number: int) -> None:
        answered = await app.ask(number)
        self.tally.add(self._phase, answered, self._now())

    async def _watch(self) -> None:
        async with httpx2.AsyncClient(base_url=self._stage.admin, trust_env=False) as client:
            second = 0
            while True:
                second += 1
                await asyncio.sleep(second - self._now())
                health = (await client.get("/health")).raise_for_status().json()
                left = self._phase_ends - self._now()
                self._show(self.tally, Moment(second, self._phase, left, _breakers(health)))


def _breakers(health: dict[str, Any]) -> dict[str, str]:
    return {name: state["breaker"] for name, state in health["deployments"].items()}
