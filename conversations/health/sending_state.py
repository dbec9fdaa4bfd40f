"""What limiters, breakers and templates say of a number. What does not exist in this installation says nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import redis
import structlog
from django.apps import apps
from django.db.models import Count
from django.utils.module_loading import import_string

from conversations.models import WhatsAppNumber
from conversations.official import state
from pytake.infra import redis_client

log = structlog.get_logger(__name__)
# (our name, names in Redis, column, seconds)
_WINDOWS: Final = (
    ("second", ("s", "second"), "limit_per_second", 1),
    ("minute", ("m", "minute"), "limit_per_minute", 60),
    ("hour", ("h", "hour"), "limit_per_hour", 3600),
    ("day", ("d", "day"), "limit_per_day", 86400),
)
_GAP: Final = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A limit of the number and how much of it is taken; `used` None: not known (no Redis)."""

    name: str
    limit: int
    used: int | None

    @property
    def remaining(self) -> int | None:
        """Return how many may leave at once."""
        return None if self.used is None else max(0, self.limit - self.used)

    @property
    def share(self) -> int:
        """Return the percentage taken."""
        return min(100, round(100 * (self.used or 0) / self.limit)) if self.limit else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Something that was switched off after failures."""

    pk: str
    scope: str
    state: str
    reason: str
    since: datetime | None
    retry_at: datetime | None


def windows(number: WhatsAppNumber, *, now: datetime) -> list[Window]:
    """Return the limits that are set, with what is taken of each."""
    wanted = [(name, names, getattr(number, column), seconds) for name, names, column, seconds in _WINDOWS]
    wanted = [row for row in wanted if row[2]]
    keys = [redis_client.key("bucket", f"number:{number.pk}:{key}") for _, names, _, _ in wanted for key in names]
    try:
        values: list[Any] | None = redis_client.client().mget(keys) if keys else []
    except redis.RedisError:
        values = None
    found = []
    for index, (name, names, limit, seconds) in enumerate(wanted):
        used = None
        if values is not None:
            mine = values[index * len(names) : (index + 1) * len(names)]
            full = max((float(value) for value in mine if value), default=0.0)
            ahead_ms = max(0.0, full - now.timestamp() * 1000)
            used = min(limit, round(ahead_ms / (seconds * 1000 / limit)))
        found.append(Window(name=name, limit=limit, used=used))
    return found


def reset_windows(number: WhatsAppNumber) -> None:
    """Forget what has been counted against the number's limits. Raises redis.RedisError."""
    names = [*(key for _, names, _, _ in _WINDOWS for key in names), _GAP]
    redis_client.client().delete(*(redis_client.key("bucket", f"number:{number.pk}:{name}") for name in names))


def portfolio(number: WhatsAppNumber, *, now: datetime) -> tuple[int | None, int | None]:
    """Return how many people the portfolio began talking to in 24 hours, and how many it may; None: not known."""
    limit = state.people_a_day(number.messaging_limit_tier)
    counter = _optional("conversations.portfolio.used")
    try:
        return (counter(number, now=now) if counter else None), limit
    except redis.RedisError:
        return None, limit


def breakers(number: WhatsAppNumber) -> list[Breaker]:
    """Return what is switched off at present."""
    model = _model("CircuitBreaker")
    if model is None:
        return []
    rows = model.objects.filter(number=number).exclude(state="closed").order_by("-opened_at")[:20]
    return [
        Breaker(
            pk=str(row.pk),
            scope=f"{row.get_scope_display()} {row.scope_key}".strip(),
            state=str(row.get_state_display()),
            reason=f"{row.reason_detail or row.reason_code}",
            since=row.opened_at,
            retry_at=row.retry_at,
        )
        for row in rows
    ]


def templates(number: WhatsAppNumber) -> dict[str, int]:
    """Return how many templates the account has in each state; empty when there are none."""
    model = _model("WhatsAppTemplate")
    if model is None or not number.whatsapp_business_account_id:
        return {}
    rows = model.objects.filter(account_id=number.whatsapp_business_account_id, deleted_at__isnull=True)
    counted = rows.values("status").annotate(count=Count("pk")).order_by("status")
    return {str(row["status"]): int(row["count"]) for row in counted}


@lru_cache(maxsize=8)
def _model(name: str) -> Any:
    try:
        return apps.get_model("conversations", name)
    except LookupError:
        return None


@lru_cache(maxsize=8)
def _optional(path: str) -> Callable[..., Any] | None:
    try:
        found: Callable[..., Any] = import_string(path)
    except ImportError:
        return None
    return found
