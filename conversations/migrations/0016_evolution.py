"""Numbers paired by QR code: where their sessions are, the pairing in progress, the watch over their sends."""

from __future__ import annotations

import django.db.models.deletion
import pytake.infra.ids
from django.conf import settings
from django.db import migrations, models

GUARD = "SELECT pytake_guard_table('conversations_qrlink') FROM generate_series(1, 2);"
TASK = "conversations.watch_qr_numbers"


def add_tick(apps, schema_editor):
    """Look after numbers whose sends are not acknowledged, or whose server has gone quiet."""
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    interval = Interval.objects.filter(every=10, period="seconds").first()
    interval = interval or Interval.objects.create(every=10, period="seconds")
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=TASK, defaults={"task": TASK, "interval": interval, "queue": "maintenance", "expire_seconds": 20}
    )


def remove_tick(apps, schema_editor):
    """Take it away."""
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=TASK).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("accounts", "0007_fewer_indexes"),
        ("conversations", "0015_people"),
        ("flows", "0005_no_key_for_nobody"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="QrLink",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("code", models.TextField(blank=True)),
                ("pairing_code", models.CharField(blank=True, max_length=16, verbose_name="pairing code")),
                ("codes_shown", models.PositiveSmallIntegerField(default=0)),
                ("code_at", models.DateTimeField(blank=True, null=True)),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("state_at", models.DateTimeField(blank=True, null=True)),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "none"),
                            ("limit", "No phone scanned the code in time"),
                            ("logged_out", "The phone removed the connected device"),
                            ("forbidden", "WhatsApp refused the number"),
                            ("unreachable", "The server did not answer"),
                            ("key", "The server refused the key"),
                            ("other_phone", "Another phone was connected"),
                            ("server", "The server answered with an error"),
                        ],
                        default="",
                        max_length=12,
                        verbose_name="problem",
                    ),
                ),
                ("linked_since", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "QR connection",
                "verbose_name_plural": "QR connections",
            },
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="evolution_api_key_envelope",
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="evolution_api_url",
            field=models.URLField(blank=True, editable=False, max_length=255, verbose_name="server"),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="evolution_instance_name",
            field=models.CharField(
                blank=True, editable=False, max_length=80, null=True, unique=True, verbose_name="instance"
            ),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="evolution_webhook_key_envelope",
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("dispatch_state", "accepted"), ("reconcile_until__isnull", False)),
                fields=["reconcile_until"],
                name="conversations_unacknowledged",
            ),
        ),
        migrations.AddField(
            model_name="qrlink",
            name="number",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="qr_link", to="conversations.whatsappnumber"
            ),
        ),
        migrations.AddField(
            model_name="qrlink",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.organization",
            ),
        ),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
        migrations.RunPython(add_tick, remove_tick),
    ]
