"""Fill an installation with the demo clinic. Running it again changes nothing."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from analytics.demo import build


class Command(BaseCommand):
    """`manage.py seed_demo [--password …]`."""

    help = "Create the demo organization Clínica Aurora: people, a number at the simulator, a flow, 200 contacts."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--password", default="", help="password of the demo people (default: a random one)")

    def handle(self, *args: Any, **options: Any) -> None:
        result = build.build(password=options["password"], now=timezone.now())
        if result is None:
            self.stdout.write("The demo organization exists already; nothing was changed.")
            return
        self.stdout.write(f"Demo organization created. Sign in as {result.email} with password {result.password}")
