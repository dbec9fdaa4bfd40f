"""`manage.py check_api`: the API's description is complete and as committed (`--write` renews the file)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pytake.infra import openapi


class Command(BaseCommand):
    help = "Fail if a route lacks summary, description, responses or examples, or docs/openapi.yaml is out of date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help="Write docs/openapi.yaml.")

    def handle(self, *args: Any, **options: Any) -> None:
        document = openapi.document()
        gaps = openapi.gaps(document)
        if gaps:
            raise CommandError("The API's description has gaps:\n" + "\n".join(gaps))
        text = openapi.as_yaml(document)
        path = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
        if options["write"]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise CommandError("docs/openapi.yaml is out of date: run `manage.py check_api --write`.")
        self.stdout.write(f"{len(list(openapi.operations(document)))} routes are described.")
