import pytest

from gateway.emulator.fault import Fault
from tests.server.rig import Rig, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def counted(house: Rig, before: dict[str, float]) -> dict[str, float]:
    """What has grown, but for buckets and times."""
    now = await house.metrics()
    grown = {name: value - before.get(name, 0.0) for name, value in now.items() if value != before.get(name, 0.0)}
    return {name: value for name, value in grown.items() if name.split("{")[0].endswith(("_total", "_count"))}


async def test_a_plain_answer(house: Rig) -> None:
    before = await house.metrics()
    usage = (await house.post(ask())).json()["usage"]
    assert await counted(house, before) == {
        "requests_total{outcome=ok,route=chat,stream=false,workflow=support}": 1,
        "attempts_total{deployment=one,outcome=ok,vendor=first}": 1,
        "tokens_total{deployment=one,direction=input}": usage["prompt_tokens"],
        "tokens_total{deployment=one,direction=output}": usage["completion_tokens"],
        "cost_usd_total{deployment=one,workflow=support}": pytest.approx(
            (usage["prompt_tokens"] + 2 * usage["completion_tokens"]) / 1e6
        ),
        "request_seconds_count{route=chat,stream=false}": 1,
    }


async def test_a_stream_by_fallback_and_continued(house: Rig) -> None:
    before = await house.metrics()
    house.first.faults.add(Fault("cut_reset"))
    await house.post(ask(stream=True), x_gateway_workflow="batch")
    grown = await counted(house, before)
    expected = {
        "requests_total{outcome=ok,route=chat,stream=true,workflow=batch}": 1,
        "attempts_total{deployment=one,outcome=cut,vendor=first}": 1,
        "attempts_total{deployment=two,outcome=ok,vendor=second}": 1,
        "fallbacks_total{deployment=two,route=chat}": 1,
        "stream_continuations_total{route=chat}": 1,
        "stream_endings_total{ending=finish,route=chat}": 1,
        "first_token_seconds_count{deployment=one}": 1,
        "first_token_seconds_count{deployment=two}": 1,
    }
    assert {name: grown[name] for name in expected} == expected


async def test_what_is_refused_before_routing(house: Rig) -> None:
    before = await house.metrics()
    await house.post({"model": "gpt-9", "messages": []})
    await house.post(b"nonsense")
    assert await counted(house, before) == {
        "refused_total{code=model_not_found}": 1,
        "refused_total{code=invalid_request}": 1,
    }


async def test_labels_never_come_from_a_client(house: Rig) -> None:
    marks = ("evil-model", "evil-workflow", "evil-id")
    await house.post({"model": marks[0], "messages": []}, x_request_id=marks[2])
    await house.post(ask(), x_gateway_workflow=marks[1])
    assert not [name for name in await house.metrics() for mark in marks if mark in name]


async def test_gauges(house: Rig) -> None:
    await house.post(ask())
    metrics, health = await house.metrics(), await house.health()
    assert metrics[f"config_info{{revision={health['config']['revision']}}}"] == 1
    assert metrics["config_current"] == 1
    assert metrics["ledger_degraded"] == 0
    assert metrics["ledger_lost"] == 0
    assert metrics["in_flight"] == 0
    assert health["status"] == "ok"
    assert health["deployments"]["one"]["breaker"] == "closed"


async def test_health_of_the_admin_port(house: Rig) -> None:
    admin = house.gateway.admin_url
    assert (await house.http.get(f"{admin}/health/live")).json() == {"status": "live"}
    ready = await house.http.get(f"{admin}/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert (await house.http.get(f"{admin}/v1/models")).status_code == 404
