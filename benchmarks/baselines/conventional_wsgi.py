"""WSGI entry point of the conventional webhook."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.baselines.settings"
application = get_wsgi_application()
