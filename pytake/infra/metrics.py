"""Counters that the parts share. Gauges about rows are computed from the database when they are asked for.

Several processes: with PROMETHEUS_MULTIPROC_DIR (an empty folder, made new at each start) all processes of a
machine count into files, and any of them answers for all. Without it, a process answers for itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

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
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it registers itself
    return registry
