import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from gateway.store.migrate import migrate
from gateway.store.schema import metadata


def url(directory: Path) -> URL:
    return URL.create("sqlite", database=str(directory / "ledger.db"))


def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    migrate(url(tmp_path), 1.0)
    engine = create_engine(url(tmp_path), poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_second_time_changes_nothing_and_waits_for_nobody(tmp_path: Path) -> None:
    migrate(url(tmp_path), 1.0)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    migrate(url(tmp_path), 0.01)
    other.close()


def test_several_processes_may_open_a_new_ledger_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(migrate, [url(tmp_path)] * 12, [10.0] * 12)) == [None] * 12
    connection = sqlite3.connect(tmp_path / "ledger.db")
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_locked_file_is_an_error_when_patience_ends(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OperationalError, match="locked"):
        migrate(url(tmp_path), 0.05)
    other.close()


def test_a_schema_from_the_future_is_left_alone(tmp_path: Path) -> None:
    migrate(url(tmp_path), 1.0)
    connection = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CommandError, match="9999"):
        migrate(url(tmp_path), 1.0)
    connection.close()
