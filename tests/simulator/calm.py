"""A world in which nothing fails by itself, and what is lost in it: small configs whose verdicts need no computer."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.core.model import Deployment, Domain, Limits, Snapshot
from gateway.simulator.contingency import Contingencies, contingencies, ground
from gateway.simulator.jobs import Workers
from gateway.simulator.result import Case, CaseKind, Effect, Verdict
from gateway.simulator.world import Pattern, Profile, World

from .exposed import deployment, snapshot, workflow

ALONE = Workers()
REQUESTS = 100

A, B, C = (deployment(id_) for id_ in "abc")
MADE_BY_ANTHROPIC = Domain("maker", "anthropic")
CLOUDS = ("anthropic", "bedrock", "vertex", "foundry")
# The same models from four vendors.
CLAUDE = snapshot(
    workflow("w", "chat"),
    routes={"chat": [deployment(name, Domain("vendor", name), MADE_BY_ANTHROPIC) for name in CLOUDS]},
)
# One request a second, and a second source that grants two thirds of that.
SCANT = snapshot(workflow("w", "chat"), routes={"chat": [A, replace(B, limits=Limits(rpm=40))]})


def calm(config: Snapshot, patterns: Mapping[str, Pattern] | None = None) -> World:
    """Without errors, bounds or other people's load."""
    quiet = Profile(errors=0.0, headroom=None)
    return World(profiles=dict.fromkeys(config.deployments, quiet), patterns=patterns or {})


def tried(config: Snapshot, world: World | None = None, *, requests: int = REQUESTS, pairs: int = 0) -> Contingencies:
    return contingencies(ground(config, world or calm(config), 1, requests), ALONE, pairs)


def cases(found: Contingencies, kind: CaseKind = "N-1") -> dict[tuple[str, ...], Case]:
    """By the domains lost, in the order in which they are."""
    return {case.lost: case for case in found.cases if case.kind == kind}


def seen(found: Contingencies, *lost: str, kind: CaseKind = "N-1", workflow: str = "w") -> Effect:
    (case,) = (case for case in found.cases if case.kind == kind and set(case.lost) == set(lost))
    return case.effects[workflow]


def verdicts(found: Contingencies, kind: CaseKind = "N-1", workflow: str = "w") -> dict[str, Verdict]:
    """By the domains lost, with a plus between them."""
    return {" + ".join(lost): case.effects[workflow].verdict for lost, case in cases(found, kind).items()}


def ids(*members: Deployment) -> list[str]:
    return [one.id for one in members]
