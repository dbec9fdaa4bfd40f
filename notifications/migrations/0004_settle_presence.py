"""Tick of presence: who has gone. Operators may tune it in the admin."""

from __future__ import annotations

from django.db import migrations

NAME = "notifications.settle_presence"
SECONDS = 15


def add(apps, schema_editor):
    """Create the row, keeping what exists."""
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    Task = apps.get_model("django_celery_beat", "PeriodicTask")
    interval = Interval.objects.filter(every=SECONDS, period="seconds").first()
    interval = interval or Interval.objects.create(every=SECONDS, period="seconds")
    defaults = {"task": NAME, "interval": interval, "queue": "maintenance", "expire_seconds": SECONDS * 2}
    Task.objects.get_or_create(name=NAME, defaults=defaults)


def remove(apps, schema_editor):
    """Take it away."""
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    """Periodic task of presence."""

    dependencies = [("notifications", "0003_periodic_tasks")]

    operations = [migrations.RunPython(add, remove)]
