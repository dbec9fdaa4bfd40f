"""Row-level security and append-only rows of the flow tables; links from lower apps up to them."""

from __future__ import annotations

from django.db import migrations

GUARD = """
SELECT pytake_guard_table(name) FROM unnest(ARRAY[
    'flows_chatbot',
    'flows_chatbotnumberlink',
    'flows_flow',
    'flows_flowtimer',
    'flows_flowversion',
    'flows_linkinghistory',
    'flows_nodevisit',
    'conversation_states',
    'conversation_logs'
]) AS name, generate_series(1, 2) AS pass;

-- Tables of the apps below that point up here could not be linked before these had their keys.
SELECT pytake_guard_table(name) FROM unnest(ARRAY[
    'accounts_secret', 'conversations_whatsappnumber', 'conversations_conversation', 'conversations_message'
]) AS name;

SELECT pytake_append_only('flows_flowversion');
SELECT pytake_append_only('flows_linkinghistory');
SELECT pytake_append_only('flows_nodevisit');
SELECT pytake_append_only('conversation_logs');
ALTER TABLE conversation_states SET (fillfactor = 60);
"""


class Migration(migrations.Migration):
    """Tenancy guards, append-only guards, storage settings."""

    dependencies = [("flows", "0001_initial"), ("conversations", "0003_row_level_security")]

    operations = [migrations.RunSQL(GUARD, migrations.RunSQL.noop)]
