"""Real traffic instead of assumed: the requests that a gateway's ledger has on record, sent again in virtual time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

from gateway.core.decision import Decision
from gateway.core.model import ANONYMOUS, Need, Snapshot
from gateway.simulator.traffic import Request, shape

UNKNOWN_INPUT, UNKNOWN_OUTPUT = 500, 150  # tokens, where no answer of that workflow and route says


class Replay(NamedTuple):
    """`snapshot` also knows the callers that named no workflow. `notes`: what could not be taken over, in sentences."""

    snapshot: Snapshot
    requests: tuple[Request, ...]
    notes: tuple[str, ...]


def replay(decisions: Iterable[Decision], snapshot: Snapshot) -> Replay:
    """The first request comes at 0, the others as long after it as they did.

    What a request needed of a deployment besides streaming is not on record. How much one asked for that got no
    answer is not either: it counts as the median of its workflow and route.
    """
    ordered = sorted(decisions, key=lambda decision: (decision.at, decision.id))
    if any(decision.workflow == ANONYMOUS.id for decision in ordered):
        snapshot = replace(snapshot, workflows={ANONYMOUS.id: ANONYMOUS, **snapshot.workflows})
    known = [one for one in ordered if one.workflow in snapshot.workflows and one.route in snapshot.routes]
    usual = _usual(known)
    numbers: Counter[str] = Counter()
    requests = []
    for one in known:
        input_tokens, output_tokens = _tokens(one, usual)
        workflow, route = snapshot.workflows[one.workflow], snapshot.routes[one.route]
        need, resumable = shape(one.stream, Need.NONE)
        number = numbers[workflow.id]
        numbers[workflow.id] += 1
        at = one.at - known[0].at
        requests.append(Request(at, number, workflow, route, one.stream, input_tokens, output_tokens, need, resumable))
    return Replay(snapshot, tuple(requests), _notes(ordered, known))


def _usual(known: Iterable[Decision]) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Median tokens in and out, by workflow and route."""
    answered: dict[tuple[str, str], list[Decision]] = defaultdict(list)
    for one in known:
        if one.outcome == "ok":
            answered[one.workflow, one.route].append(one)
    return {
        where: (round(median(one.input_tokens for one in found)), round(median(one.output_tokens for one in found)))
        for where, found in answered.items()
    }


def _tokens(one: Decision, usual: Mapping[tuple[str, str], tuple[int, int]]) -> tuple[int, int]:
    if one.outcome == "ok":
        return one.input_tokens, one.output_tokens
    return usual.get((one.workflow, one.route), (UNKNOWN_INPUT, UNKNOWN_OUTPUT))


def _notes(ordered: Sequence[Decision], known: Sequence[Decision]) -> tuple[str, ...]:
    if not ordered:
        return ("The ledger has no request in that time.",)
    notes = (
        [f"Replayed {len(known)} requests of the ledger, over {(known[-1].at - known[0].at) / 60:.1f} minutes."]
        if known
        else []
    )
    strangers = sorted(
        {f"{one.workflow}/{one.route}" for one in ordered} - {f"{one.workflow}/{one.route}" for one in known}
    )
    if strangers:
        notes.append(
            f"{len(ordered) - len(known)} requests were left out, since the config does not know their workflow or "
            f"route: {', '.join(strangers[:5])}."
        )
    return tuple(notes)
