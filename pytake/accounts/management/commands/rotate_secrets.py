"""`manage.py rotate_secrets`: encrypt stored secrets again under the first of ENCRYPTION_KEYS."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from pytake.accounts import rotation


class Command(BaseCommand):
    help = "Encrypt stored secrets again under the first of ENCRYPTION_KEYS. May be interrupted and repeated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        parser.add_argument("--batch", type=int, default=200, help="Rows in a transaction.")

    def handle(self, *args: Any, **options: Any) -> None:
        for column, changed in rotation.rotate_all(batch=options["batch"], dry_run=options["dry_run"]):
            verb = "would change" if options["dry_run"] else "changed"
            self.stdout.write(f"{column}: {changed} {verb}")
