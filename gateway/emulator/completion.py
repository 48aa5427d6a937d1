"""What is about to be said, as a value: faults on content work here, before anything is bytes."""

from dataclasses import dataclass
from typing import Literal

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text, as on the wire. `index` is its place in a stream."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Choice:
    text: str
    finish: Finish = "stop"
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. `created` is Unix seconds. `unfiltered`: it says that the vendor's content filter did not run."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    prompt_tokens: int
    completion_tokens: int
    unfiltered: bool = False
