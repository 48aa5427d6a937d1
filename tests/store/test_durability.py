"""What holds when processes die, disks fill up and workers share a file. Each child is a real process."""

import json
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.writer import WriterSettings

CHILD = Path(__file__).with_name("child.py")
INTERVAL = WriterSettings().interval
A_SLOW_MACHINE = 0.8  # seconds that one flush may take on top


def child(what: str, directory: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, CHILD, what, directory, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed_after(lines: int, directory: Path, name: str) -> dict[int, float]:
    """When (monotonic seconds) each decision was put, by its number, until the process was killed."""
    put = {}
    with child("steady", directory, name, 100_000) as process:
        assert process.stdout
        for line in process.stdout:
            number, when = line.split()
            put[int(number)] = float(when)
            if len(put) == lines:
                process.kill()
    return put


def rows(directory: Path, name: str) -> list[int]:
    """The numbers in the ledger, in the order of arrival."""
    with sqlite3.connect(directory / "ledger.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = connection.execute("SELECT id FROM decisions WHERE id LIKE ? ORDER BY seq", [f"{name}-%"])
        numbers = [int(id_.rpartition("-")[2]) for (id_,) in found]
    connection.close()
    return numbers


def test_a_killed_process_loses_no_more_than_the_last_interval(tmp_path: Path) -> None:
    chance = random.Random(20)
    for life in range(3):
        put = killed_after(chance.randint(400, 800), tmp_path, f"life{life}")
        kept = rows(tmp_path, f"life{life}")
        assert kept == list(range(len(kept)))
        assert kept, "the first intervals were written"
        last = max(put.values())
        missing = [last - when for number, when in put.items() if number >= len(kept)]
        assert max(missing, default=0.0) <= INTERVAL + A_SLOW_MACHINE


def test_three_processes_share_one_ledger(tmp_path: Path) -> None:
    count = 3000
    processes = [child("burst", tmp_path, name, count) for name in ("a", "b", "c")]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert [(status["written"], status["spooled"], status["lost"]) for status in said] == [(count, 0, 0)] * 3
    for name in ("a", "b", "c"):
        assert rows(tmp_path, name) == list(range(count))
    assert list(tmp_path.glob("*.jsonl")) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a file size limit stands in for the full disk")
def test_a_full_disk_is_survived_and_healed(tmp_path: Path) -> None:
    count = 5000
    output, _ = child("full", tmp_path, "r", count).communicate(timeout=60)
    *changes, last = json.loads(output)
    states = [status["state"] for status in changes]
    # At the very edge a small batch may still fit between two that do not.
    assert states == ["degraded", "ok"] * (len(states) // 2)
    assert states
    assert "disk" in changes[0]["last_error"]
    assert (last["written"], last["waiting"], last["spooled"], last["lost"]) == (count, 0, 0, 0)
    assert rows(tmp_path, "r") == list(range(count))
    assert list(tmp_path.glob("*.jsonl")) == []
