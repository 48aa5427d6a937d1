"""The ledger's one table, in SQL that SQLite and PostgreSQL share. Changes need a migration beside it."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text

metadata = MetaData()

decisions = Table(
    "decisions",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),  # the order of arrival
    Column("id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("revision", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("served_by", Text, nullable=False),
    Column("served_vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("fallback", Boolean, nullable=False),
    Column("first_token", Double),
    Column("took", Double, nullable=False),
    Column("usd", Double, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("attempts", Text, nullable=False),
    Column("rejected", Text, nullable=False),
    Column("stream_ending", Text),
    Column("notes", Text, nullable=False),
    Index("decisions_id", "id", unique=True),
    Index("decisions_request_id", "request_id"),
    Index("decisions_at", "at"),
    # None on workflow and route: there are few of them, so the newest of each are found by time soon enough, and each
    # index is paid for with every request.
    Index("decisions_outcome", "outcome", "at"),
    sqlite_autoincrement=True,
)
