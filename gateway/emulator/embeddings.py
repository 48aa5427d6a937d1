"""Deterministic unit vectors, and the list of models."""

import array
import base64
import math
import sys
from hashlib import shake_128
from typing import Any
from urllib.parse import unquote

from gateway.emulator import answers
from gateway.emulator.call import Call
from gateway.emulator.checks import unknown_model
from gateway.emulator.completions import texts
from gateway.emulator.settings import VendorSettings
from gateway.emulator.wire import ApiError, Plain, json_reply

DIMENSIONS = 64
_MODEL_CREATED = 1_700_000_000


def embed(call: Call) -> Plain:
    """One vector for each input, in order. The call's body has passed the checks."""
    assert call.body is not None
    inputs = texts(call.body["input"])
    size = call.body.get("dimensions") or DIMENSIONS
    encode = _base64 if call.body.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": index, "embedding": encode(vector(call.model, text, size))}
        for index, text in enumerate(inputs)
    ]
    tokens = sum(map(answers.count, inputs))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_reply({"object": "list", "data": data, "model": call.model, "usage": usage})


def vector(model: str, text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A unit vector; the same for the same model whoever serves it, as it should be."""
    digest = shake_128(f"{model}:{text}".encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    raw = [value + 0.5 for value in array.array("h", digest)]
    norm = math.sqrt(sum([value * value for value in raw]))
    return [value / norm for value in raw]


def models(call: Call, settings: VendorSettings) -> Plain | ApiError:
    """The list, or one model. A vendor that takes any model lists one by its own name."""
    wanted = unquote(call.path.removeprefix("/models").removeprefix("/"))
    known = settings.models or (f"{settings.name}-model",)
    if not wanted:
        return json_reply({"object": "list", "data": [_model(name, settings) for name in known]})
    if settings.models and wanted not in known:
        return unknown_model(wanted)
    return json_reply(_model(wanted, settings))


def _model(name: str, settings: VendorSettings) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _MODEL_CREATED, "owned_by": settings.name}


def _base64(values: list[float]) -> str:
    packed = array.array("f", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed).decode("ascii")
