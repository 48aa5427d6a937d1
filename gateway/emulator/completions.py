"""What the vendor answers to a legacy completions request: one choice for each prompt."""

from typing import Any

from gateway.emulator import answers
from gateway.emulator.call import Body, Call
from gateway.emulator.chat import Stamp, limited, spoken
from gateway.emulator.checks import too_long
from gateway.emulator.completion import Choice, Completion
from gateway.emulator.settings import VendorSettings
from gateway.emulator.wire import ApiError


def answer_completions(call: Call, settings: VendorSettings, stamp: Stamp) -> Completion | ApiError:
    """The call's body has passed the checks."""
    assert call.body is not None
    body = call.body
    prompts = texts(body["prompt"])
    size = sum(map(answers.count, prompts))
    if settings.context is not None and size > settings.context:
        return too_long(size, settings.context)
    seeds = range(settings.seed, settings.seed + (body.get("n") or 1))
    choices = tuple([_choice(prompt, seed, body) for prompt in prompts for seed in seeds])
    return Completion(f"cmpl-{stamp.id}", stamp.created, call.model, choices, size, sum(map(spoken, choices)))


def texts(value: Any) -> list[str]:
    """A prompt or input in its four forms (string, strings, token ids, lists of them) as strings."""
    if isinstance(value, str):
        return [value]
    if value and all(isinstance(item, int) for item in value):
        return [_ids(value)]
    return [item if isinstance(item, str) else _ids(item) for item in value]


def _ids(tokens: Any) -> str:
    return " ".join(map(str, tokens)) if isinstance(tokens, list) else str(tokens)


def _choice(prompt: str, seed: int, body: Body) -> Choice:
    text, finish = limited(answers.answer(prompt, seed), body)
    return Choice(prompt + text if body.get("echo") is True else text, finish)
