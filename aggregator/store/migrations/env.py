"""Run by Alembic: migrates on the connection, and in the transaction, that we hand over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
