"""The ledger of consent, append-only, and what contacts show of it."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import pytake.infra.ids

GUARD = """
SELECT pytake_guard_table('conversations_consentevent');
SELECT pytake_append_only('conversations_consentevent');
"""


class Migration(migrations.Migration):
    """Ledger, state of contacts, guards."""

    dependencies = [
        ("accounts", "0007_fewer_indexes"),
        ("conversations", "0007_media_files"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="contact",
            name="accepts_bot",
            field=models.BooleanField(default=True, editable=False, verbose_name="accepts automatic messages"),
        ),
        migrations.AddField(
            model_name="contact",
            name="marketing_stopped",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "purpose",
                    models.CharField(
                        choices=[("marketing", "Promotions"), ("utility", "Automatic messages"), ("survey", "Surveys")],
                        max_length=10,
                        verbose_name="purpose",
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("opt_in", "Given"),
                            ("opt_out", "Withdrawn"),
                            ("stop", "Stopped in WhatsApp"),
                            ("resume", "Resumed in WhatsApp"),
                            ("expire", "Expired"),
                        ],
                        max_length=8,
                        verbose_name="consent",
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("form", "Form"),
                            ("import", "Import"),
                            ("agent", "Agent"),
                            ("keyword", "Customer's message"),
                            ("flow", "Flow"),
                            ("api", "API"),
                            ("provider", "WhatsApp"),
                            ("ad", "Ad"),
                        ],
                        max_length=10,
                        verbose_name="source",
                    ),
                ),
                ("legal_basis", models.CharField(default="consent", max_length=40, verbose_name="legal basis")),
                ("wording_version", models.CharField(blank=True, max_length=20, verbose_name="wording")),
                ("evidence", models.JSONField(default=dict, verbose_name="evidence")),
                ("occurred_at", models.DateTimeField(verbose_name="at")),
                ("dedupe_key", models.CharField(editable=False, max_length=128, null=True)),
                (
                    "actor_user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="recorded by",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "consent event",
                "verbose_name_plural": "consent events",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("dedupe_key__isnull", False)),
                        fields=("organization", "dedupe_key"),
                        name="conversations_consent_once",
                    )
                ],
            },
        ),
        # Added one by one: so their constraints exist when the table is guarded.
        migrations.AddField(
            model_name="consentevent",
            name="contact",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="consents",
                to="conversations.contact",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="number",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="conversations.whatsappnumber",
            ),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["contact", "-occurred_at"], name="conversations_consent_line"),
        ),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
    ]
