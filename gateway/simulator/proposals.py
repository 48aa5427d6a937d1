"""Changes to a config that may buy resilience. Whether they do is seen when the changed config is simulated."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from gateway.config.exposure import embeds
from gateway.core.candidates import candidates
from gateway.core.model import Allow, Deployment, Domain, DomainKind, Limits, Route, Snapshot, Workflow
from gateway.simulator.result import Case
from gateway.simulator.world import World

MOST_ATTEMPTS = 10
SECOND = "second-source"
NEW_VENDOR = "another-vendor"
FASTER = 0.5


class Change(NamedTuple):
    """`yaml` says it in the config's words; `needs` what somebody must agree to, buy or sign, or is empty."""

    title: str
    yaml: str
    needs: str
    snapshot: Snapshot


def proposals(snapshot: Snapshot, world: World, cases: Iterable[Case]) -> list[Change]:
    """For each workflow that some of these losses hurts, those worth most first; each change once."""
    ranked = sorted(snapshot.workflows.values(), key=lambda workflow: -workflow.usd_per_minute)
    found = [
        change
        for case in cases
        for workflow in ranked
        if workflow.id in case.effects and case.effects[workflow.id].verdict != "secure"
        for change in _for_loss(snapshot, world, workflow, case)
    ]
    return list({change.title: change for change in found}.values())


def _for_loss(snapshot: Snapshot, world: World, workflow: Workflow, case: Case) -> Iterator[Change]:
    effect = case.effects[workflow.id]
    pattern = world.pattern(workflow.id)
    for route in _routes(workflow, snapshot, world):
        left = [one for one in candidates(route, workflow.allow, pattern.need).deployments if one.id not in case.hits]
        if not left:
            yield from _spare(snapshot, workflow, route, case)
            yield from _allowed(snapshot, workflow, route, case)
            yield from _new(snapshot, workflow, route)
        elif route.attempts < len(route.deployments):
            yield _more_attempts(snapshot, route)
    for id_ in effect.over_quota:
        yield from _more_quota(snapshot, snapshot.deployments[id_])
    if any("first token" in reason for reason in effect.reasons):
        yield from _less_patience(snapshot, [snapshot.deployments[id_] for id_ in case.hits])


def _routes(workflow: Workflow, snapshot: Snapshot, world: World) -> list[Route]:
    named = world.pattern(workflow.id).routes
    return [
        route
        for route in snapshot.routes.values()
        if workflow.may_use(route.name) and route.name in (named or [route.name])
    ]


# -- a last tier -----------------------------------------------------------------------------------------------------


def _spare(snapshot: Snapshot, workflow: Workflow, route: Route, case: Case) -> Iterator[Change]:
    """Deployments that the config has, the workflow may use, and the route does not."""
    for one in snapshot.deployments.values():
        if one in route.deployments or one.id in case.hits or workflow.allow.refusal(one) or not _alike(one, route):
            continue
        changed = _with_tier(route, one)
        yield Change(
            f"let {one.id} stand in on route {route.name}", _route_yaml(changed), "", _with_route(snapshot, changed)
        )


def _allowed(snapshot: Snapshot, workflow: Workflow, route: Route, case: Case) -> Iterator[Change]:
    """Deployments that the route has and the workflow's own constraint keeps it from."""
    for one in route.deployments:
        if one.id in case.hits or workflow.allow.refusal(one) is None:
            continue
        allow = _allowing(workflow.allow, one)
        yield Change(
            f"allow {one.id} for workflow {workflow.id}",
            _allow_yaml(workflow.id, allow),
            _consent(workflow, one),
            _with_workflow(snapshot, replace(workflow, allow=allow)),
        )


def _new(snapshot: Snapshot, workflow: Workflow, route: Route) -> Iterator[Change]:
    """The same kind of model from a vendor that the config does not have yet, for all who use the route."""
    new = _second(route, workflow.allow)
    if new.id in snapshot.deployments:
        return
    changed = _with_tier(route, new)
    added = _with_route(replace(snapshot, deployments={**snapshot.deployments, new.id: new}), changed)
    yaml = f"deployments:\n  {new.id}: {{vendor: {new.vendor}, model: {new.model}, ...}}\n{_route_yaml(changed)}"
    model = f"the same model ({new.model})" if embeds(route) else "an equal model of another maker"
    needs = f"a contract with another vendor for {model}, with the quota of {route.deployments[0].id}"
    needs += f", that shares no cloud, region, edge or jurisdiction with {route.deployments[0].id}"
    for user in snapshot.workflows.values():
        allow = _allowing(user.allow, new)
        if user.may_use(route.name) and user.allow.refusal(new) and not allow.refusal(new):
            added = _with_workflow(added, replace(user, allow=allow))
            yaml += f"\n{_allow_yaml(user.id, allow)}"
            needs += f"; {_consent(user, new)}"
    yield Change(f"add a second source for route {route.name} at another vendor", yaml, needs, added)


def _consent(workflow: Workflow, one: Deployment) -> str:
    return f"{workflow.owner} agrees that {one.vendor} may serve {workflow.id} ({workflow.allow.refusal(one)} today)"


def _second(route: Route, allow: Allow) -> Deployment:
    """Where a rule names places, it is in an allowed one, and not in that of the first if there is another."""
    first = route.deployments[0]
    maker, model = (first.maker, first.model) if embeds(route) else (NEW_VENDOR, "an equal model")
    named: dict[DomainKind, str] = {
        "vendor": NEW_VENDOR,
        "maker": maker,
        "model": model,
        "account": f"{NEW_VENDOR}/default",
    }
    for kind, names in allow.names.items():
        if kind not in named:
            named[kind] = min(names, key=lambda name: (name == first.domain(kind), name))
    return replace(
        first,
        id=f"{SECOND}-{route.name}",
        vendor=NEW_VENDOR,
        maker=maker,
        model=model,
        domains=tuple(Domain(kind, name) for kind, name in named.items()),
    )


def _alike(one: Deployment, route: Route) -> bool:
    """Vectors of different models do not mix, and a model that makes vectors cannot chat."""
    if embeds(route):
        return any(one.model == other.model for other in route.deployments)
    return not embeds(Route("", ((one,),)))


def _with_tier(route: Route, one: Deployment) -> Route:
    tiers = (*route.tiers, (one,))
    attempts = min(MOST_ATTEMPTS, max(route.attempts, sum(map(len, tiers))))
    return replace(route, tiers=tiers, attempts=attempts)


# -- bounds ----------------------------------------------------------------------------------------------------------


def _more_attempts(snapshot: Snapshot, route: Route) -> Change:
    changed = replace(route, attempts=min(MOST_ATTEMPTS, len(route.deployments)))
    title = f"let a request on route {route.name} try all {changed.attempts} deployments"
    return Change(
        title, f"routes:\n  {route.name}: {{attempts: {changed.attempts}}}", "", _with_route(snapshot, changed)
    )


def _more_quota(snapshot: Snapshot, one: Deployment) -> Iterator[Change]:
    old = one.limits
    if old == Limits():
        return
    double = Limits(*(bound and bound * 2 for bound in (old.rpm, old.tpm, old.concurrency)))
    named = {"rpm": double.rpm, "tpm": double.tpm, "concurrency": double.concurrency}
    shown = ", ".join(f"{name}: {bound}" for name, bound in named.items() if bound)
    yield Change(
        f"double the quota of {one.id}",
        f"deployments:\n  {one.id}: {{limits: {{{shown}}}}}",
        f"{one.vendor} grants it, or reserves it for the day it is needed",
        _with_deployment(snapshot, replace(one, limits=double)),
    )


def _less_patience(snapshot: Snapshot, hit: Iterable[Deployment]) -> Iterator[Change]:
    """A vendor that hangs is left sooner."""
    for one in hit:
        shorter = one.timeouts.first_token * FASTER
        yield Change(
            f"wait {shorter:g}s instead of {one.timeouts.first_token:g}s for the first token of {one.id}",
            f"deployments:\n  {one.id}: {{timeouts: {{first_token: {shorter:g}s}}}}",
            "",
            _with_deployment(snapshot, replace(one, timeouts=replace(one.timeouts, first_token=shorter))),
        )


# -- the changed config ----------------------------------------------------------------------------------------------


def _with_route(snapshot: Snapshot, route: Route) -> Snapshot:
    return replace(snapshot, routes={**snapshot.routes, route.name: route})


def _with_workflow(snapshot: Snapshot, workflow: Workflow) -> Snapshot:
    return replace(snapshot, workflows={**snapshot.workflows, workflow.id: workflow})


def _with_deployment(snapshot: Snapshot, changed: Deployment) -> Snapshot:
    def swapped(route: Route) -> Route:
        tiers = tuple(tuple(changed if one.id == changed.id else one for one in tier) for tier in route.tiers)
        return replace(route, tiers=tiers)

    routes = {name: swapped(route) for name, route in snapshot.routes.items()}
    return replace(snapshot, deployments={**snapshot.deployments, changed.id: changed}, routes=routes)


def _allowing(allow: Allow, one: Deployment) -> Allow:
    """The rule, widened just enough. What the deployment does not state stays refused."""
    wider = {
        kind: names | {name} if (name := one.domain(kind)) is not None else names for kind, names in allow.names.items()
    }
    return Allow(wider)


def _route_yaml(route: Route) -> str:
    tiers = ", ".join(f"[{', '.join(one.id for one in tier)}]" for tier in route.tiers)
    return f"routes:\n  {route.name}: {{tiers: [{tiers}], attempts: {route.attempts}}}"


def _allow_yaml(workflow: str, allow: Allow) -> str:
    rules = ", ".join(f"{_plural(kind)}: [{', '.join(sorted(names))}]" for kind, names in allow.names.items())
    return f"workflows:\n  {workflow}: {{allow: {{{rules}}}}}"


def _plural(kind: str) -> str:
    return "jurisdictions" if kind == "jurisdiction" else f"{kind}s"
