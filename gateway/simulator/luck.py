"""Chance, one stream for each purpose: what is drawn for one never depends on how often another was asked.

So two configs meet the same traffic and the same luck: the n-th request of a workflow is as long, and its first call,
its second and so on are as lucky, whoever is called. (Common random numbers; Law, "Simulation Modeling and Analysis",
chapter 11: differences between two configs are then not noise.)
"""

import hashlib
from random import Random
from typing import NamedTuple

import numpy as np

SIZE = 1024
KEPT = 3


def number(seed: int, *names: str) -> int:
    """128 bits that follow from the seed and the purpose."""
    text = "\0".join((str(seed), *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def rng(seed: int, *names: str) -> Random:
    """For what draws one by one."""
    return Random(number(seed, *names))


def generator(seed: int, *names: str) -> np.random.Generator:
    """For what draws by the thousand."""
    return np.random.Generator(np.random.Philox(key=number(seed, *names)))


class Luck(NamedTuple):
    """Of one call. `strikes`, `place`, `delay` and `poor` are uniform on [0, 1), `first` and `flow` standard normal."""

    strikes: float
    place: float
    delay: float
    poor: float
    first: float
    flow: float


class Lucks:
    """The luck of request 0, 1, 2, ... in one purpose. Any of them at any time, without the ones before."""

    def __init__(self, seed: int, *names: str) -> None:
        self._seed = seed
        self._names = names
        self._chunks: dict[int, list[Luck]] = {}

    def of(self, request: int) -> Luck:
        index, place = divmod(request, SIZE)
        chunk = self._chunks.get(index)
        return (chunk or self._fill(index))[place]

    def _fill(self, index: int) -> list[Luck]:
        source = generator(self._seed, *self._names, str(index))
        uniform, normal = source.random((4, SIZE)).tolist(), source.standard_normal((2, SIZE)).tolist()
        chunk = [Luck(*draws) for draws in zip(*uniform, *normal, strict=True)]
        while len(self._chunks) >= KEPT:
            self._chunks.pop(next(iter(self._chunks)))
        self._chunks[index] = chunk
        return chunk
