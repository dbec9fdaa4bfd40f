"""What the provider says of numbers, their risk and brake, and what happened to them."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARD = """
SELECT pytake_guard_table('conversations_numberevent');
SELECT pytake_append_only('conversations_numberevent', 'told_at');
"""
# Numbers that were registered before the proof existed were entered by administrators and have worked.
PROVEN = """
SET LOCAL app.organization_id = '*';
UPDATE conversations_whatsappnumber SET verified_at = coalesce(connected_at, created_at) WHERE verified_at IS NULL;
SET LOCAL app.organization_id = '';
"""
TICKS = {"conversations.watch_numbers": 60, "conversations.refresh_numbers": 600}


def add_ticks(apps, schema_editor):
    """Create the rows, keeping what exists."""
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    Task = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, seconds in TICKS.items():
        interval = Interval.objects.filter(every=seconds, period="seconds").first()
        interval = interval or Interval.objects.create(every=seconds, period="seconds")
        Task.objects.get_or_create(
            name=name,
            defaults={"task": name, "interval": interval, "queue": "maintenance", "expire_seconds": seconds * 2},
        )


def remove_ticks(apps, schema_editor):
    """Take them away."""
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=TICKS).delete()


class Migration(migrations.Migration):
    """State, risk and brake of numbers; what happened to them; indexes for their health."""

    dependencies = [
        ("accounts", "0007_fewer_indexes"),
        ("conversations", "0013_templates"),
        ("flows", "0005_no_key_for_nobody"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NumberEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("occurred_at", models.DateTimeField(verbose_name="at")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Notice"), ("warning", "Warning"), ("critical", "Critical")],
                        default="info",
                        max_length=8,
                        verbose_name="severity",
                    ),
                ),
                ("data", models.JSONField(default=dict)),
                ("dedupe_key", models.CharField(editable=False, max_length=128, null=True)),
                ("told_at", models.DateTimeField(editable=False, null=True, verbose_name="told at")),
            ],
            options={
                "verbose_name": "event of a number",
                "verbose_name_plural": "events of numbers",
            },
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="brake_released_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="braked_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="automatic sends held since"
            ),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="business_portfolio_id",
            field=models.CharField(blank=True, max_length=32, verbose_name="business portfolio"),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="health_checked_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="health checked"),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="name_state",
            field=models.CharField(blank=True, max_length=32, verbose_name="state of the name"),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="profile",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="restrictions",
            field=models.JSONField(blank=True, default=list, editable=False),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="risk_level",
            field=models.CharField(
                choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")],
                default="low",
                editable=False,
                max_length=6,
                verbose_name="risk",
            ),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="risk_reasons",
            field=models.JSONField(blank=True, default=list, editable=False),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="throughput_level",
            field=models.CharField(blank=True, max_length=16, verbose_name="throughput"),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="token_expires_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="token expires"),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="verified_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="ownership proven"),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="verified_name",
            field=models.CharField(blank=True, max_length=120, verbose_name="name shown by WhatsApp"),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["organization", "-occurred_at"], name="conversations_consent_lately"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("failed_at__isnull", False)),
                fields=["number", "-failed_at"],
                name="conversations_failures",
            ),
        ),
        migrations.AddField(
            model_name="numberevent",
            name="actor_user",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="numberevent",
            name="number",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="conversations.whatsappnumber",
            ),
        ),
        migrations.AddField(
            model_name="numberevent",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.organization",
            ),
        ),
        migrations.AddIndex(
            model_name="numberevent",
            index=models.Index(fields=["number", "-occurred_at"], name="conversations_number_line"),
        ),
        migrations.AddConstraint(
            model_name="numberevent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("dedupe_key__isnull", False)),
                fields=("number", "dedupe_key"),
                name="conversations_number_event_once",
            ),
        ),
        migrations.AddIndex(
            model_name="numberevent",
            index=models.Index(
                condition=models.Q(("severity", "critical"), ("told_at__isnull", True)),
                fields=["organization"],
                name="conversations_number_to_tell",
            ),
        ),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
        migrations.RunSQL(PROVEN, migrations.RunSQL.noop),
        migrations.RunPython(add_ticks, remove_ticks),
    ]
