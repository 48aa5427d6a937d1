"""Nothing that was asked or answered, and no key, is in a log, an error, a metric or the ledger."""

from pathlib import Path

from gateway.emulator.fault import Fault
from tests.server.rig import EU_KEY, KEY, VENDOR_KEY, Rig, ask, rig

PROMPT = "the-secret-plan-of-the-board"
KEYS = (KEY, EU_KEY, VENDOR_KEY)


async def test_secrets_and_prompts_stay_where_they_are(tmp_path: Path) -> None:
    async with rig(tmp_path, environ={"SECONDSOURCE_LOG_LEVEL": "debug"}) as house:
        told = await _exercise(house)
        metrics = (await house.http.get(f"{house.gateway.admin_url}/metrics")).text
        health = (await house.http.get(f"{house.gateway.admin_url}/health")).text
        assert all(PROMPT not in seen for seen in (metrics, health))
        assert all(key not in seen for key in KEYS for seen in (metrics, health, *told))
        await house.gateway.stop()
        lines = house.gateway.requests_logged()
    log = house.gateway.log.read_text()
    stored = (tmp_path / "ledger.db").read_bytes()
    for secret in (*KEYS, PROMPT, "You said:"):
        assert secret not in log
        assert secret.encode() not in stored
    assert [line["outcome"] for line in lines] == ["ok", "ok", "bad_request", "server_error", "unauthorized"]
    assert all(line["workflow"] == "support" and line["revision"] and line["request_id"] for line in lines)
    assert lines[4]["attempts"] == ["one:unauthorized"]


async def _exercise(house: Rig) -> list[str]:
    """The bodies of the errors that the app was told."""
    prompt = {"messages": [{"role": "user", "content": PROMPT}]}
    await house.post(ask(**prompt))
    await house.post(ask(**prompt, stream=True))
    told = []
    for kind in ("provider_400", "internal_error", "invalid_api_key"):
        house.first.faults.clear()
        house.first.faults.add(Fault(kind, message=f"You sent {VENDOR_KEY}"))
        told.append((await house.post(ask(model="solo", **prompt))).text)
    return told
