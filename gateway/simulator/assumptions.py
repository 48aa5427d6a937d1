"""What a study takes for granted, in sentences: whoever reads the figures can then judge them."""

from collections.abc import Iterable, Iterator

from gateway.core.model import Deployment, Snapshot
from gateway.simulator.traffic import Source, routed, sources
from gateway.simulator.trial import ADJUSTED, FLOOR
from gateway.simulator.vendor import ERROR_AFTER, REFUSED_AFTER
from gateway.simulator.world import UPTIME, Lognormal, Profile, World


def of_traffic(snapshot: Snapshot, world: World) -> tuple[str, ...]:
    return tuple(_sends(source) for source in sources(snapshot, world))


def of_world(snapshot: Snapshot, world: World) -> tuple[str, ...]:
    """Of the vendors, and of how a call fails."""
    return (
        *_vendors(routed(snapshot), world),
        f"A refused call costs {REFUSED_AFTER * 1000:.0f} ms, a failed one {ERROR_AFTER * 1000:.0f} ms.",
        "A call that hangs costs all of our own timeout. Apps neither retry nor leave.",
    )


def of_contingencies(requests: int) -> tuple[str, ...]:
    return (
        "Losses, and scenarios without a time of day of their own, meet the busiest hour of the day.",
        f"Each loss is tried over about {requests} requests a workflow: a full outage of the domain that does not end.",
        f"The second loss of N-1-1 comes {ADJUSTED:.0f} s after the first.",
        f"Secure: the workflow's SLO holds, the failover included ({FLOOR:.0%} success where none is stated).",
        "Lost: a route it needs serves less than half. Degraded: anything between.",
        "A workflow needs all routes it sends to. Cut sets do not know of quotas; the simulations do.",
    )


def _sends(source: Source) -> str:
    pattern = source.pattern
    routes = ", ".join(route.name for route in source.routes)
    said = (
        f"{source.workflow.id} sends {pattern.per_minute:g} requests a minute to {routes}, "
        f"{pattern.stream:.0%} of them streamed, "
        f"with {_spread(pattern.input, '')} tokens in and {_spread(pattern.output, '')} out"
    )
    if pattern.loop:
        said += f", each a task of {pattern.loop.calls} calls"
    if pattern.daily:
        said += f", swinging by {pattern.daily.swing:.0%} over the day"
    if pattern.bursts:
        said += f", with bursts of {pattern.bursts.factor:g} times as many"
    return said + "."


def _vendors(deployments: Iterable[Deployment], world: World) -> Iterator[str]:
    """Those that behave alike share a sentence."""
    alike: dict[Profile, list[str]] = {}
    for one in deployments:
        alike.setdefault(world.profile(one), []).append(one.id)
    for profile, ids in alike.items():
        yield f"{', '.join(ids)}: {_behaves(profile)}."
    if any(one.vendor in UPTIME for one in deployments):
        yield "Errors on a quiet day: by default what the vendor's published uptime leaves, spread evenly."


def _behaves(profile: Profile) -> str:
    said = (
        f"first token {_spread(profile.first_token, ' s')}, {_spread(profile.speed, ' tokens/s')}, "
        f"{profile.errors:.2%} of calls fail on a quiet day"
    )
    if profile.headroom is not None:
        said += f", sheds load beyond {profile.headroom:g} times the usual"
    bounds = {"requests a minute": profile.rpm, "tokens a minute": profile.tpm, "calls at once": profile.concurrency}
    return said + "".join(f", grants {bound} {name}" for name, bound in bounds.items() if bound is not None)


def _spread(amount: Lognormal, unit: str) -> str:
    return f"{amount.median:g}{unit} (median; 1 in 20 above {amount.p95:g})"
