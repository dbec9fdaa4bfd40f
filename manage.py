#!/usr/bin/env python
"""Django's command-line entry point. `up` is handled before Django, since it provides what settings need."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from pytake import up

if __name__ == "__main__":
    if sys.argv[1:2] == ["up"]:
        sys.exit(up.main())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pytake.settings")
    execute_from_command_line(sys.argv)
