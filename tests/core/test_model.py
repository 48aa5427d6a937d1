from dataclasses import replace

import pytest

from gateway.core.model import Allow, Limits, Price, Route, Workflow

from .build import deployment


def test_a_price_is_per_million_tokens() -> None:
    assert Price(0.15, 0.60).cost(1_000_000, 500_000) == pytest.approx(0.45)


def test_a_deployment_keeps_its_identity_while_it_is_the_same_thing() -> None:
    one = deployment("d", "v")
    assert replace(one, limits=Limits(rpm=1), weight=2.0).identity == one.identity
    assert replace(one, model="other").identity != one.identity
    assert replace(one, api_key="other").identity != one.identity


def test_an_api_key_is_not_shown() -> None:
    assert "sesame" not in repr(replace(deployment("d"), api_key="sesame"))


def test_an_unknown_domain_is_none() -> None:
    assert deployment("d", "v").domain("vendor") == "v"
    assert deployment("d", "v").domain("cloud") is None


def test_a_route_lists_its_deployments_tier_by_tier() -> None:
    a, b, c = deployment("a"), deployment("b"), deployment("c")
    assert Route("chat", ((a, b), (c,))).deployments == (a, b, c)


def test_a_workflow_without_routes_may_use_all() -> None:
    assert Workflow("w", "o").may_use("chat")
    assert not Workflow("w", "o", routes=frozenset({"other"})).may_use("chat")


def test_a_rule_names_its_reason() -> None:
    rule = Allow({"vendor": frozenset({"a"})})
    assert rule.refusal(deployment("d", "a")) is None
    assert rule.refusal(deployment("d", "b")) == "vendor b is not allowed"
