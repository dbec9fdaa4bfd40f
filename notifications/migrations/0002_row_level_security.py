"""Row-level security of realtime events; only their sequence number may be set later."""

from __future__ import annotations

from django.db import migrations

GUARD = """
SELECT pytake_guard_table('notifications_realtimeevent');
SELECT pytake_append_only('notifications_realtimeevent', 'seq');
"""


class Migration(migrations.Migration):
    """Tenancy guards, append-only guards, storage settings."""

    dependencies = [("notifications", "0001_initial"), ("accounts", "0003_row_level_security")]

    operations = [migrations.RunSQL(GUARD, migrations.RunSQL.noop)]
