"""Ticks of realtime: late publications, old events. Operators may tune them in the admin."""

from __future__ import annotations

from django.db import migrations

TICKS = {
    "notifications.publish_pending": (2, "maintenance"),
    "notifications.forget_old": (3600, "maintenance"),
}


def add(apps, schema_editor):
    """Create the rows, keeping what exists."""
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    Task = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, (seconds, queue) in TICKS.items():
        interval = Interval.objects.filter(every=seconds, period="seconds").first()
        interval = interval or Interval.objects.create(every=seconds, period="seconds")
        Task.objects.get_or_create(
            name=name,
            defaults={"task": name, "interval": interval, "queue": queue, "expire_seconds": seconds * 2},
        )


def remove(apps, schema_editor):
    """Take them away."""
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=TICKS).delete()


class Migration(migrations.Migration):
    """Periodic tasks of realtime."""

    dependencies = [
        ("notifications", "0002_row_level_security"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add, remove)]
