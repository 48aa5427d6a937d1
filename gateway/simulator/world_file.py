"""The world file -> a `World`, or everything that is wrong with it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from gateway.config.problem import Finding, Problem, suggest
from gateway.config.problem import Path as Place
from gateway.config.published import json_schema
from gateway.core.model import Deployment, Domain, Need, Snapshot
from gateway.simulator.files import AmountSpread, LongSpread, check_shares, load_file
from gateway.simulator.world import (
    Bursts,
    Daily,
    Group,
    Lognormal,
    Loop,
    Outages,
    Pattern,
    Profile,
    World,
)
from gateway.simulator.world_schema import (
    GroupEntry,
    OutagesEntry,
    ProfileEntry,
    TrafficEntry,
    WorldFile,
)

_USUAL = World()


def load_world(path: Path, snapshot: Snapshot) -> tuple[World | None, list[Problem]]:
    """The world (None when any problem is an error) and all problems, in the order of the file.

    Every name in it must be one of the snapshot's. What a part leaves out keeps its default.
    """
    domains = _domains(snapshot)
    return load_file(
        path, WorldFile, lambda entry: _check(entry, snapshot, domains), lambda entry: _world(entry, snapshot, domains)
    )


def world_schema() -> dict[str, Any]:
    """The JSON Schema of the world file, in draft-07."""
    return json_schema(WorldFile, references=False)


def _domains(snapshot: Snapshot) -> dict[str, Domain]:
    """By the name they have in the file, such as `vendor:openai`."""
    return {f"{domain.kind}:{domain.name}": domain for one in snapshot.deployments.values() for domain in one.domains}


# -- what goes beyond the shape --------------------------------------------------------------------------------------


def _check(entry: WorldFile, snapshot: Snapshot, domains: Mapping[str, Domain]) -> Iterator[Finding]:
    for section, kind, known in (
        ("deployments", "deployment", snapshot.deployments),
        ("traffic", "workflow", snapshot.workflows),
        ("outages", "domain", domains),
    ):
        names = getattr(entry, section)
        yield from (_unknown((section, name), kind, name, known) for name in names if name not in known)
    for id_, traffic in entry.traffic.items():
        yield from _routes(id_, traffic, snapshot)
    for name, outages in entry.outages.items():
        if outages.repair and outages.repair.mean < outages.repair.median:
            yield Finding("error", ("outages", name, "repair", "mean"), "less than the median")
    for index, group in enumerate(entry.correlated or ()):
        yield from _group(index, group, domains)


def _routes(id_: str, traffic: TrafficEntry, snapshot: Snapshot) -> Iterator[Finding]:
    at = ("traffic", id_, "routes")
    workflow = snapshot.workflows.get(id_)
    for name in traffic.routes:
        if name not in snapshot.routes:
            yield _unknown((*at, name), "route", name, snapshot.routes)
        elif workflow and not workflow.may_use(name):
            yield Finding("error", (*at, name), f"{id_} may not use this route", on_key=True)
    yield from check_shares(traffic.routes, at)


def _group(index: int, group: GroupEntry, domains: Mapping[str, Domain]) -> Iterator[Finding]:
    for place, name in enumerate(group.members):
        at = ("correlated", index, "members", place)
        if name not in domains:
            yield _unknown(at, "domain", name, domains)
        elif name in group.members[:place]:
            yield Finding("error", at, "is in this group already")


def _unknown(at: Place, kind: str, name: str, known: Iterable[str]) -> Finding:
    # A list's items have no key of their own: the finding then points at the item all the same.
    return Finding("error", at, f"unknown {kind} {name!r}", suggest(name, known), on_key=True)


# -- the world -------------------------------------------------------------------------------------------------------


def _world(entry: WorldFile, snapshot: Snapshot, domains: Mapping[str, Domain]) -> World:
    groups = None
    if entry.correlated is not None:
        groups = tuple(
            Group(group.name, tuple(domains[name] for name in group.members), group.beta) for group in entry.correlated
        )
    return World(
        profiles={id_: _profile(profile, snapshot.deployments[id_]) for id_, profile in entry.deployments.items()},
        patterns={id_: _pattern(traffic) for id_, traffic in entry.traffic.items()},
        outages={domains[name]: _outages(outages, domains[name]) for name, outages in entry.outages.items()},
        groups=groups,
    )


def _profile(entry: ProfileEntry, deployment: Deployment) -> Profile:
    usual = _USUAL.profile(deployment)
    return Profile(
        first_token=_lognormal(entry.first_token, usual.first_token),
        speed=_lognormal(entry.speed, usual.speed),
        errors=usual.errors if entry.errors is None else entry.errors,
        headroom=entry.headroom,
        rpm=entry.quota.rpm,
        tpm=entry.quota.tpm,
        concurrency=entry.concurrency,
    )


def _pattern(entry: TrafficEntry) -> Pattern:
    usual = Pattern()
    return Pattern(
        per_minute=entry.per_minute,
        routes=entry.routes,
        stream=entry.stream,
        input=_lognormal(entry.tokens.input, usual.input),
        output=_lognormal(entry.tokens.output, usual.output),
        need=reduce(or_, (Need[name.upper()] for name in entry.needs), Need.NONE),
        daily=Daily(entry.daily.peak, entry.daily.swing) if entry.daily else None,
        bursts=Bursts(entry.bursts.every, entry.bursts.lasting, entry.bursts.factor) if entry.bursts else None,
        loop=Loop(entry.loop.calls, entry.loop.pause) if entry.loop else None,
    )


def _outages(entry: OutagesEntry, domain: Domain) -> Outages:
    usual = _USUAL.outages_of(domain) or Outages(entry.between)
    given = replace(usual, between=entry.between, source="given")
    return replace(given, repair=entry.repair.mean, median=entry.repair.median) if entry.repair else given


def _lognormal(entry: LongSpread | AmountSpread | None, usual: Lognormal) -> Lognormal:
    return Lognormal(entry.median, entry.p95) if entry else usual
