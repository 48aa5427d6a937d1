"""The ledger in SQLite, by SQLAlchemy Core.

Rows go in as few, long `INSERT ... VALUES (...), (...)` statements. The driver works in a thread and takes the
interpreter lock once a statement; a statement a row makes it fight the event loop for that lock at every row,
which under load costs several times what the insert does.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path

import msgspec
from alembic.util import CommandError
from sqlalchemy import URL, ColumnElement, Integer, cast, event, func, make_url, or_, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.core.decision import Decision
from gateway.store.base import EVERYTHING, LedgerError, LedgerUrlError, Query, Total
from gateway.store.codec import COLUMNS, UNSTORABLE, from_row, sound, to_row
from gateway.store.migrate import migrate
from gateway.store.schema import decisions

_Row = tuple[object, ...]

# The most values SQLite binds in one statement, by its version.
_ROWS_A_STATEMENT = (32_766 if sqlite3.sqlite_version_info >= (3, 32) else 999) // len(COLUMNS)
_STATEMENTS_KEPT = 8  # prepared, a connection; a long one takes some 500 KB

_FAILURES = (SQLAlchemyError, CommandError, OSError, msgspec.MsgspecError, *UNSTORABLE)

_table = decisions.c
_record = [decisions.c[name] for name in COLUMNS]


class SqlLedger:
    """A `Ledger`. `url` is `sqlite:///relative.db` or `sqlite:////absolute.db`; `busy_timeout` (seconds) is how long
    it waits for another's lock. Raises `LedgerUrlError`.
    """

    def __init__(self, url: str, *, busy_timeout: float = 1.0) -> None:
        self.path = _path(url)
        self._busy_timeout = busy_timeout
        self._engine = create_async_engine(
            self._url("sqlite+aiosqlite"),
            connect_args={"timeout": busy_timeout, "cached_statements": _STATEMENTS_KEPT},
            hide_parameters=True,
        )
        event.listen(self._engine.sync_engine, "connect", _prepare)

    async def open(self) -> None:
        """Creates the directory, the file and the schema where they are missing."""
        with self._readable_errors():
            await asyncio.to_thread(self._create)

    async def append(self, decisions: Sequence[Decision]) -> None:
        with self._readable_errors():
            try:
                await self._insert([to_row(decision) for decision in decisions])
            except UNSTORABLE:
                await self._insert([to_row(sound(decision)) for decision in decisions])

    async def query(self, what: Query = EVERYTHING, limit: int = 100) -> list[Decision]:
        return await self._read(limit, _conditions(what))

    async def get(self, name: str) -> Decision | None:
        found = await self._read(1, [or_(_table.id == name, _table.request_id == name)])
        return found[0] if found else None

    async def summary(self, what: Query = EVERYTHING) -> list[Total]:
        group = (_table.workflow, _table.route, _table.outcome)
        sums = (cast(_table.fallback, Integer), _table.usd, _table.input_tokens, _table.output_tokens)
        statement = (
            select(*group, func.count(), *map(func.sum, sums))
            .where(*_conditions(what))
            .group_by(*group)
            .order_by(*group)
        )
        with self._readable_errors():
            async with self._engine.connect() as connection:
                return [Total(*row) for row in await connection.execute(statement)]

    async def close(self) -> None:
        with self._readable_errors():
            await self._engine.dispose()

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        migrate(self._url("sqlite"), self._busy_timeout)

    async def _insert(self, rows: list[_Row]) -> None:
        async with self._engine.begin() as connection:
            for start in range(0, len(rows), _ROWS_A_STATEMENT):
                some = rows[start : start + _ROWS_A_STATEMENT]
                await connection.exec_driver_sql(_insert_statement(len(some)), tuple(chain.from_iterable(some)))

    async def _read(self, limit: int, conditions: Sequence[ColumnElement[bool]]) -> list[Decision]:
        newest = select(*_record).where(*conditions).order_by(_table.at.desc(), _table.seq.desc()).limit(limit)
        with self._readable_errors():
            async with self._engine.connect() as connection:
                return [from_row(row) for row in await connection.execute(newest)]

    def _url(self, driver: str) -> URL:
        return URL.create(driver, database=str(self.path))

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            reason = getattr(error, "orig", None) or error
            raise LedgerError(f"ledger {self.path}: {reason}") from error


def _path(url: str) -> Path:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerUrlError("the ledger's URL cannot be read; write sqlite:///path/to/ledger.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise LedgerUrlError(f"no ledger for {parsed.drivername}: URLs; write sqlite:///path/to/ledger.db")
    if parsed.host or not parsed.database or parsed.database == ":memory:":
        raise LedgerUrlError(f"{parsed} names no file; write sqlite:///relative.db or sqlite:////absolute.db")
    return Path(parsed.database)


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # In WAL mode this loses nothing when the process dies, only the last moments when the machine does.
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _conditions(what: Query) -> list[ColumnElement[bool]]:
    tests = (
        (_table.at.__ge__, what.since),
        (_table.at.__lt__, what.until),
        (_table.workflow.__eq__, what.workflow),
        (_table.route.__eq__, what.route),
        (_table.outcome.__eq__, what.outcome),
    )
    return [test(value) for test, value in tests if value is not None]


@cache
def _insert_template() -> tuple[str, str, str]:
    """What stands before the values, the values of one row, and what stands behind them."""
    one = sqlite.insert(decisions).on_conflict_do_nothing(index_elements=["id"])
    text = str(one.compile(dialect=sqlite.dialect(), column_keys=list(COLUMNS)))
    return text.partition(f"({', '.join('?' * len(COLUMNS))})")


def _insert_statement(rows: int) -> str:
    before, values, behind = _insert_template()
    return before + ", ".join([values] * rows) + behind
