"""Ticks of flows: timers that are due, sessions that are over. Operators may tune them in the admin."""

from __future__ import annotations

from django.db import migrations

TICKS = {
    "flows.fire_timers": (1, "inbound"),
    "flows.expire_sessions": (60, "maintenance"),
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
    """Periodic tasks of flows."""

    dependencies = [
        ("flows", "0002_row_level_security"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add, remove)]
