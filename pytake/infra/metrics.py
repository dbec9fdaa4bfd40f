"""Counters that the parts share. Gauges about rows are computed from the database when they are asked for."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

WEBHOOKS = Counter("pytake_webhooks_total", "Webhook deliveries by result.", ["result"])
ITEMS = Counter("pytake_webhook_items_total", "Items of deliveries by kind and result.", ["kind", "result"])
SENDS = Counter("pytake_sends_total", "Messages handed to the provider by outcome.", ["outcome"])
DEFERRED = Counter("pytake_sends_deferred_total", "Messages put back because of a limit.")
TURNS = Counter("pytake_turns_total", "Flow turns by result.", ["result"])
SLICE_SECONDS = Histogram("pytake_slice_seconds", "Duration of a slice of work.", ["kind"])
SOCKETS = Gauge("pytake_sockets", "Open sockets of this process.")
SOCKETS_REFUSED = Counter("pytake_sockets_refused_total", "Refused sockets by reason.", ["reason"])
