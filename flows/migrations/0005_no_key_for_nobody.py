"""Tables that are only added to, and that nothing points to, need no key for others to point to."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """One index less to fill for every line and visit."""

    dependencies = [("flows", "0004_fewer_indexes")]

    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE conversation_logs DROP CONSTRAINT conversation_logs_tenant_key;
            ALTER TABLE flows_nodevisit DROP CONSTRAINT flows_nodevisit_tenant_key;
            """,
            migrations.RunSQL.noop,
        )
    ]
