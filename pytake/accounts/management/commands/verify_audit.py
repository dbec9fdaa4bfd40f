"""`manage.py verify_audit`: check the hash chains of the audit logs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pytake.accounts import audit
from pytake.accounts.models import Organization


class Command(BaseCommand):
    help = "Check that no audit entry was changed or removed."

    def handle(self, *args: Any, **options: Any) -> None:
        owners = [None, *Organization.objects.order_by("pk").values_list("pk", flat=True)]
        broken = [f"{owner or 'platform'}: {link}" for owner in owners for link in audit.broken_links(owner)]
        if broken:
            raise CommandError("\n".join(broken))
        self.stdout.write(f"{len(owners)} chains hold.")
