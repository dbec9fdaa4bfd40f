"""Message templates, what happened to them, and reading them from the provider."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import pytake.infra.ids

GUARD = """
SELECT pytake_guard_table('conversations_whatsapptemplate');
SELECT pytake_guard_table('conversations_whatsapptemplateevent');
SELECT pytake_guard_table('conversations_templatesync');
ALTER TABLE conversations_whatsapptemplateevent ADD CONSTRAINT conversations_template_event_of
    FOREIGN KEY (organization_id, template_id) REFERENCES conversations_whatsapptemplate (organization_id, id)
    DEFERRABLE INITIALLY DEFERRED;
SELECT pytake_append_only('conversations_whatsapptemplateevent', 'told_at');
"""
TICKS = {"conversations.sync_templates": 60, "conversations.tell_of_templates": 60}


def add_ticks(apps, schema_editor):
    """Create the periodic tasks, keeping what exists."""
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
    """Tables, guards, ticks."""

    dependencies = [
        ("accounts", "0007_fewer_indexes"),
        ("conversations", "0010_delivery"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WhatsAppTemplate",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("account_id", models.CharField(max_length=32, verbose_name="business account id")),
                ("meta_template_id", models.CharField(blank=True, max_length=32, verbose_name="template id")),
                ("name", models.CharField(max_length=512, verbose_name="name")),
                ("language", models.CharField(default="pt_BR", max_length=12, verbose_name="language")),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("MARKETING", "Marketing"),
                            ("UTILITY", "Utility"),
                            ("AUTHENTICATION", "Authentication"),
                        ],
                        max_length=16,
                        verbose_name="category",
                    ),
                ),
                (
                    "next_category",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("MARKETING", "Marketing"),
                            ("UTILITY", "Utility"),
                            ("AUTHENTICATION", "Authentication"),
                        ],
                        max_length=16,
                    ),
                ),
                ("category_changes_at", models.DateTimeField(blank=True, null=True)),
                (
                    "parameter_format",
                    models.CharField(
                        choices=[("POSITIONAL", "Numbers: {{1}}, {{2}}"), ("NAMED", "Names: {{name}}, {{date}}")],
                        default="POSITIONAL",
                        max_length=10,
                        verbose_name="variables",
                    ),
                ),
                ("components", models.JSONField(default=list, verbose_name="content")),
                ("body_text", models.TextField(blank=True, verbose_name="text")),
                ("header_type", models.CharField(blank=True, max_length=10, verbose_name="header")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("DRAFT", "Draft"),
                            ("PENDING", "In review"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("PAUSED", "Paused"),
                            ("DISABLED", "Disabled"),
                            ("DELETED", "Deleted"),
                        ],
                        default="DRAFT",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("status_raw", models.CharField(blank=True, max_length=40)),
                ("status_at", models.DateTimeField(blank=True, null=True)),
                ("rejected_reason", models.CharField(blank=True, max_length=255, verbose_name="reason")),
                ("approved_at", models.DateTimeField(blank=True, null=True, verbose_name="approved")),
                ("rejected_at", models.DateTimeField(blank=True, null=True, verbose_name="rejected")),
                ("paused_until", models.DateTimeField(blank=True, null=True, verbose_name="paused until")),
                (
                    "quality_score",
                    models.CharField(
                        choices=[
                            ("GREEN", "High quality"),
                            ("YELLOW", "Medium quality"),
                            ("RED", "Low quality"),
                            ("UNKNOWN", "No quality yet"),
                        ],
                        default="UNKNOWN",
                        max_length=8,
                        verbose_name="quality",
                    ),
                ),
                ("quality_at", models.DateTimeField(blank=True, null=True)),
                ("is_enabled", models.BooleanField(default=True, verbose_name="may be used")),
                ("is_system_template", models.BooleanField(default=False, editable=False)),
                ("submitted_at", models.DateTimeField(blank=True, null=True, verbose_name="submitted")),
                ("last_synced_at", models.DateTimeField(blank=True, null=True, verbose_name="last synchronised")),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                "verbose_name": "message template",
                "verbose_name_plural": "message templates",
            },
        ),
        migrations.CreateModel(
            name="WhatsAppTemplateEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("status", "Status"),
                            ("quality", "Quality"),
                            ("category", "Category"),
                            ("content", "Content"),
                            ("enabled", "Use"),
                        ],
                        max_length=8,
                        verbose_name="what",
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("webhook", "Notice from WhatsApp"),
                            ("sync", "Synchronisation"),
                            ("person", "Person"),
                        ],
                        max_length=8,
                        verbose_name="source",
                    ),
                ),
                ("old", models.CharField(blank=True, max_length=40)),
                ("new", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="reason")),
                ("actor_label", models.CharField(blank=True, max_length=150)),
                ("occurred_at", models.DateTimeField(verbose_name="at")),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("dedupe_key", models.CharField(max_length=128, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="conversations.whatsapptemplate",
                    ),
                ),
            ],
            options={
                "verbose_name": "template event",
                "verbose_name_plural": "template events",
            },
        ),
        migrations.CreateModel(
            name="TemplateSync",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("account_id", models.CharField(max_length=32, verbose_name="business account id")),
                ("due_at", models.DateTimeField(verbose_name="next run")),
                ("run_started_at", models.DateTimeField(blank=True, null=True)),
                ("cursor", models.CharField(blank=True, max_length=1000)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("created", models.PositiveIntegerField(default=0)),
                ("updated", models.PositiveIntegerField(default=0)),
                ("removed", models.PositiveIntegerField(default=0)),
                ("seen", models.PositiveIntegerField(default=0)),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="last synchronised")),
                ("error_code", models.CharField(blank=True, max_length=40, verbose_name="error")),
                ("error_detail", models.CharField(blank=True, max_length=500, verbose_name="reason")),
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
                "verbose_name": "template synchronisation",
                "verbose_name_plural": "template synchronisations",
                "indexes": [models.Index(fields=["due_at"], name="conversations_templatesync_due")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "account_id"), name="conversations_templatesync_once"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="whatsapptemplate",
            index=models.Index(
                condition=models.Q(("meta_template_id", ""), _negated=True),
                fields=["organization", "meta_template_id"],
                name="conversations_template_meta",
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsapptemplate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("organization", "account_id", "name", "language"),
                name="conversations_template_once",
            ),
        ),
        migrations.AddIndex(
            model_name="whatsapptemplateevent",
            index=models.Index(fields=["template", "-occurred_at"], name="conversations_template_line"),
        ),
        migrations.AddIndex(
            model_name="whatsapptemplateevent",
            index=models.Index(
                condition=models.Q(("told_at__isnull", True)), fields=["id"], name="conversations_template_untold"
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsapptemplateevent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("dedupe_key__isnull", False)),
                fields=("organization", "dedupe_key"),
                name="conversations_template_event_once",
            ),
        ),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
        migrations.RunPython(add_ticks, remove_ticks),
    ]
