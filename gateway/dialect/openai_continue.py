"""Go on where an interrupted answer stopped: what to ask the next vendor, and how to join its words to the first's.

Only for plain text with one choice. A vendor that accepts a partial assistant message as the start of its own gets
just that (a prefill); any other is asked by an instruction. Either may begin by repeating what was already said, so
the seam is checked: a restart and a repeated tail are cut off before the app sees them.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from gateway.core.outcome import Usage
from gateway.dialect.openai_answer import words
from gateway.dialect.openai_reply import read_usage
from gateway.dialect.openai_request import Request

INSTRUCTION = (
    "Your answer was interrupted. Continue it exactly where it stopped: begin with the very next character, "
    "repeat nothing, add no remark about the interruption."
)
REPEATED_TAIL = 6  # letters and digits


def continuation_body(request: Request, model: str, said: str, spent: int, *, prefill: bool) -> bytes:
    """The original request with the partial answer `said` behind it. `spent`: output tokens already used."""
    messages: list[Any] = msgspec.json.decode(request.members["messages"], type=list[msgspec.Raw])
    messages.append({"role": "assistant", "content": said})
    if not prefill:
        messages.append({"role": "user", "content": INSTRUCTION})
    changes: dict[str, Any] = {"model": model, "messages": messages}
    for name in ("max_completion_tokens", "max_tokens"):
        limit = orjson.loads(bytes(request.members.get(name, b"null")))
        if limit is not None and limit > 0:
            changes[name] = max(1, limit - spent)
    return request.with_members(changes)


class Seam:
    """Joins the second answer to the first: `join(text)` -> the part of it that is new.

    Text is held back only while it could still be a repetition. `flush()` gives up the rest.
    """

    __slots__ = ("_held", "_open", "_said")

    def __init__(self, said: str) -> None:
        self._said = said
        self._held = ""
        self._open = True

    def join(self, text: str) -> str:
        if not self._open:
            return text
        self._held += text
        if self._may_repeat():
            return ""
        return self.flush()

    def flush(self) -> str:
        held, self._held, self._open = self._held, "", False
        return held[self._repeated(held) :]

    def _may_repeat(self) -> bool:
        """Could what we hold still turn out to be a restart, or a repeated tail?"""
        return self._held in self._said

    def _repeated(self, held: str) -> int:
        """How much of `held` was said before: the whole of `_said`, or its tail."""
        said = self._said
        if held.startswith(said):
            return len(said) if said not in (said + said)[1:-1] else 0  # of a text that repeats itself, who knows
        for size in range(min(len(held), len(said)), 0, -1):
            if said.endswith(held[:size]):
                return size if _telling(held[:size], said) else 0
        return 0


def _telling(tail: str, said: str) -> bool:
    """Is this a repetition and not chance? Long enough, and the only such place in what was said."""
    words = sum(character.isalnum() for character in tail)
    return words >= REPEATED_TAIL and said.find(tail) == len(said) - len(tail)


def first_text(chunk: dict[str, Any]) -> str:
    """What a chunk says in its only choice."""
    choices = chunk.get("choices")
    delta = choices[0].get("delta") if choices else None
    return words(delta.get("content")) if isinstance(delta, dict) else ""


def rewrite(chunk: dict[str, Any], text: str, id_: str, created: int) -> bytes:
    """The chunk as part of the stream that was begun: same id and created; `model` stays what serves now."""
    chunk["id"], chunk["created"] = id_, created
    choices = chunk.get("choices")
    if choices:
        delta = choices[0]["delta"] = choices[0].get("delta") or {}
        delta.pop("role", None)
        if text or "content" in delta:
            delta["content"] = text
    return b"data: " + orjson.dumps(chunk)


def mark_continued(chunk: dict[str, Any], deployments: Sequence[str]) -> None:
    """Say in the finishing chunk that more than one deployment wrote this answer."""
    chunk["gateway"] = {"continued": True, "deployments": list(deployments)}


def add_usage(chunk: dict[str, Any], earlier: Usage) -> None:
    """Both legs are billed: the usage event counts both."""
    usage = chunk.get("usage")
    if isinstance(usage, dict):
        own = read_usage(usage)
        usage["prompt_tokens"] = own.input_tokens + earlier.input_tokens
        usage["completion_tokens"] = own.output_tokens + earlier.output_tokens
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
