"""What happens, in which order, and for how long."""

from dataclasses import dataclass
from typing import Any

import httpx2

PRIMARY, SECOND = "openai", "anthropic"
Fault = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """`share` of the whole time. `down`: vendors that are gone; `faults`: what vendors do wrong, by their name."""

    title: str
    share: float
    down: frozenset[str] = frozenset()
    faults: tuple[tuple[str, Fault], ...] = ()

    @property
    def troubled(self) -> bool:
        return bool(self.down or self.faults)


STORY = (
    Phase("all is well", 0.12),
    Phase(f"{PRIMARY} is taken away", 0.22, down=frozenset({PRIMARY})),
    Phase(f"{PRIMARY} is back", 0.14),
    Phase("brown-out: 40 % answer 503", 0.18, faults=((PRIMARY, {"kind": "overloaded", "share": 0.4}),)),
    Phase(
        "answers stop in the middle",
        0.18,
        faults=((PRIMARY, {"kind": "stall", "share": 0.5, "after_tokens": 12}),),
    ),
    Phase("two vendors gone at once", 0.16, down=frozenset({PRIMARY, SECOND})),
)


class Vendors:
    """The control of the emulated vendors."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.AsyncClient(base_url=url, trust_env=False)
        self._names = (PRIMARY, SECOND)

    async def enter(self, phase: Phase) -> None:
        """Make the vendors what the phase says. Raises HTTPStatusError."""
        for name in self._names:
            await self._post(f"/vendors/{name}/{'down' if name in phase.down else 'up'}")
            (await self._client.delete(f"/vendors/{name}/faults")).raise_for_status()
        for name, fault in phase.faults:
            await self._post(f"/vendors/{name}/faults", fault)

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, path: str, body: Fault | None = None) -> None:
        (await self._client.post(path, json=body)).raise_for_status()
