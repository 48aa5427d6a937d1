"""What is wrong, unwise or worth knowing about a config whose shape and names are sound."""

from collections.abc import Iterator

from gateway.config.exposure import check_routes, check_workflows
from gateway.config.problem import Finding, suggest
from gateway.config.schema import PLURALS, Config
from gateway.config.units import show_duration
from gateway.core.model import Deployment, Snapshot


def check(config: Config, snapshot: Snapshot) -> list[Finding]:
    """All findings; an error among them means that the snapshot must not be used."""
    return [
        *_keys(config),
        *_breaker(config),
        *_unused(config, snapshot),
        *_deployments(snapshot),
        *_allowed_names(config, snapshot),
        *check_routes(snapshot),
        *check_workflows(snapshot),
    ]


def _keys(config: Config) -> Iterator[Finding]:
    if not config.keys:
        yield Finding("info", (), "no keys: the gateway will serve on loopback only")
    first_id: dict[str, int] = {}
    first_hash: dict[str, int] = {}
    for index, key in enumerate(config.keys):
        if first_id.setdefault(key.id, index) != index:
            yield Finding("error", ("keys", index, "id"), f"the same id as keys[{first_id[key.id]}]")
        if first_hash.setdefault(key.sha256.lower(), index) != index:
            first = first_hash[key.sha256.lower()]
            yield Finding("error", ("keys", index, "sha256"), f"the same key as keys[{first}]")


def _breaker(config: Config) -> Iterator[Finding]:
    breaker = config.breaker
    if breaker.open_max < breaker.open:
        longest, first = show_duration(breaker.open_max), show_duration(breaker.open)
        yield Finding("error", ("breaker", "open_max"), f"the longest pause ({longest}) is shorter than open ({first})")


def _unused(config: Config, snapshot: Snapshot) -> Iterator[Finding]:
    routed = {deployment.id for route in snapshot.routes.values() for deployment in route.deployments}
    serving = {deployment.vendor for deployment in snapshot.deployments.values()}
    calling = {name for key in snapshot.keys for name in (key.workflow, *key.workflows)}
    for id_ in snapshot.deployments.keys() - routed:
        yield Finding("warning", ("deployments", id_), "unused: in no route", on_key=True)
    for id_ in config.vendors.keys() - serving:
        yield Finding("warning", ("vendors", id_), "unused: no deployment is the vendor's", on_key=True)
    for id_ in snapshot.workflows.keys() - calling if snapshot.keys else ():
        yield Finding("warning", ("workflows", id_), "unused: no key may call for it", on_key=True)


def _deployments(snapshot: Snapshot) -> Iterator[Finding]:
    for deployment in snapshot.deployments.values():
        if deployment.price.source == "unknown":
            hint = "set price, or its costs count as 0"
            yield Finding("warning", ("deployments", deployment.id), "price unknown", hint, on_key=True)
        yield from _phases(deployment)


def _phases(deployment: Deployment) -> Iterator[Finding]:
    total = deployment.timeouts.total
    for phase in ("connect", "first_token", "stall"):
        if getattr(deployment.timeouts, phase) > total:
            message = f"{phase} is longer than total ({show_duration(total)}) and never takes effect"
            yield Finding("warning", ("deployments", deployment.id, "timeouts", phase), message)


def _allowed_names(config: Config, snapshot: Snapshot) -> Iterator[Finding]:
    """A misspelled name fails closed, but nobody would see why."""
    for id_, workflow in config.workflows.items():
        for plural, kind in PLURALS.items():
            if kind == "vendor":
                continue  # an error already: vendors are defined in the file
            known = {name for deployment in snapshot.deployments.values() if (name := deployment.domain(kind))}
            for index, name in enumerate(getattr(workflow.allow, plural) or ()):
                if name not in known:
                    at = ("workflows", id_, "allow", plural, index)
                    yield Finding("warning", at, f"no deployment has this {kind}", suggest(name, known))
