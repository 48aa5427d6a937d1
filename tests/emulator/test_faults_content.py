"""Faults on what is said, proven on plain and streamed replies."""

import orjson
import pytest

from gateway.emulator.fault import Fault
from gateway.emulator.faults_content import CONTENT
from gateway.emulator.server import EmulatedVendor

from .raw import TOOL, WORDS, Raw, ask, chat

CASES = [(kind, stream) for kind in CONTENT for stream in (False, True) if stream or kind != "duplicate_tool_index"]
ON_TOOLS = frozenset(
    {"duplicate_tool_index", "tool_arguments_cut", "tool_arguments_invalid", "tool_calls_missing", "unknown_tool"}
)


class Said:
    """The same facts from either form of reply."""

    def __init__(self, raw: Raw) -> None:
        assert raw.status == 200
        assert raw.whole
        plain = "content-length" in raw.head
        replies = [raw.json] if plain else raw.events
        choices = [reply["choices"][0] for reply in replies if reply["choices"]]
        parts = [choice["message" if plain else "delta"] for choice in choices]
        calls = [call for part in parts for call in part.get("tool_calls") or ()]
        self.models = {reply["model"] for reply in replies}
        self.text = "".join([part.get("content") or "" for part in parts])
        self.finish = choices[-1]["finish_reason"]
        self.unfiltered = choices[-1].get("content_filter_result")
        self.usage = replies[-1]["usage"]
        self.ids = [call["id"] for call in calls if "id" in call]
        self.indexes = {call["index"] for call in calls if "index" in call}
        self.names = [call["function"]["name"] for call in calls if "name" in call["function"]]
        self.arguments = "".join([call["function"]["arguments"] for call in calls])


def _model_substituted(said: Said) -> None:
    assert said.models == {"m-mini"}
    assert said.text.split() == WORDS


def _usage_inflated(said: Said) -> None:
    assert said.text.split() == WORDS
    assert said.usage == {"prompt_tokens": 1, "completion_tokens": 11, "total_tokens": 12}


def _filter_bypassed(said: Said) -> None:
    assert said.text.split() == WORDS
    assert said.unfiltered["error"]["code"] == "content_filter_error"


def _garbled(said: Said) -> None:
    assert said.text != " ".join(WORDS)
    assert sorted(said.text.replace(" ", "")) == sorted("".join(WORDS))


def _empty_content(said: Said) -> None:
    assert (said.text, said.finish, said.usage["completion_tokens"]) == ("", "stop", 0)


def _content_filter(said: Said) -> None:
    assert (said.text, said.finish) == ("", "content_filter")


def _tool_calls_missing(said: Said) -> None:
    assert (said.text, said.ids, said.finish) == ("", [], "tool_calls")


def _duplicate_tool_index(said: Said) -> None:
    assert len(set(said.ids)) == 2
    assert said.indexes == {0}


def _not_json(said: Said) -> None:
    assert (said.names, said.finish) == (["get_weather"], "tool_calls")
    assert said.arguments.startswith("{")
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(said.arguments)


def _unknown_tool(said: Said) -> None:
    assert said.names[0] != TOOL["function"]["name"]
    assert orjson.loads(said.arguments) == {"city": "text"}


CHECKS = {
    "model_substituted": _model_substituted,
    "usage_inflated": _usage_inflated,
    "filter_bypassed": _filter_bypassed,
    "garbled": _garbled,
    "empty_content": _empty_content,
    "content_filter": _content_filter,
    "tool_calls_missing": _tool_calls_missing,
    "duplicate_tool_index": _duplicate_tool_index,
    "tool_arguments_cut": _not_json,
    "tool_arguments_invalid": _not_json,
    "unknown_tool": _unknown_tool,
}


@pytest.mark.parametrize(("kind", "stream"), CASES)
async def test_each_kind_on_the_wire(vendor: EmulatedVendor, kind: str, stream: bool) -> None:
    vendor.faults.add(Fault(kind))
    options = {"stream_options": {"include_usage": True}} if stream else {}
    CHECKS[kind](Said(await ask(vendor.port, chat(stream=stream, tools=kind in ON_TOOLS, **options))))
    assert vendor.seen[-1].fault == kind


@pytest.mark.parametrize("kind", sorted(ON_TOOLS - {"tool_calls_missing"}))
async def test_damage_to_tool_calls_spares_words(vendor: EmulatedVendor, kind: str) -> None:
    vendor.faults.add(Fault(kind))
    assert (await ask(vendor.port, chat(stream=True))).words == WORDS


async def test_the_other_model_may_be_named(vendor: EmulatedVendor) -> None:
    vendor.faults.add(Fault("M3", other_model="m-2019"))
    assert (await ask(vendor.port, chat())).json["model"] == "m-2019"
