"""Brings a ledger's schema up to date. Several processes may try at once: one does it, the others find it done."""

import time
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, NullPool, create_engine
from sqlalchemy.exc import OperationalError

_MIGRATIONS = Path(__file__).parent / "migrations"
_RETRY_EVERY = 0.02

_alembic = Lock()  # it keeps the running migration in module variables


def migrate(url: URL, patience: float) -> None:
    """Blocks, for some `patience` (seconds) on others' locks. Raises `SQLAlchemyError` or alembic's `CommandError`."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": patience})
    with engine.connect() as connection:
        _write_ahead(connection, time.monotonic() + patience)
        if not _is_current(connection):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _upgrade(connection)
            connection.commit()


def _write_ahead(connection: Connection, give_up_at: float) -> None:
    """Readers and the writer then do not wait for each other. SQLite's busy timeout does not cover this switch."""
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            return
        except OperationalError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(_RETRY_EVERY)


def _is_current(connection: Connection) -> bool:
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    with _alembic:
        command.upgrade(config, "head")
