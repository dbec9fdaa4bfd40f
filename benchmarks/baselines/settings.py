"""PyTake's settings with another URL map: the same middleware around conventional code."""

from __future__ import annotations

from pytake.settings import *  # noqa: F403  # a settings module

ROOT_URLCONF = "benchmarks.baselines.conventional"
FAST_LANE = {}
