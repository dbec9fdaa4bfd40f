"""Django's PostgreSQL backend, which tells the database for which organization a statement runs.

Before a statement, the session variable `app.organization_id` is set to `tenancy.scope()` if it
differs from what this connection has. Row-level security policies read it.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from pytake.infra import tenancy


class DatabaseWrapper(base.DatabaseWrapper):
    """Connection that carries the organization context."""

    _applied_scope: str | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open a connection; what its session variable holds is unknown."""
        self._applied_scope = None
        return super().get_new_connection(conn_params)

    def _cursor(self, name: str | None = None) -> Any:
        cursor = super()._cursor(name)  # type: ignore[misc]  # not in the stubs
        wanted = tenancy.scope()
        if wanted != self._applied_scope:
            with self.wrap_database_errors, self.connection.cursor() as raw:
                raw.execute("SELECT set_config('app.organization_id', %s, false)", [wanted])
            self._applied_scope = wanted
        return cursor

    def _rollback(self) -> Any:
        # A rollback also undoes set_config, so what the session has is unknown again.
        self._applied_scope = None
        return super()._rollback()  # type: ignore[misc]  # not in the stubs

    def _savepoint_rollback(self, sid: str) -> None:
        # Not by `cursor()`: in a failed transaction, which this ends, the variable cannot be set.
        with self.wrap_database_errors, self.connection.cursor() as raw:
            raw.execute(self.ops.savepoint_rollback_sql(sid))
        self._applied_scope = None
