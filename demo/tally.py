"""What the app saw, counted: by second for the eye, by phase for the record."""

from collections import Counter
from dataclasses import dataclass, field

from demo.app import Answered


@dataclass(slots=True)
class Count:
    """Of a second or a phase. `by` counts good answers by deployment."""

    good: int = 0
    failed: int = 0
    rescued: int = 0
    continued: int = 0
    by: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    def add(self, answered: Answered) -> None:
        if answered.failure:
            self.failed += 1
            return
        self.good += 1
        self.rescued += answered.rescued
        self.continued += answered.continued
        self.by[answered.by] += 1
        self.took.append(answered.took)


class Tally:
    """An answer counts where it ends. Times are seconds from the start."""

    def __init__(self, phases: int) -> None:
        self.phases = [Count() for _ in range(phases)]
        self.first_rescue: list[float | None] = [None] * phases
        self.failures: list[str] = []
        self._began: list[float] = [0.0] * phases
        self._by_second: dict[int, Count] = {}

    def begin(self, phase: int, now: float) -> None:
        self._began[phase] = now

    def add(self, phase: int, answered: Answered, now: float) -> None:
        self.phases[phase].add(answered)
        self.second(int(now)).add(answered)
        if answered.failure:
            self.failures.append(answered.failure)
        if answered.rescued and not answered.failure and self.first_rescue[phase] is None:
            self.first_rescue[phase] = now - self._began[phase]

    def second(self, index: int) -> Count:
        return self._by_second.setdefault(index, Count())

    @property
    def failed(self) -> int:
        return sum(count.failed for count in self.phases)

    @property
    def good(self) -> int:
        return sum(count.good for count in self.phases)

    @property
    def rescued(self) -> int:
        return sum(count.rescued for count in self.phases)

    @property
    def continued(self) -> int:
        return sum(count.continued for count in self.phases)
