"""An OpenAI request body: what we must know of it, and the one place where it is changed.

Everything we do not understand passes through untouched: the body is taken apart only at its top level, each value
stays the bytes it was, and `model` alone is replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from gateway.core.model import Need

Endpoint = Literal["chat/completions", "completions", "embeddings"]

REQUIRED: dict[Endpoint, str] = {"chat/completions": "messages", "completions": "prompt", "embeddings": "input"}
DEFAULT_OUTPUT_TOKENS = 256
BYTES_PER_TOKEN = 4

# Beyond this a number of tokens is no number of tokens, and the sums made of it no longer fit a float.
_Whole = Annotated[int, msgspec.Meta(le=2**31 - 1)]

_STREAM, _TOOLS, _JSON_SCHEMA, _VISION = map(int, (Need.STREAM, Need.TOOLS, Need.JSON_SCHEMA, Need.VISION))
_BINDING = frozenset({"logprobs", "audio", "prediction", "modalities"})

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_KNOWN: dict[str, tuple[msgspec.json.Decoder[Any], str]] = {
    "model": (msgspec.json.Decoder(str), "a string"),
    "stream": (msgspec.json.Decoder(bool | None), "a boolean"),
    "n": (msgspec.json.Decoder(_Whole | None), "an integer below 2^31"),
    "max_tokens": (msgspec.json.Decoder(_Whole | None), "an integer below 2^31"),
    "max_completion_tokens": (msgspec.json.Decoder(_Whole | None), "an integer below 2^31"),
    "response_format": (msgspec.json.Decoder(dict[str, Any] | None), "an object"),
    "stream_options": (msgspec.json.Decoder(dict[str, Any] | None), "an object"),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is bad, and we can say so without asking a vendor. `param` names the member at fault."""

    message: str
    param: str | None = None
    code: str | None = None


class Request(NamedTuple):
    """`members` are the raw values by name. `tokens` estimates input and output together.

    `resumable`: plain text, one choice, no tools, no schema. `wants_usage`: the client asked for a usage event.
    """

    endpoint: Endpoint
    body: bytes
    members: Mapping[str, msgspec.Raw]
    model: str
    stream: bool
    need: Need
    choices: int
    input_tokens: int
    max_output: int | None
    wants_usage: bool
    resumable: bool

    @property
    def tokens(self) -> int:
        return self.input_tokens + (self.max_output or DEFAULT_OUTPUT_TOKENS) * self.choices

    def for_model(self, model: str) -> bytes:
        """The body as another vendor's model should get it."""
        same = model == self.model and self.body.count(b'"model"') == 1  # of two such members vendors may read either
        return self.body if same else self.with_members({"model": model})

    def with_members(self, changes: Mapping[str, Any]) -> bytes:
        return _encode({**self.members, **changes})


def parse(endpoint: Endpoint, body: bytes) -> Request | Refused:
    try:
        members = _members.decode(body)
        if not body.isascii():
            body.decode()
    except UnicodeDecodeError:
        return Refused("The request body is not valid UTF-8.")
    except msgspec.ValidationError:
        return Refused("The request body must be a JSON object.")
    except msgspec.DecodeError as error:
        return Refused(f"The request body is not valid JSON: {error}.")
    except RecursionError:
        return Refused("The request body is nested too deeply.")
    known = _read_known(members)
    return known if isinstance(known, Refused) else _request(endpoint, body, members, known)


def _read_known(members: Mapping[str, msgspec.Raw]) -> dict[str, Any] | Refused:
    known: dict[str, Any] = {}
    for name, (decoder, expected) in _KNOWN.items():
        raw = members.get(name)
        if raw is not None:
            try:
                known[name] = decoder.decode(raw)
            except msgspec.DecodeError:
                return Refused(f"Invalid type for '{name}': expected {expected}.", name, "invalid_type")
    return known


def _request(
    endpoint: Endpoint, body: bytes, members: Mapping[str, msgspec.Raw], known: dict[str, Any]
) -> Request | Refused:
    if not known.get("model"):
        return Refused("You must provide a model parameter.", "model", "missing_required_parameter")
    required = REQUIRED[endpoint]
    if required not in members:
        return Refused(f"Missing required parameter: '{required}'.", required, "missing_required_parameter")
    if endpoint == "chat/completions" and not _starts(members["messages"], b"["):
        return Refused("Invalid type for 'messages': expected an array.", "messages", "invalid_type")
    stream = bool(known.get("stream")) and endpoint != "embeddings"
    choices = max(1, known.get("n") or 1)
    limit = known.get("max_completion_tokens") or known.get("max_tokens") or 0
    need = _need(members, body, stream)
    return Request(
        endpoint=endpoint,
        body=body,
        members=members,
        model=known["model"],
        stream=stream,
        need=need,
        choices=choices,
        input_tokens=len(body) // BYTES_PER_TOKEN,
        max_output=limit if limit > 0 else None,  # a negative one would refund our rate limits
        wants_usage=bool((known.get("stream_options") or {}).get("include_usage")),
        resumable=endpoint == "chat/completions" and choices == 1 and not _bound(members, need),
    )


def _need(members: Mapping[str, msgspec.Raw], body: bytes, stream: bool) -> Need:
    need = _STREAM if stream else 0  # plain numbers: a flag's operators cost a microsecond each
    if _given(members, "tools") or _given(members, "functions"):
        need |= _TOOLS
    if _given(members, "response_format") and b"json" in bytes(members["response_format"]):
        need |= _JSON_SCHEMA
    if b'"image_url"' in body:
        need |= _VISION
    return Need(need)


def _bound(members: Mapping[str, msgspec.Raw], need: Need) -> bool:
    """Is the answer more than plain text, so that its second half cannot come from someone else?"""
    if int(need) & (_TOOLS | _JSON_SCHEMA):
        return True
    return not _BINDING.isdisjoint(members) and any(_given(members, name) for name in _BINDING)


def _given(members: Mapping[str, msgspec.Raw], name: str) -> bool:
    return name in members and bytes(members[name]) not in (b"null", b"false", b"[]", b"{}")


def _starts(raw: msgspec.Raw, mark: bytes) -> bool:
    return bytes(raw)[:1] == mark
