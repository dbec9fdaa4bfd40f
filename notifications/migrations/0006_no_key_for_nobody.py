"""Tables that are only added to, and that nothing points to, need no key for others to point to."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """One index less to fill for every event."""

    dependencies = [("notifications", "0005_fewer_indexes")]

    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE notifications_realtimeevent DROP CONSTRAINT notifications_realtimeevent_tenant_key;
            """,
            migrations.RunSQL.noop,
        )
    ]
