from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.model import Allow, Deployment, Domain, DomainKind, Limits, Slo, Snapshot
from gateway.simulator.proposals import NEW_VENDOR, Change, proposals
from gateway.simulator.result import Case, Effect, Verdict
from gateway.simulator.world import World

from .calm import SCANT, A, B, C, calm, tried
from .exposed import REPEATABLE, deployment, snapshot, workflow

WORLD = World()
ADA = deployment("ada", model="text-embedding-ada-002")
LARGE = deployment("large", model="text-embedding-3-large")
LARGE_TOO = deployment("large-too", model="text-embedding-3-large")
SECOND = "add a second source for route chat at another vendor"


def effect(verdict: Verdict, over_quota: tuple[str, ...] = (), reasons: tuple[str, ...] = ()) -> Effect:
    return Effect(verdict, 0.0, 100, None, None, over_quota, 0.0, 0.0, 0.0, reasons)


def losing(lost: str, hits: Iterable[Deployment], *, id_: str = "w", seen: Effect | None = None) -> Case:
    return Case("N-1", (lost,), tuple(one.id for one in hits), {id_: seen or effect("lost")})


def titles(config: Snapshot, *cases: Case) -> list[str]:
    return [change.title for change in proposals(config, WORLD, cases)]


def change(config: Snapshot, title: str, *cases: Case) -> Change:
    (found,) = (one for one in proposals(config, WORLD, cases) if one.title == title)
    return found


def allowing(**names: str) -> Allow:
    kinds: dict[str, DomainKind] = {"vendors": "vendor", "jurisdictions": "jurisdiction", "regions": "region"}
    return Allow({kinds[kind]: frozenset(given.split()) for kind, given in names.items()})


def test_when_all_is_secure_nothing_is_proposed() -> None:
    config = snapshot(workflow("w"), routes={"chat": [A]})
    assert proposals(config, WORLD, [losing("vendor:a", [A], seen=effect("secure"))]) == []
    assert proposals(config, WORLD, []) == []


def test_no_second_vendor_is_invented_twice() -> None:
    config = snapshot(workflow("w", "chat"), routes={"chat": [A]})
    once = change(config, SECOND, losing("vendor:a", [A])).snapshot
    assert titles(once, losing("region:us", [A, once.deployments["second-source-chat"]])) == []


def test_a_deployment_of_another_route_may_stand_in() -> None:
    config = snapshot(workflow("w", "chat"), routes={"chat": [A], "fast": [B]})
    found = change(config, "let b stand in on route chat", losing("vendor:a", [A]))
    assert found.needs == ""
    assert found.yaml == "routes:\n  chat: {tiers: [[a], [b]], attempts: 3}"
    assert found.snapshot.routes["chat"].tiers == ((A,), (B,))
    assert found.snapshot.routes["fast"] == config.routes["fast"]


def test_whoever_goes_with_the_same_loss_may_not() -> None:
    config = snapshot(workflow("w", "chat"), routes={"chat": [A], "fast": [B]})
    assert titles(config, losing("cloud:aws", [A, B])) == [SECOND]


def test_what_the_workflow_forbids_is_no_spare() -> None:
    narrow = workflow("w", "chat", allow=allowing(vendors="a"))
    config = snapshot(narrow, routes={"chat": [A], "fast": [B]})
    assert titles(config, losing("vendor:a", [A])) == [SECOND]


def test_to_allow_more_somebody_must_agree() -> None:
    narrow = workflow("w", "chat", allow=allowing(vendors="a"))
    config = snapshot(narrow, routes={"chat": [A, B]})
    found = change(config, "allow b for workflow w", losing("vendor:a", [A]))
    assert found.needs == "owner agrees that b may serve w (vendor b is not allowed today)"
    assert found.yaml == "workflows:\n  w: {allow: {vendors: [a, b]}}"
    assert found.snapshot.workflows["w"].allow == allowing(vendors="a b")
    assert found.snapshot.routes == config.routes


def test_a_new_vendor_needs_a_contract_and_everyone_whose_rule_it_widens() -> None:
    config = snapshot(
        workflow("w", "chat", allow=allowing(vendors="a")),
        replace(workflow("v", allow=allowing(vendors="a b")), owner="v@example.com"),
        replace(workflow("elsewhere", "fast", allow=allowing(vendors="b")), owner="x@example.com"),
        workflow("free", "chat"),
        routes={"chat": [A], "fast": [B]},
    )
    found = change(config, SECOND, losing("vendor:a", [A]))
    assert found.needs == (
        "a contract with another vendor for an equal model of another maker, with the quota of a, "
        "that shares no cloud, region, edge or jurisdiction with a; "
        f"owner agrees that {NEW_VENDOR} may serve w (vendor {NEW_VENDOR} is not allowed today); "
        f"v@example.com agrees that {NEW_VENDOR} may serve v (vendor {NEW_VENDOR} is not allowed today)"
    )
    assert found.snapshot.workflows["elsewhere"] == config.workflows["elsewhere"]
    assert found.snapshot.workflows["free"] == config.workflows["free"]
    assert "workflows:\n  v: {allow: {vendors: [a, another-vendor, b]}}" in found.yaml


def test_a_new_vendor_is_where_the_rules_allow_but_elsewhere_if_it_can() -> None:
    us = deployment("a", Domain("vendor", "a"), Domain("jurisdiction", "US"), Domain("region", "us"))
    rules = allowing(jurisdictions="EU US", regions="us")
    config = snapshot(workflow("w", "chat", allow=rules), routes={"chat": [us]})
    found = change(config, SECOND, losing("vendor:a", [us])).snapshot.deployments["second-source-chat"]
    assert (found.domain("jurisdiction"), found.domain("region")) == ("EU", "us")
    assert rules.refusal(found) is None


def test_a_rule_that_the_new_vendor_cannot_meet_stays_as_it_is() -> None:
    # It does not say where it is, so what wants it in the EU goes on refusing it: no need to ask its owner.
    strict = workflow("v", "chat", allow=allowing(vendors="a", regions="eu"))
    config = snapshot(workflow("w", "chat"), strict, routes={"chat": [A]})
    found = change(config, SECOND, losing("vendor:a", [A]))
    assert found.snapshot.workflows["v"] == strict
    assert " v " not in found.needs


def test_vectors_only_from_the_same_model() -> None:
    config = snapshot(workflow("w", "embed"), routes={"embed": [LARGE], "old": [ADA], "more": [LARGE_TOO], "chat": [A]})
    new = "add a second source for route embed at another vendor"
    cases = [losing("vendor:large", [LARGE])]
    assert titles(config, *cases) == ["let large-too stand in on route embed", new]
    second = change(config, new, *cases)
    assert second.snapshot.deployments["second-source-embed"].model == LARGE.model
    assert "for the same model (text-embedding-3-large)" in second.needs


def test_a_model_for_vectors_does_not_chat() -> None:
    config = snapshot(workflow("w", "chat"), routes={"chat": [A], "embed": [ADA]})
    assert titles(config, losing("vendor:a", [A])) == [SECOND]


def test_a_request_may_try_all_deployments() -> None:
    config = snapshot(workflow("w", "chat"), routes={"chat": [A, B, C]})
    bounded = replace(config, routes={"chat": replace(config.routes["chat"], attempts=1)})
    found = change(bounded, "let a request on route chat try all 3 deployments", losing("vendor:a", [A]))
    assert found.snapshot.routes["chat"].attempts == 3
    assert found.yaml == "routes:\n  chat: {attempts: 3}"
    assert titles(config, losing("vendor:a", [A])) == []


def test_a_quota_that_did_not_hold_is_doubled() -> None:
    over = losing("vendor:a", [A], seen=effect("degraded", over_quota=("b",)))
    found = change(SCANT, "double the quota of b", over)
    assert found.snapshot.deployments["b"].limits == Limits(rpm=80)
    assert found.snapshot.routes["chat"].deployments[1].limits == Limits(rpm=80)
    assert found.yaml == "deployments:\n  b: {limits: {rpm: 80}}"
    assert found.needs.startswith("b grants it")
    # One that is not in the config is the vendor's own, and no line of the config raises it.
    assert titles(snapshot(workflow("w", "chat"), routes={"chat": [A, B]}), over) == []


def test_a_vendor_that_hangs_is_left_sooner() -> None:
    late = losing("vendor:a", [A], seen=effect("degraded", reasons=("first token p95 9.00s is above 2s",)))
    config = snapshot(workflow("w", "chat"), routes={"chat": [A, B]})
    found = change(config, "wait 5s instead of 10s for the first token of a", late)
    assert found.snapshot.deployments["a"].timeouts.first_token == 5.0
    assert found.yaml == "deployments:\n  a: {timeouts: {first_token: 5s}}"


def test_what_is_worth_most_comes_first_and_each_change_once() -> None:
    config = snapshot(
        workflow("cheap", "fast", usd_per_minute=1.0),
        workflow("dear", "chat", usd_per_minute=9.0),
        routes={"fast": [B], "chat": [A]},
    )
    lost = {"cheap": effect("lost"), "dear": effect("lost")}
    both = [Case("N-1", (name,), ("a", "b"), lost) for name in ("cloud:aws", "region:us")]
    assert titles(config, *both) == [SECOND, SECOND.replace("chat", "fast")]


RULES = st.dictionaries(
    st.sampled_from(("vendor", "jurisdiction", "region")),
    st.frozensets(st.sampled_from(("a", "b", "c", "eu", "us")), min_size=1),
    max_size=2,
).map(lambda names: Allow({kind: names[kind] for kind in names}))  # type: ignore[misc]


@settings(REPEATABLE, max_examples=60)
@given(st.lists(RULES, min_size=1, max_size=3), st.sampled_from("abc"))
def test_no_rule_is_widened_without_its_owner(rules: list[Allow], lost: str) -> None:
    named = {id_: workflow(id_, "chat", allow=rule) for id_, rule in zip("uvw", rules, strict=False)}
    users = [replace(one, owner=f"{id_}@example.com", slo=Slo(0.9)) for id_, one in named.items()]
    config = snapshot(*users, routes={"chat": [A, B], "fast": [C]})
    hits = [one for one in (A, B, C) if one.id == lost]
    cases = [losing(f"vendor:{lost}", hits, id_=id_) for id_ in named]
    for one in proposals(config, WORLD, cases):
        for id_, before in config.workflows.items():
            after = one.snapshot.workflows[id_]
            assert replace(after, allow=before.allow) == before
            if after.allow != before.allow:
                assert f"{before.owner} agrees" in one.needs
                assert f"  {id_}: {{allow:" in one.yaml


@pytest.mark.parametrize("lost", ["vendor:a", "vendor:b"])
def test_of_a_config_that_withstands_it_nothing_is_wanted(lost: str) -> None:
    config = snapshot(workflow("w"), routes={"chat": [A, B]})
    assert proposals(config, calm(config), [case for case in tried(config).cases if case.lost == (lost,)]) == []
