"""How much hangs on few names: the Herfindahl-Hirschman index of each kind of failure domain.

HHI = sum of s_i^2 x 10,000 over the shares s_i, from 10,000 / n (n equal ones) to 10,000 (one has all); 10,000 / HHI is
the number of equal ones with the same index. Hirschman (1945), Herfindahl (1950); in use by the US competition agencies
(Merger Guidelines 2023, section 2.1: above 1,800 is highly concentrated).
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal, get_args

from gateway.core.model import DomainKind, Snapshot
from gateway.simulator.result import Concentration

NOT_STATED = "not stated"
WHOLE = 10_000.0

KINDS: tuple[DomainKind, ...] = get_args(DomainKind)


def shares(amounts: Mapping[str, float]) -> dict[str, float]:
    """Largest first, ties by name; empty where there is nothing to share."""
    total = sum(amounts.values())
    ordered = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    return {name: amount / total for name, amount in ordered} if total else {}


def hhi(amounts: Mapping[str, float]) -> float | None:
    """None of nothing."""
    return WHOLE * sum(share * share for share in shares(amounts).values()) or None


def by_kind(snapshot: Snapshot, kind: DomainKind, amounts: Mapping[str, float]) -> dict[str, float]:
    """Amounts by name of that kind of domain, from amounts by deployment."""
    summed: dict[str, float] = defaultdict(float)
    for id_, amount in amounts.items():
        summed[snapshot.deployments[id_].domain(kind) or NOT_STATED] += amount
    return dict(summed)


def concentration(
    snapshot: Snapshot,
    measure: Literal["traffic", "spend", "value"],
    amounts: Mapping[str, float],
    without: Mapping[str, Mapping[str, float]],
) -> tuple[Concentration, ...]:
    """One for each kind of domain; none where there is no amount at all.

    `amounts` by deployment, in any unit. `without`: the same as they were when the domain with that label ("vendor:a")
    was lost. The failover-adjusted index is that of the rest once the largest name is lost; None also where no run says
    what would happen, as for what is not stated.
    """
    found = (_of(snapshot, kind, measure, amounts, without) for kind in KINDS)
    return tuple(one for one in found if one is not None)


def _of(
    snapshot: Snapshot,
    kind: DomainKind,
    measure: Literal["traffic", "spend", "value"],
    amounts: Mapping[str, float],
    without: Mapping[str, Mapping[str, float]],
) -> Concentration | None:
    named = by_kind(snapshot, kind, amounts)
    index = hhi(named)
    if index is None:
        return None
    by_share = shares(named)
    rest = without.get(f"{kind}:{next(iter(by_share))}", {})
    return Concentration(kind, measure, by_share, index, WHOLE / index, hhi(by_kind(snapshot, kind, rest)))
