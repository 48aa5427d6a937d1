import hashlib

import pytest

from gateway.core.model import Key, Route, Snapshot, Workflow
from gateway.errors import GatewayError
from gateway.server.auth import ANONYMOUS, Principal, authenticate, authorize, usable_routes

SECRET = "ss-secret"
ALL, NARROW = Workflow("all", "a@example.com"), Workflow("narrow", "n@example.com", routes=frozenset({"chat"}))
ROUTES = {name: Route(name, ()) for name in ("chat", "embed")}
WORKFLOWS = {workflow.id: workflow for workflow in (ALL, NARROW)}
KEY = Key("k", hashlib.sha256(SECRET.encode()).hexdigest(), "all", frozenset({"narrow", "gone"}))
KEYED = Snapshot("r1", {}, ROUTES, WORKFLOWS, keys=(KEY,))
KEYLESS = Snapshot("r1", {}, ROUTES, WORKFLOWS)


def headers(authorization: str = f"Bearer {SECRET}", **more: str) -> dict[bytes, bytes]:
    given = {"authorization": authorization, **{name.replace("_", "-"): value for name, value in more.items()}}
    return {name.encode(): value.encode() for name, value in given.items() if value}


def refusal(found: dict[bytes, bytes], snapshot: Snapshot = KEYED, *, open_house: bool = False) -> tuple[int, str]:
    with pytest.raises(GatewayError) as caught:
        authenticate(found, snapshot, open_house=open_house)
    assert SECRET not in caught.value.message
    return caught.value.status, caught.value.code


@pytest.mark.parametrize(
    "found",
    [
        headers(),
        headers(f"bearer  {SECRET} "),
        headers("", x_api_key=SECRET),
        headers("", api_key=SECRET),
        headers("Basic abc", api_key=SECRET),
    ],
)
@pytest.mark.parametrize("open_house", [True, False])
def test_a_key_stands_for_its_workflow(found: dict[bytes, bytes], open_house: bool) -> None:
    assert authenticate(found, KEYED, open_house=open_house) == Principal("k", ALL)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (headers(""), "missing_api_key"),
        (headers("Bearer "), "missing_api_key"),
        (headers("Basic abc"), "missing_api_key"),
        (headers("Bearer wrong"), "invalid_api_key"),
        (headers(f"Bearer {KEY.sha256}"), "invalid_api_key"),
        (headers(f"Bearer {SECRET[:-1]}"), "invalid_api_key"),
        (headers("Bearer \xff\x00"), "invalid_api_key"),
    ],
)
@pytest.mark.parametrize("open_house", [True, False])
def test_without_a_good_key_nobody_comes_in(found: dict[bytes, bytes], code: str, open_house: bool) -> None:
    assert refusal(found, open_house=open_house) == (401, code)


def test_the_first_and_the_last_key_are_found() -> None:
    others = tuple(Key(f"o{index}", hashlib.sha256(b"%d" % index).hexdigest(), "narrow") for index in range(3))
    for keys in ((KEY, *others), (*others, KEY)):
        snapshot = Snapshot("r1", {}, ROUTES, WORKFLOWS, keys=keys)
        assert authenticate(headers(), snapshot, open_house=False).key == "k"


def test_the_header_names_another_workflow_where_the_key_allows_it() -> None:
    assert authenticate(headers(x_gateway_workflow="narrow"), KEYED, open_house=False).workflow is NARROW
    assert authenticate(headers(x_gateway_workflow="all"), KEYED, open_house=False).workflow is ALL
    assert refusal(headers(x_gateway_workflow="other")) == (403, "workflow_forbidden")
    assert refusal(headers(x_gateway_workflow="gone")) == (403, "workflow_unknown")


def test_open_house_is_only_for_a_config_without_keys() -> None:
    assert authenticate({}, KEYLESS, open_house=True) == Principal("", ANONYMOUS)
    assert authenticate(headers(), KEYLESS, open_house=True) == Principal("", ANONYMOUS)
    assert authenticate(headers(x_gateway_workflow="narrow"), KEYLESS, open_house=True) == Principal("", NARROW)
    assert refusal(headers(x_gateway_workflow="nope"), KEYLESS, open_house=True) == (403, "workflow_unknown")
    assert refusal(headers(), KEYLESS) == (401, "invalid_api_key")


def test_routes() -> None:
    wide, narrow = Principal("k", ALL), Principal("k", NARROW)
    assert usable_routes(wide, KEYED) == ["chat", "embed"]
    assert usable_routes(narrow, KEYED) == ["chat"]
    assert authorize(narrow, "chat", KEYED) is ROUTES["chat"]
    with pytest.raises(GatewayError, match="It may use: chat") as forbidden:
        authorize(narrow, "embed", KEYED)
    assert (forbidden.value.status, forbidden.value.code) == (403, "model_forbidden")
    with pytest.raises(GatewayError, match="Models this key may use: chat, embed") as unknown:
        authorize(wide, "gpt-9", KEYED)
    assert (unknown.value.status, unknown.value.code, unknown.value.param) == (404, "model_not_found", "model")
