"""Counters that the parts share. Gauges about rows are computed from the database when they are asked for.

Several processes: with PROMETHEUS_MULTIPROC_DIR (a folder that is emptied before a start) all processes that
share the folder count into files there, and any of them answers for all: workers need no port of their own.
Without it, a process answers for itself.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_FOLDER: Final = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")


def _process() -> str:
    """Name the files of this process: containers that share the folder may have the same process id."""
    return f"{socket.gethostname().replace('_', '-')}-{os.getpid()}"


if _FOLDER:
    Path(_FOLDER).mkdir(parents=True, exist_ok=True)
    values.ValueClass = values.MultiProcessValue(_process)  # type: ignore[no-untyped-call]  # it has no types

WEBHOOKS = Counter("pytake_webhooks_total", "Webhook deliveries by result.", ["result"])
ITEMS = Counter("pytake_webhook_items_total", "Items of deliveries by kind and result.", ["kind", "result"])
SENDS = Counter("pytake_sends_total", "Messages handed to the provider by outcome.", ["outcome"])
DEFERRED = Counter("pytake_sends_deferred_total", "Messages put back because of a limit.")
TURNS = Counter("pytake_turns_total", "Flow turns by result.", ["result"])
SLICE_SECONDS = Histogram("pytake_slice_seconds", "Duration of a slice of work.", ["kind"])
SOCKETS_REFUSED = Counter("pytake_sockets_refused_total", "Refused sockets by reason.", ["reason"])


class _Figures(Collector):
    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def page(figures: dict[str, tuple[str, float]]) -> bytes:
    """Return the metrics in Prometheus' text format, with gauges {name: (help, value)} of the moment."""
    moment = CollectorRegistry()
    # Not `Gauge`: those of several processes are kept in files.
    moment.register(_Figures([GaugeMetricFamily(name, text, value) for name, (text, value) in figures.items()]))
    return generate_latest(moment) + generate_latest(_counted())


def _counted() -> CollectorRegistry:
    if not _FOLDER:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it registers itself
    return registry
