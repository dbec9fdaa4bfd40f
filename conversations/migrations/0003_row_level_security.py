"""Row-level security, append-only rows and storage settings of the channel's tables.

Guarding runs twice: the first pass gives every table its tenant key, the second finds them."""

from __future__ import annotations

from django.db import migrations

GUARD = """
SELECT pytake_guard_table(name) FROM unnest(ARRAY[
    'conversations_contact',
    'conversations_contactidentity',
    'conversations_contacttag',
    'conversations_conversation',
    'conversations_conversationevent',
    'conversations_department',
    'conversations_departmentmember',
    'conversations_message',
    'conversations_messageattempt',
    'conversations_messagestatusevent',
    'conversations_queue',
    'conversations_tag',
    'conversations_unhandledmessage',
    'conversations_webhookitem',
    'conversations_whatsappnumber'
]) AS name, generate_series(1, 2) AS pass;

-- Written before anybody knows whose it is, in one statement: anyone may add, only the owner may read.
SELECT pytake_guard_table('conversations_webhookevent');
CREATE POLICY arrival ON conversations_webhookevent FOR INSERT WITH CHECK (true);
SELECT pytake_append_only('conversations_webhookevent', 'state', 'attempts', 'error');
SELECT pytake_append_only('conversations_conversationevent');
SELECT pytake_append_only('conversations_messageattempt');
SELECT pytake_append_only('conversations_messagestatusevent', 'message_id');

-- Room on each page for the status updates of its messages (HOT).
ALTER TABLE conversations_message SET (fillfactor = 75);
ALTER TABLE conversations_conversation SET (fillfactor = 70);
ALTER TABLE conversations_contact SET (fillfactor = 85);
-- Queues: rows come and go, so look for dead ones early.
ALTER TABLE conversations_unhandledmessage SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
"""


class Migration(migrations.Migration):
    """Tenancy guards, append-only guards, storage settings."""

    dependencies = [("conversations", "0002_initial"), ("accounts", "0003_row_level_security")]

    operations = [migrations.RunSQL(GUARD, migrations.RunSQL.noop)]
