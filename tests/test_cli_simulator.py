"""The simulator's commands as their users start them: real processes."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from gateway.core.decision import Decision
from gateway.store.sql import SqlLedger
from tests.simulator.files import write_files, write_world

NOON = 1_767_355_200.0  # 2026-01-02 12:00 UTC
RECORDED = Decision(
    id="",
    request_id="",
    at=NOON,
    revision="r",
    key="k",
    workflow="support",
    route="chat",
    endpoint="chat.completions",
    stream=False,
    outcome="ok",
    status=200,
    served_by="one",
    served_vendor="acme",
    model="acme-1",
    fallback=False,
    first_token=None,
    took=1.0,
    usd=0.001,
    input_tokens=400,
    output_tokens=80,
    attempts=(),
    rejected=(),
)


def start(config: Path, *words: str | Path, hash_seed: str = "0") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "gateway", *map(str, words), "--config", str(config)]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environ, capture_output=True, timeout=60)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def record(config: Path, decisions: list[Decision]) -> Path:
    """In the ledger that the config names, whose path comes back."""
    path = config.parent / "ledger.db"

    async def write() -> None:
        ledger = SqlLedger(f"sqlite:///{path}")
        await ledger.open()
        await ledger.append(decisions)
        await ledger.close()

    asyncio.run(write())
    return path


def test_the_same_bytes_in_every_process_and_on_any_number_of_them(config: Path) -> None:
    write_world(config.parent, per_minute=10)
    for copy in ("again", "more"):
        (config.parent / "scenarios" / f"{copy}.yaml").write_bytes(
            (config.parent / "scenarios" / "dark.yaml").read_bytes()
        )
    losses = ("contingency", "--requests", "50", "--pairs", "1", "--years", "100", "--json")
    scenarios = ("simulate", config.parent / "scenarios", "--json")
    ways = [("1", "0"), ("2", "12345")]
    with ThreadPoolExecutor(2) as pool:
        for words in (losses, scenarios):
            done = list(pool.map(lambda way, w=words: start(config, *w, "--processes", way[0], hash_seed=way[1]), ways))
            assert [one.stderr for one in done] == [b""] * len(ways)
            assert done[0].stdout == done[1].stdout
            assert orjson.loads(done[0].stdout)["seed"] == 1


def test_what_the_ledger_has_on_record_is_sent_again(config: Path) -> None:
    at = [NOON + 2.0 * place for place in range(90)]
    support = [replace(RECORDED, id=f"s{place}", at=moment) for place, moment in enumerate(at)]
    stranger = replace(RECORDED, id="x", workflow="gone", at=NOON + 1.0)
    before = replace(RECORDED, id="b", at=NOON - 86_400.0)
    record(config, [*support, stranger, before])
    words = ("simulate", config.parent / "scenarios", "--replay", "--json")
    # 13:00 in Berlin is noon.
    done = start(config, *words, "--since", "2026-01-02T13:00:00+01:00", "--until", "2026-01-02T12:05:00")
    assert (done.returncode, done.stderr) == (0, b"")
    found = orjson.loads(done.stdout)
    seen = {one["workflow"]: one for one in found["scenarios"][0]["workflows"]}
    assert seen["support"]["requests"] == 90
    assert seen["batch"]["requests"] == 0
    # acme is dark from the first to the third minute; zenith stands in.
    assert set(seen["support"]["served_by"]) == {"one", "two"}
    assert seen["support"]["served_by"]["one"] < 45
    assert found["assumptions"][0] == "Traffic is replayed from the ledger."
    assert found["notes"] == [
        "Replayed 90 requests of the ledger, over 3.0 minutes.",
        "1 requests were left out, since the config does not know their workflow or route: gone/chat.",
    ]


def test_an_empty_stretch_of_the_ledger_is_said_to_be_one(config: Path) -> None:
    record(config, [replace(RECORDED, id="one")])
    done = start(config, "simulate", config.parent / "scenarios", "--replay", "--since", "2030-01-01")
    assert done.returncode == 1
    assert b"The ledger has no request in that time." in done.stdout


def test_without_a_ledger_there_is_nothing_to_send_again(config: Path) -> None:
    done = start(config, "simulate", config.parent / "scenarios", "--replay")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode() == f"there is no ledger at {config.parent}/ledger.db yet\n"
    assert not (config.parent / "ledger.db").exists()


def test_a_ledger_of_a_newer_version_is_left_alone(config: Path) -> None:
    path = record(config, [replace(RECORDED, id="one")])
    with sqlite3.connect(path) as ledger:
        ledger.execute("UPDATE alembic_version SET version_num = '9999'")
    ledger.close()
    done = start(config, "simulate", config.parent / "scenarios", "--replay")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode().startswith("the ledger cannot be read: ")
    assert "9999" in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    with sqlite3.connect(path) as ledger:
        assert ledger.execute("SELECT count(*) FROM decisions").fetchone() == (1,)
    ledger.close()
