"""From the records of a run, and of the same traffic on a quiet day, to what each workflow saw."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from gateway.core.breaker import Phase, Transition
from gateway.core.fault import Fault
from gateway.core.model import Slo, Workflow
from gateway.core.outcome import Kind
from gateway.simulator.result import Bucket, Quantiles, SloVerdict, WorkflowResult
from gateway.simulator.run import Course, Record

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)
BUCKETS = 120  # at most, in a timeline
RECOVERED = 0.95  # of the requests that their usual deployments served on the quiet day
MINUTE = 60.0


def by_workflow(course: Course) -> dict[str, list[Record]]:
    """Its records by workflow, in the order in which the requests began."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(course.records, key=lambda record: record.began):
        found[record.workflow].append(record)
    return found


def measure(
    workflow: Workflow,
    records: Sequence[Record],
    quiet: Sequence[Record],
    faults: Sequence[Fault],
    hits: Collection[str],
    opened: Sequence[Transition],
    duration: float,
) -> WorkflowResult:
    """`quiet`: the same requests without faults. `hits`: ids of the deployments that the faults reach."""
    served = [record for record in records if record.served]
    streams = first_tokens(records)
    lost = minutes_lost(records, duration) - minutes_lost(quiet, duration)
    return WorkflowResult(
        workflow=workflow.id,
        owner=workflow.owner,
        criticality=workflow.criticality,
        requests=len(records),
        success=share(len(served), len(records)),
        baseline_success=share(sum(bool(record.served) for record in quiet), len(quiet)),
        degraded=sum(record.tier > 0 for record in served),
        poor=sum(record.poor for record in records),
        failures=_counted(record.kind.value for record in records if record.kind is not Kind.OK),
        first_token=quantiles(streams),
        total=quantiles([record.took for record in served]),
        baseline_first_token=quantiles(first_tokens(quiet)),
        attempts=share(sum(record.attempts for record in records), len(records)),
        usd=sum(record.usd for record in records),
        baseline_usd=sum(record.usd for record in quiet),
        served_by=_counted(record.served for record in served),
        over_quota=_counted(id_ for record in records for id_ in record.over_quota),
        detect=_detect(faults, opened, hits),
        fail_over=_fail_over(faults, records, hits),
        recover=_recover(faults, records, quiet, duration),
        minutes_lost=max(0.0, lost),
        usd_lost=max(0.0, lost) * workflow.usd_per_minute,
        slo=slo_verdict(workflow.slo, records),
        timeline=timeline(records, step(duration), duration),
    )


# -- figures of a list of records ------------------------------------------------------------------------------------


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def first_tokens(records: Iterable[Record]) -> list[float]:
    return [record.first_token for record in records if record.served and record.first_token is not None]


def quantile(ordered: Sequence[float], p: float) -> float:
    """The smallest value that is no less than a share `p` of them (nearest rank)."""
    return ordered[max(0, math.ceil(p * len(ordered)) - 1)]


def quantiles(values: Iterable[float]) -> Quantiles | None:
    ordered = sorted(values)
    if not ordered:
        return None
    return Quantiles(quantile(ordered, 0.5), quantile(ordered, 0.95), quantile(ordered, 0.99))


def slo_verdict(slo: Slo, records: Sequence[Record]) -> SloVerdict:
    """A promise of which nothing was measured is neither kept nor broken."""
    missed, kept = [], 0
    success = share(sum(bool(record.served) for record in records), len(records))
    first = quantiles(first_tokens(records))
    if slo.success is not None and success is not None:
        kept += success >= slo.success
        if success < slo.success:
            missed.append(f"success {success:.2%} is below {slo.success:.2%}")
    if slo.first_token_p95 is not None and first is not None:
        kept += first.p95 <= slo.first_token_p95
        if first.p95 > slo.first_token_p95:
            missed.append(f"first token p95 {first.p95:.2f}s is above {slo.first_token_p95:g}s")
    return SloVerdict(not missed if missed or kept else None, tuple(missed))


def minutes_lost(records: Sequence[Record], duration: float) -> float:
    """Minutes without an answer: of each minute the share of its requests that were not served."""
    lost = 0.0
    for minute, group in groupby(records, key=lambda record: record.began // MINUTE):
        members = list(group)
        length = min(MINUTE, duration - minute * MINUTE) / MINUTE
        lost += max(0.0, length) * sum(not record.served for record in members) / len(members)
    return lost


def timeline(records: Sequence[Record], width: float, duration: float) -> tuple[Bucket, ...]:
    """In steps of `width` seconds; those that began after `duration` (the end of agents' tasks) are in the last."""
    last = max(0, math.ceil(duration / width) - 1)
    members: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        members[min(last, int(record.began / width))].append(record)
    return tuple(_bucket(index * width, members.get(index, [])) for index in range(last + 1))


def step(duration: float) -> float:
    """A round width of which at most `BUCKETS` make the duration."""
    return next((float(width) for width in STEPS if duration / width <= BUCKETS), duration / BUCKETS)


def _bucket(at: float, records: Sequence[Record]) -> Bucket:
    served = _counted(record.served for record in records if record.served)
    return Bucket(at, len(records), len(records) - sum(served.values()), served)


def _counted(names: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(names).items()))


# -- how fast it was noticed and got over ----------------------------------------------------------------------------


def _detect(faults: Sequence[Fault], opened: Sequence[Transition], hits: Collection[str]) -> float | None:
    began = _first_start(faults)
    times = [change.at - began for change in opened if _opens(change) and change.subject in hits and change.at >= began]
    return min(times, default=None)


def _opens(change: Transition) -> bool:
    return change.after is Phase.OPEN


def _fail_over(faults: Sequence[Fault], records: Sequence[Record], hits: Collection[str]) -> float | None:
    began = _first_start(faults)
    if not faults:
        return None
    return min(
        (
            record.began + (record.took if record.first_token is None else record.first_token) - began
            for record in records
            if record.began >= began and record.fell_back and record.served and record.served not in hits
        ),
        default=None,
    )


def _recover(
    faults: Sequence[Fault], records: Sequence[Record], quiet: Sequence[Record], duration: float
) -> float | None:
    """None while something lasts, where it was not got over by the end, and where nothing was ever moved."""
    ended = max((fault.end for fault in faults), default=math.inf)
    width = step(duration)
    usual, now = _usual(quiet, width), _usual(records, width)
    steps = [(index, count) for index, count in usual.items() if index * width < duration]
    short = [index for index, count in steps if _short(now.get(index, 0), count)]
    if ended >= duration or not any(index * width >= _first_start(faults) - width for index in short):
        return None
    recovered = (max(short) + 1) * width
    return max(0.0, recovered - ended) if recovered < duration else None


def _short(now: int, usual: int) -> bool:
    return now < RECOVERED * usual - 1


def _usual(records: Iterable[Record], width: float) -> Counter[int]:
    """Requests that were served and did not have to fall back, by step."""
    return Counter(int(record.began / width) for record in records if record.served and not record.fell_back)


def _first_start(faults: Sequence[Fault]) -> float:
    return min((fault.start for fault in faults), default=0.0)
