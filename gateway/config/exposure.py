"""Where a route or a workflow has no real second source, said before an outage says it."""

import re
from collections.abc import Iterator

from gateway.config.problem import Finding, Path, Severity
from gateway.config.units import show_duration
from gateway.core.model import Deployment, DomainKind, Need, Route, Snapshot, Workflow

_EMBEDDING = re.compile(r"embed|(^|[/-])(bge|e5|gte|voyage)-", re.IGNORECASE)
_SOFTER: tuple[DomainKind, ...] = ("maker", "account", "cloud", "edge")


def check_routes(snapshot: Snapshot) -> Iterator[Finding]:
    """Findings about each route by itself."""
    for route in snapshot.routes.values():
        yield from _repeated(route)
        yield from _beyond_attempts(route)
        yield from _too_slow(route)
        if embeds(route):
            yield from _mixed_vectors(route)
        else:
            yield from _weaker_fallbacks(route)
        yield from _shared_domains(route)


def check_workflows(snapshot: Snapshot) -> Iterator[Finding]:
    """Findings about what each workflow's constraints leave of each route it may use."""
    for workflow in snapshot.workflows.values():
        usable = [route for route in snapshot.routes.values() if workflow.may_use(route.name)]
        dead = [route for route in usable if not _candidates(workflow, route)]
        # A workflow that may use all routes need not mean each of them.
        severity: Severity = "error" if workflow.routes or len(dead) == len(usable) else "warning"
        for route in dead:
            message = f"allow leaves no deployment of route {route.name}: {_first_refusal(workflow, route)}"
            yield Finding(severity, ("workflows", workflow.id, "allow"), message, on_key=True)
        for route in usable:
            yield from _left_with_one_vendor(workflow, route)


def embeds(route: Route) -> bool:
    """Are its answers vectors? By the names of its models."""
    return all(_EMBEDDING.search(deployment.model) for deployment in route.deployments)


def _left_with_one_vendor(workflow: Workflow, route: Route) -> Iterator[Finding]:
    vendors = {deployment.vendor for deployment in _candidates(workflow, route)}
    if len(vendors) == 1 and len({deployment.vendor for deployment in route.deployments}) > 1:
        message = f"no second source: allow leaves only vendor {vendors.pop()} on route {route.name}"
        yield Finding("warning", ("workflows", workflow.id, "allow"), message, on_key=True)


def _candidates(workflow: Workflow, route: Route) -> list[Deployment]:
    return [deployment for deployment in route.deployments if workflow.allow.refusal(deployment) is None]


def _first_refusal(workflow: Workflow, route: Route) -> str:
    deployment = route.deployments[0]
    return f"{deployment.id}: {workflow.allow.refusal(deployment)}"


def _places(route: Route) -> Iterator[tuple[Path, Deployment]]:
    for tier, deployments in enumerate(route.tiers):
        for index, deployment in enumerate(deployments):
            yield ("routes", route.name, "tiers", tier, index), deployment


def _repeated(route: Route) -> Iterator[Finding]:
    seen: set[str] = set()
    for at, deployment in _places(route):
        if deployment.id in seen:
            yield Finding(
                "error", at, f"{deployment.id} is in this route twice", "a second try is what attempts is for"
            )
        seen.add(deployment.id)


def _beyond_attempts(route: Route) -> Iterator[Finding]:
    ahead = 0
    for index, tier in enumerate(route.tiers):
        if ahead >= route.attempts:
            message = f"not reached while the deployments ahead ({ahead}) are all tried: attempts is {route.attempts}"
            hint = f"set attempts to {ahead + 1} or more" if ahead < 10 else "use fewer deployments"
            yield Finding("warning", ("routes", route.name, "tiers", index), message, hint)
            return
        ahead += len(tier)


def _too_slow(route: Route) -> Iterator[Finding]:
    for at, deployment in list(_places(route))[:-1]:
        first_token = deployment.timeouts.first_token
        if first_token >= route.deadline:
            limits = f"first_token ({show_duration(first_token)}), deadline ({show_duration(route.deadline)})"
            message = f"when {deployment.id} hangs, no time is left for a fallback: {limits}"
            yield Finding("warning", at, message)


def _mixed_vectors(route: Route) -> Iterator[Finding]:
    models = sorted({deployment.model for deployment in route.deployments})
    if len(models) > 1:
        message = f"vectors of different models do not mix: {', '.join(models)}"
        yield Finding("warning", ("routes", route.name), message, "give each its own route", on_key=True)


def _weaker_fallbacks(route: Route) -> Iterator[Finding]:
    """What one deployment of the first tier can do, apps will ask for; what all of it can hold, they will send."""
    can = Need.NONE
    for deployment in route.tiers[0]:
        can |= deployment.can
    context = min(deployment.context or 0 for deployment in route.tiers[0])
    for at, deployment in _places(route):
        missing = [need.name.lower() for need in can & ~deployment.can if need.name]
        if missing:
            message = f"{deployment.id} cannot stand in for requests that need {', '.join(missing)}"
            yield Finding("warning", at, message)
        if deployment.context is not None and deployment.context < context:
            message = f"{deployment.id} has a smaller context: {deployment.context} tokens instead of {context}"
            yield Finding("warning", at, message)


def _shared_domains(route: Route) -> Iterator[Finding]:
    at, ids = ("routes", route.name), ", ".join(deployment.id for deployment in route.deployments)
    if len(route.deployments) == 1:
        yield Finding("warning", at, f"no second source: {ids} is the only deployment", on_key=True)
        return
    if vendor := _shared(route, "vendor"):
        yield Finding("warning", at, f"no second source: {ids} all hang on vendor {vendor}", on_key=True)
        return
    for kind in _SOFTER:
        if name := _shared(route, kind):
            yield Finding("info", at, f"{ids} come from several vendors but share the {kind} {name}", on_key=True)


def _shared(route: Route, kind: DomainKind) -> str | None:
    """The domain of this kind that all the route's deployments hang on."""
    names = {deployment.domain(kind) for deployment in route.deployments}
    return names.pop() if len(names) == 1 else None
