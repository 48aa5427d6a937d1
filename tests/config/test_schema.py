from dataclasses import fields
from typing import get_args

from gateway.config.schema import PLURALS, AllowEntry, DeploymentEntry, LimitsEntry, RouteEntry, TimeoutsEntry
from gateway.core.model import DomainKind, Limits, Route, Timeouts


def test_every_kind_of_domain_can_be_constrained() -> None:
    assert set(PLURALS.values()) == set(get_args(DomainKind))
    assert set(AllowEntry.model_fields) == set(PLURALS)


def test_the_defaults_are_the_core_s() -> None:
    assert Timeouts(**TimeoutsEntry().model_dump()) == Timeouts()
    assert Limits(**LimitsEntry().model_dump()) == Limits()
    entry, route = RouteEntry(tiers=[["a"]]), Route("r", ())
    shared = {field.name for field in fields(Route)} & set(RouteEntry.model_fields) - {"tiers"}
    assert {name: getattr(entry, name) for name in shared} == {name: getattr(route, name) for name in shared}


def test_the_credential_is_not_in_the_repr() -> None:
    entry = DeploymentEntry(vendor="a", base_url="http://x/v1", model="m", api_key="hush")
    assert "hush" not in repr(entry)
