import math
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.decision import Decision
from gateway.store.base import LedgerError, LedgerUrlError, Query, Total
from gateway.store.sql import SqlLedger

from .samples import decision, several


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    it = SqlLedger(f"sqlite:///{tmp_path}/deep/down/ledger.db", busy_timeout=0.05)
    await it.open()
    yield it
    await it.close()


async def test_what_was_appended_comes_back_the_newest_first(ledger: SqlLedger) -> None:
    written = several(700)
    await ledger.append(written[:3])
    await ledger.append(written[3:])
    assert await ledger.query(limit=1000) == written[::-1]
    assert await ledger.query(limit=2) == [written[699], written[698]]


async def test_equal_times_keep_the_order_of_arrival(ledger: SqlLedger) -> None:
    written = [decision(number, at=1.0) for number in (2, 1, 3)]
    await ledger.append(written)
    assert await ledger.query() == written[::-1]


async def test_more_rows_than_one_statement_holds_are_one_transaction(ledger: SqlLedger) -> None:
    written = several(3200)
    await ledger.append(written)
    assert await ledger.query(limit=5000) == written[::-1]


async def test_appending_again_changes_nothing(ledger: SqlLedger) -> None:
    await ledger.append(several(5))
    await ledger.append([*several(7), decision(6)])
    assert await ledger.query() == several(7)[::-1]


async def test_a_request_id_that_a_caller_sends_twice_is_two_decisions(ledger: SqlLedger) -> None:
    first, second = decision(1, request_id="mine"), decision(2, request_id="mine")
    await ledger.append([second, first])
    assert await ledger.query() == [second, first]
    assert await ledger.get("mine") == second
    assert await ledger.get(first.id) == first


async def test_get_of_an_unknown_id_is_none(ledger: SqlLedger) -> None:
    assert await ledger.get("r-000001") is None


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (Query(), "abcd"),
        (Query(since=2.0), "bcd"),
        (Query(until=2.0), "a"),
        (Query(since=2.0, until=4.0), "bc"),
        (Query(workflow="billing"), "bd"),
        (Query(route="embed"), "c"),
        (Query(outcome="timeout"), "ad"),
        (Query(workflow="billing", outcome="timeout", since=1.0), "d"),
        (Query(workflow="nobody"), ""),
    ],
)
async def test_queries(ledger: SqlLedger, what: Query, expected: str) -> None:
    await ledger.append(
        [
            decision(1, id="a", at=1.0, outcome="timeout"),
            decision(1, id="b", at=2.0, workflow="billing"),
            decision(1, id="c", at=3.0, route="embed"),
            decision(1, id="d", at=4.0, workflow="billing", outcome="timeout"),
        ]
    )
    assert "".join(found.id for found in await ledger.query(what))[::-1] == expected


async def test_the_summary_adds_up(ledger: SqlLedger) -> None:
    billing = {"workflow": "billing", "fallback": False, "usd": 0.5, "input_tokens": 10, "output_tokens": 1}
    await ledger.append([decision(number, **billing) for number in range(3)])
    await ledger.append([decision(9, outcome="timeout", usd=0.25, at=5.0)])
    failed = Total("support-triage", "chat", "timeout", 1, 1, 0.25, 812, 64)
    assert await ledger.summary() == [Total("billing", "chat", "ok", 3, 0, 1.5, 30, 3), failed]
    assert await ledger.summary(Query(until=6.0)) == [failed]


@pytest.mark.parametrize(
    ("changes", "mended"),
    [
        ({"usd": math.nan}, {"usd": 0.0}),
        ({"input_tokens": 10**30}, {"input_tokens": 2**63 - 1}),
        ({"model": "\ud83d"}, {"model": r"\ud83d"}),
        ({"notes": ("\ud83d",)}, {"notes": (r"\ud83d",)}),
    ],
)
async def test_one_decision_that_cannot_be_stored_as_it_is_does_not_hold_up_the_others(
    ledger: SqlLedger, changes: dict[str, object], mended: dict[str, object]
) -> None:
    await ledger.append([decision(1), decision(2, **changes), decision(3)])
    assert await ledger.query() == [decision(3), decision(2, **mended), decision(1)]


async def test_a_locked_file_is_a_ledger_error_and_nothing_is_half_written(ledger: SqlLedger) -> None:
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError, match=r"ledger /.*/ledger\.db: database is locked"):
        await ledger.append(several(600))
    other.close()
    assert await ledger.query() == []
    await ledger.append(several(3))
    assert await ledger.query() == several(3)[::-1]


async def test_a_row_that_was_tampered_with_is_a_ledger_error(ledger: SqlLedger) -> None:
    await ledger.append(several(1))
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("UPDATE decisions SET attempts = 'none'")
    other.close()
    with pytest.raises(LedgerError, match="JSON"):
        await ledger.query()


async def test_a_directory_that_cannot_be_made_is_a_ledger_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=r"file/ledger\.db: .*Not a directory|File exists"):
        await SqlLedger(f"sqlite:///{tmp_path}/file/ledger.db").open()


async def test_a_file_that_is_no_ledger_is_a_ledger_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"#!/bin/sh\n" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        await SqlLedger(f"sqlite:///{tmp_path}/ledger.db").open()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "cannot be read"),
        ("var/ledger.db", "cannot be read"),
        ("mysql://user:geheim@host/ledger", "no ledger for mysql"),
        ("postgresql://user:geheim@host/ledger", "no ledger for postgresql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://var/ledger.db", "names no file"),
        ("sqlite://user:geheim@host/ledger.db", "names no file"),
        ("sqlite://host:port/ledger.db", "cannot be read"),
    ],
)
def test_a_wrong_url_is_refused_at_once_and_says_no_secret(url: str, why: str) -> None:
    with pytest.raises(LedgerUrlError, match=why) as refused:
        SqlLedger(url)
    assert "geheim" not in str(refused.value)


async def test_a_relative_path_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = SqlLedger("sqlite:///var/ledger.db")
    await ledger.open()
    await ledger.append(several(1))
    await ledger.close()
    assert (tmp_path / "var" / "ledger.db").stat().st_size > 0


async def test_two_ledgers_on_one_file_see_each_other(ledger: SqlLedger) -> None:
    reader = SqlLedger(f"sqlite:///{ledger.path}")
    await reader.open()
    await ledger.append(several(2))
    found: list[Decision] = await reader.query()
    assert found == several(2)[::-1]
    await reader.close()
