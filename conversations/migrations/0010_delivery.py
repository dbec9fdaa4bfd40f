"""Where sending stands: lanes of numbers, circuit breakers."""

from __future__ import annotations

import django.db.models.deletion
import pytake.infra.ids
from django.db import migrations, models


GUARD = """
SELECT pytake_guard_table('conversations_sendinglane');
SELECT pytake_guard_table('conversations_circuitbreaker');
-- Lanes are written again and again.
ALTER TABLE conversations_sendinglane SET (fillfactor = 50);
"""


def write_keys(apps, schema_editor):
    """Write the foreign keys now: guarding makes composite ones of those that exist."""
    for statement in schema_editor.deferred_sql:
        schema_editor.execute(statement)
    schema_editor.deferred_sql.clear()


class Migration(migrations.Migration):
    """Lanes and breakers, guarded."""

    dependencies = [
        ("accounts", "0007_fewer_indexes"),
        ("conversations", "0009_content"),
    ]

    operations = [
        migrations.CreateModel(
            name="SendingLane",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("served_at", models.DateTimeField(verbose_name="last turn")),
                ("resting_until", models.DateTimeField(blank=True, null=True, verbose_name="rests until")),
                ("limits", models.JSONField(blank=True, default=dict, verbose_name="limits")),
                (
                    "number",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lane",
                        to="conversations.whatsappnumber",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "sending lane",
                "verbose_name_plural": "sending lanes",
            },
        ),
        migrations.CreateModel(
            name="CircuitBreaker",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("number", "Everything of the number"),
                            ("promotions", "Automations and campaigns of the number"),
                            ("template", "A template"),
                            ("campaign", "A campaign"),
                        ],
                        max_length=12,
                        verbose_name="scope",
                    ),
                ),
                ("scope_key", models.CharField(blank=True, max_length=200, verbose_name="of")),
                (
                    "state",
                    models.CharField(
                        choices=[("closed", "Sending"), ("open", "Stopped"), ("half_open", "Trying one message")],
                        default="closed",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("reason_code", models.CharField(blank=True, max_length=40, verbose_name="reason")),
                ("reason_detail", models.CharField(blank=True, max_length=500, verbose_name="details")),
                ("opened_at", models.DateTimeField(blank=True, null=True, verbose_name="stopped at")),
                ("retry_at", models.DateTimeField(blank=True, null=True, verbose_name="next try")),
                ("probe_message", models.UUIDField(blank=True, null=True, verbose_name="message tried")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="going on since")),
                ("reset_at", models.DateTimeField(blank=True, null=True, verbose_name="reset at")),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("reopenings", models.PositiveSmallIntegerField(default=0, verbose_name="failed tries")),
                ("sends", models.PositiveIntegerField(default=0, verbose_name="recent sends")),
                ("failed_sends", models.PositiveIntegerField(default=0, verbose_name="recent failures")),
                (
                    "number",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="breakers",
                        to="conversations.whatsappnumber",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "circuit breaker",
                "verbose_name_plural": "circuit breakers",
                "constraints": [
                    models.UniqueConstraint(fields=("number", "scope", "scope_key"), name="conversations_breaker_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["closed", "open", "half_open"])),
                        name="conversations_breaker_state_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[],
            options={
                "verbose_name": "undelivered message",
                "verbose_name_plural": "undelivered messages",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("conversations.message",),
        ),
        migrations.RunPython(write_keys, migrations.RunPython.noop),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
    ]
