"""Custom fields, imports and merges of contacts; the ticks that take up what lost its worker."""

import django.db.models.deletion
import pytake.infra.ids
from django.conf import settings
from django.db import migrations, models


# The second turn makes the keys between the new tables composite. Those of consent events were added after their guard.
# Merges move a person's consents to the kept contact.
GUARD = """
SELECT pytake_guard_table(name) FROM unnest(ARRAY[
    'conversations_customfield', 'conversations_contactimport', 'conversations_contactimportrow',
    'conversations_contactmatch', 'conversations_contactmerge', 'conversations_consentevent'
]) AS name, generate_series(1, 2);
SELECT pytake_append_only('conversations_contactmerge');
SELECT pytake_append_only('conversations_consentevent', 'contact_id');
"""


def guard(apps, schema_editor):
    """Guard the tables, once their keys are there: Django leaves those to the end of a migration."""
    if schema_editor is None:
        return
    waiting = list(schema_editor.deferred_sql)
    schema_editor.deferred_sql.clear()
    for statement in waiting:
        schema_editor.execute(statement)
    schema_editor.execute(GUARD)


TICKS = ("conversations.import_contacts", "conversations.merge_matches")


def add_ticks(apps, schema_editor):
    """Create the rows, keeping what exists."""
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    Task = apps.get_model("django_celery_beat", "PeriodicTask")
    interval = Interval.objects.filter(every=10, period="seconds").first()
    interval = interval or Interval.objects.create(every=10, period="seconds")
    for name in TICKS:
        Task.objects.get_or_create(
            name=name, defaults={"task": name, "interval": interval, "queue": "maintenance", "expire_seconds": 20}
        )


def remove_ticks(apps, schema_editor):
    """Take them away."""
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=TICKS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("accounts", "0007_fewer_indexes"),
        ("conversations", "0014_numbers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactImport",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("filename", models.CharField(max_length=200, verbose_name="file")),
                ("reading", models.JSONField(default=dict)),
                ("headers", models.JSONField(default=list)),
                ("mapping", models.JSONField(default=dict)),
                ("options", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Not started"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("undone", "Undone"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("rows_total", models.PositiveIntegerField(default=0, verbose_name="rows")),
                ("rows_created", models.PositiveIntegerField(default=0, verbose_name="new")),
                ("rows_updated", models.PositiveIntegerField(default=0, verbose_name="updated")),
                ("rows_unchanged", models.PositiveIntegerField(default=0, verbose_name="unchanged")),
                ("rows_refused", models.PositiveIntegerField(default=0, verbose_name="refused")),
                ("rows_removed", models.PositiveIntegerField(default=0, verbose_name="removed by undo")),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="imported by",
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
                "verbose_name": "contact import",
                "verbose_name_plural": "contact imports",
            },
        ),
        migrations.CreateModel(
            name="ContactImportRow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("row_number", models.PositiveIntegerField()),
                ("values", models.JSONField(default=list)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("created", "New contact"),
                            ("updated", "Updated"),
                            ("unchanged", "Already like this"),
                            ("refused", "Refused"),
                        ],
                        max_length=10,
                    ),
                ),
                ("problem", models.CharField(blank=True, max_length=24)),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="conversations.contact",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="conversations.contactimport",
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
                "verbose_name": "row of an import",
                "verbose_name_plural": "rows of imports",
            },
        ),
        migrations.CreateModel(
            name="ContactMatch",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("evidence", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Waiting"), ("merged", "Merged"), ("failed", "Could not be merged")],
                        default="pending",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                (
                    "first",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="conversations.contact"
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
                (
                    "second",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="conversations.contact"
                    ),
                ),
            ],
            options={
                "verbose_name": "match of contacts",
                "verbose_name_plural": "matches of contacts",
            },
        ),
        migrations.CreateModel(
            name="ContactMerge",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="at")),
                ("merged_contact_id", models.UUIDField()),
                ("reason", models.CharField(blank=True, max_length=255, verbose_name="reason")),
                ("evidence", models.JSONField(default=dict)),
                ("moved", models.JSONField(default=dict)),
                (
                    "kept_contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="merges", to="conversations.contact"
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
                (
                    "performed_by",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "undo_of",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="undone_by",
                        to="conversations.contactmerge",
                    ),
                ),
            ],
            options={
                "verbose_name": "merge of contacts",
                "verbose_name_plural": "merges of contacts",
            },
        ),
        migrations.CreateModel(
            name="CustomField",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=pytake.infra.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("key", models.SlugField(max_length=40, verbose_name="key")),
                ("label", models.CharField(max_length=60, verbose_name="label")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("number", "Number"),
                            ("date", "Date"),
                            ("choice", "Choice of a list"),
                            ("yes_no", "Yes or no"),
                        ],
                        default="text",
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("choices", models.JSONField(blank=True, default=list, verbose_name="choices")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
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
                "verbose_name": "custom field",
                "verbose_name_plural": "custom fields",
            },
        ),
        migrations.AddIndex(
            model_name="contactimport",
            index=models.Index(
                condition=models.Q(("state", "running")), fields=["state"], name="conversations_import_running"
            ),
        ),
        migrations.AddConstraint(
            model_name="contactimport",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["draft", "running", "done", "cancelled", "undone"])),
                name="conversations_import_state_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="contactimportrow",
            index=models.Index(
                condition=models.Q(("outcome", "")), fields=["job", "row_number"], name="conversations_import_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="contactimportrow",
            constraint=models.UniqueConstraint(fields=("job", "row_number"), name="conversations_importrow_once"),
        ),
        migrations.AddIndex(
            model_name="contactmatch",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["state"], name="conversations_match_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="contactmatch",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "pending")), fields=("first", "second"), name="conversations_match_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="contactmatch",
            constraint=models.CheckConstraint(
                condition=models.Q(("first", models.F("second")), _negated=True), name="conversations_match_of_two"
            ),
        ),
        migrations.AddIndex(
            model_name="contactmerge",
            index=models.Index(fields=["merged_contact_id"], name="conversations_merge_gone"),
        ),
        migrations.AddConstraint(
            model_name="customfield",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("organization", "key"),
                name="conversations_customfield_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="customfield",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["text", "number", "date", "choice", "yes_no"])),
                name="conversations_customfield_kind_is_known",
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
        migrations.RunPython(add_ticks, remove_ticks),
    ]
