import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gateway.core.decision import Decision
from gateway.store.base import LedgerError
from gateway.store.spool import Spool
from gateway.store.sql import SqlLedger
from gateway.store.writer import LedgerWriter, WriterSettings, WriterStatus

from .samples import decision, several, until

QUICK = WriterSettings(interval=0.005, recovery=0.02)


class Counting(SqlLedger):
    """Fails on demand, and counts how often it was asked."""

    failing: Exception | None = None
    asked = 0

    async def append(self, decisions: Sequence[Decision]) -> None:
        self.asked += 1
        if self.failing:
            raise self.failing
        await super().append(decisions)


def counting(directory: Path) -> Counting:
    return Counting(f"sqlite:///{directory}/ledger.db", busy_timeout=0.02)


def spool(directory: Path) -> Spool:
    return Spool(directory, "ledger.db")


def lock(directory: Path) -> sqlite3.Connection:
    other = sqlite3.connect(directory / "ledger.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def put(writer: LedgerWriter, decisions: Sequence[Decision]) -> None:
    for it in decisions:
        writer.put(it)


def written(directory: Path) -> list[str]:
    """The ids in the ledger, in the order of arrival."""
    connection = sqlite3.connect(directory / "ledger.db")
    found = [row[0] for row in connection.execute("SELECT id FROM decisions ORDER BY seq")]
    connection.close()
    return found


def spooled(directory: Path) -> list[Path]:
    return list(directory.glob("*.jsonl"))


def ids(count: int, start: int = 0) -> list[str]:
    return [it.id for it in several(count, start)]


def held(writer: LedgerWriter) -> tuple[int, int, int, int]:
    status = writer.status
    return status.written, status.waiting, status.spooled, status.lost


async def test_decisions_are_written_when_the_interval_is_over(tmp_path: Path) -> None:
    writer = LedgerWriter(counting(tmp_path), spool(tmp_path), QUICK)
    put(writer, several(2))
    await writer.start()
    put(writer, several(1, start=2))
    await until(lambda: writer.status.written == 3)
    assert written(tmp_path) == ids(3)
    assert (writer.status.state, writer.status.last_error) == ("ok", "")
    await writer.close()


async def test_a_full_batch_does_not_wait_for_the_interval(tmp_path: Path) -> None:
    writer = LedgerWriter(counting(tmp_path), spool(tmp_path), WriterSettings(interval=3600, batch=5))
    await writer.start()
    put(writer, several(4))
    await asyncio.sleep(0)
    assert writer.status.waiting == 4
    put(writer, several(1, start=4))
    await until(lambda: writer.status.written == 5)
    await writer.close()


async def test_a_batch_bounds_one_write(tmp_path: Path) -> None:
    ledger = counting(tmp_path)
    writer = LedgerWriter(ledger, spool(tmp_path), WriterSettings(interval=3600, batch=10))
    put(writer, several(25))
    await writer.start()
    opening = ledger.asked
    await writer.close()
    assert (ledger.asked - opening, written(tmp_path)) == (3, ids(25))


async def test_a_clean_stop_writes_everything(tmp_path: Path) -> None:
    writer = LedgerWriter(counting(tmp_path), spool(tmp_path), WriterSettings(interval=3600))
    await writer.start()
    put(writer, several(1200))
    await writer.close()
    assert held(writer) == (1200, 0, 0, 0)
    assert written(tmp_path) == ids(1200)


async def test_a_locked_ledger_is_a_degraded_mode_that_heals(tmp_path: Path) -> None:
    heard: list[WriterStatus] = []
    writer = LedgerWriter(counting(tmp_path), spool(tmp_path), QUICK, on_change=heard.append)
    await writer.start()
    other = lock(tmp_path)
    put(writer, several(700))
    await until(lambda: writer.status.state == "degraded")
    put(writer, several(700, start=700))
    assert held(writer) == (0, 1400, 0, 0)
    other.close()
    await until(lambda: writer.status.written == 1400)
    await writer.close()
    assert written(tmp_path) == ids(1400)
    assert [status.state for status in heard] == ["degraded", "ok"]
    assert "database is locked" in heard[0].last_error
    assert heard[0].since < heard[1].since <= writer.status.since


async def test_a_ledger_that_cannot_be_opened_is_opened_later(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    writer = LedgerWriter(counting(tmp_path / "var"), spool(tmp_path), QUICK)
    await writer.start()
    put(writer, several(3))
    assert (writer.status.state, writer.status.waiting) == ("degraded", 3)
    (tmp_path / "var").unlink()
    await until(lambda: writer.status.written == 3)
    assert writer.status.state == "ok"
    await writer.close()


async def test_the_breaker_leaves_a_failing_ledger_alone(tmp_path: Path) -> None:
    ledger = counting(tmp_path)
    ledger.failing = LedgerError("no")
    settings = WriterSettings(interval=0.001, memory_limit=0, failures=3, recovery=3600)
    writer = LedgerWriter(ledger, spool(tmp_path), settings)
    await writer.start()
    for flush in range(1, 8):
        put(writer, several(1, start=flush))
        await until(lambda expected=flush: writer.status.spooled == expected)  # type: ignore[misc]
    assert ledger.asked == 3
    await writer.close()


async def test_what_exceeds_memory_goes_to_the_spool_and_order_is_kept(tmp_path: Path) -> None:
    settings = WriterSettings(interval=0.005, recovery=0.02, batch=7, memory_limit=20)
    ledger = counting(tmp_path)
    writer = LedgerWriter(ledger, spool(tmp_path), settings)
    await writer.start()
    ledger.failing = LedgerError("no")
    for start in (0, 50):
        put(writer, several(50, start))
        await until(lambda: writer.status.waiting == 20)
    assert held(writer) == (0, 20, 80, 0)
    ledger.failing = None
    put(writer, several(30, start=100))
    await until(lambda: writer.status.written == 130)
    await writer.close()
    assert written(tmp_path) == ids(130)
    assert spooled(tmp_path) == []


async def test_only_when_the_spool_fails_too_are_the_oldest_lost(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    gone: list[Decision] = []
    ledger = counting(tmp_path)
    settings = WriterSettings(interval=0.005, recovery=0.02, batch=7, memory_limit=20)
    writer = LedgerWriter(ledger, spool(tmp_path / "file"), settings, on_lost=gone.extend)
    await writer.start()
    ledger.failing = LedgerError("no")
    put(writer, several(50))
    await until(lambda: writer.status.lost > 0 and writer.status.waiting == 20)
    assert held(writer) == (0, 20, 0, 30)
    assert gone == several(30)
    assert writer.status.last_error != ""
    ledger.failing = None
    await until(lambda: writer.status.written == 20)
    await writer.close()
    assert written(tmp_path) == ids(20, start=30)


async def test_what_cannot_be_written_at_close_is_written_at_the_next_start(tmp_path: Path) -> None:
    first = LedgerWriter(counting(tmp_path), spool(tmp_path), QUICK)
    await first.start()
    other = lock(tmp_path)
    put(first, several(1200))
    await first.close()
    assert held(first) == (0, 0, 1200, 0)
    other.close()
    assert written(tmp_path) == []
    second = LedgerWriter(counting(tmp_path), spool(tmp_path), QUICK)
    await second.start()
    put(second, several(5, start=1200))
    await until(lambda: second.status.written == 1205)
    await second.close()
    assert written(tmp_path) == ids(1205)
    assert spooled(tmp_path) == []


async def test_a_replay_that_breaks_off_writes_nothing_twice(tmp_path: Path) -> None:
    left = spool(tmp_path)
    left.append(several(10))
    left.close()
    ledger = counting(tmp_path)
    await ledger.open()
    await ledger.append(several(4))
    writer = LedgerWriter(ledger, spool(tmp_path), QUICK)
    await writer.start()
    await until(lambda: not writer.status.spooled)
    await writer.close()
    assert written(tmp_path) == ids(10)


@pytest.mark.parametrize("hinder", [lambda path: path.unlink(), lambda path: (path.unlink(), path.mkdir())])
async def test_a_spool_file_that_cannot_be_read_holds_up_nobody(
    tmp_path: Path, hinder: Callable[[Path], object]
) -> None:
    ledger = counting(tmp_path)
    writer = LedgerWriter(ledger, spool(tmp_path), WriterSettings(interval=0.005, recovery=0.02, memory_limit=2))
    await writer.start()
    ledger.failing = LedgerError("no")
    put(writer, several(6))
    await until(lambda: writer.status.spooled == 4)
    hinder(spooled(tmp_path)[0])
    ledger.failing = None
    await until(lambda: writer.status.written == 2)
    assert writer.status.last_error.startswith("spool: ")
    await writer.close()
    assert written(tmp_path) == ids(2, start=4)


async def test_an_orphan_that_cannot_be_had_does_not_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "ledger.db.spool.1-ab.jsonl").mkdir()
    writer = LedgerWriter(counting(tmp_path), spool(tmp_path), QUICK)
    await writer.start()
    assert "ledger.db.spool.1-ab.jsonl" in writer.status.last_error
    put(writer, several(1))
    await writer.close()
    assert written(tmp_path) == ids(1)


async def test_a_ledger_that_does_not_answer_is_a_failing_one(tmp_path: Path) -> None:
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db", busy_timeout=0.5)
    settings = WriterSettings(interval=0.005, recovery=0.02, patience=0.1)
    writer = LedgerWriter(ledger, spool(tmp_path), settings)
    await writer.start()
    other = lock(tmp_path)
    put(writer, several(3))
    await until(lambda: writer.status.state == "degraded")
    assert writer.status.last_error == "the ledger did not answer within 0.1 s"
    other.close()
    await until(lambda: writer.status.written == 3)
    await writer.close()
    assert written(tmp_path) == ids(3)


async def test_close_does_not_wait_longer_than_it_was_told(tmp_path: Path) -> None:
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db", busy_timeout=0.5)
    writer = LedgerWriter(ledger, spool(tmp_path), QUICK)
    await writer.start()
    other = lock(tmp_path)
    put(writer, several(3))
    await writer.close(timeout=0.05)
    other.close()
    heir = spool(tmp_path)
    heir.adopt()
    assert heir.peek(9) == several(3)
    heir.close()


async def test_a_defect_does_not_pass_for_a_healthy_ledger(tmp_path: Path) -> None:
    ledger = counting(tmp_path)
    writer = LedgerWriter(ledger, spool(tmp_path), QUICK)
    await writer.start()
    ledger.failing = ZeroDivisionError("a defect")
    writer.put(decision(1))
    await until(lambda: writer.status.state == "degraded")
    assert writer.status.last_error == "the writer stopped: ZeroDivisionError('a defect')"
    await writer.close()
    heir = spool(tmp_path)
    heir.adopt()
    assert heir.peek(9) == [decision(1)]
    heir.close()
