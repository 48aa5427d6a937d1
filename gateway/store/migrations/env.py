"""Run by alembic. The caller holds the connection, the transaction and the lock."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
