"""The app: the official SDK, its own retries switched off so that every failure would be seen."""

import time
from dataclasses import dataclass

import openai
from openai import AsyncOpenAI

from gateway.emulator.answers import answer

WORDS = 40
PATIENCE = 40.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One request as the app saw it. `by` is the deployment whose words it got last; `failure` is "" when all is well.

    `rescued`: another than the first choice answered, or went on where the first had stopped. `took` is in seconds.
    """

    by: str
    rescued: bool
    continued: bool
    took: float
    failure: str = ""


class App:
    def __init__(self, base_url: str) -> None:
        self._client = AsyncOpenAI(base_url=base_url, api_key="any", max_retries=0, timeout=PATIENCE)

    async def ask(self, number: int) -> Answered:
        """Every second request is streamed. Never raises: a failure is what is to be counted."""
        prompt, began = f"Count for caller {number}. [[words:{WORDS}]]", time.monotonic()
        try:
            said, by, rescued, continued = await (self._stream(prompt) if number % 2 else self._whole(prompt))
        except openai.OpenAIError as error:
            return Answered("", False, False, time.monotonic() - began, f"{type(error).__name__}: {error}")
        whole = said == answer(prompt)
        failure = "" if whole else f"not the whole answer: {said[-40:]!r}"
        return Answered(by, rescued or continued, continued, time.monotonic() - began, failure)

    async def close(self) -> None:
        await self._client.close()

    async def _whole(self, prompt: str) -> tuple[str, str, bool, bool]:
        raw = await self._client.chat.completions.with_raw_response.create(
            model="chat", messages=[{"role": "user", "content": prompt}]
        )
        completion = raw.parse()
        rescued = raw.headers["x-gateway-fallback"] == "true"
        return completion.choices[0].message.content or "", raw.headers["x-gateway-deployment"], rescued, False

    async def _stream(self, prompt: str) -> tuple[str, str, bool, bool]:
        raw = await self._client.chat.completions.with_raw_response.create(
            model="chat", messages=[{"role": "user", "content": prompt}], stream=True
        )
        by, continued, words = raw.headers["x-gateway-deployment"], False, list[str]()
        async for chunk in raw.parse():
            words += [choice.delta.content or "" for choice in chunk.choices]
            note = (chunk.model_extra or {}).get("gateway")  # the gateway says when several wrote one answer
            if note:
                by, continued = note["deployments"][-1], True
        return "".join(words), by, raw.headers["x-gateway-fallback"] == "true", continued
