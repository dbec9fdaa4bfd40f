"""The project package. Importing it makes our Celery application the current one, in every process and thread."""

from __future__ import annotations

from pytake.celery import app as celery_app

__all__ = ["celery_app"]
