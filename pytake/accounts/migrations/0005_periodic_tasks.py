"""The hourly housekeeping."""

from __future__ import annotations

from django.db import migrations


def write(apps, schema_editor):
    interval, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(every=1, period="hours")
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name="accounts: keep house", defaults={"task": "accounts.keep_house", "interval": interval}
    )


class Migration(migrations.Migration):
    """One periodic task."""

    dependencies = [("accounts", "0004_system_rows"), ("django_celery_beat", "0019_alter_periodictasks_options")]

    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
