"""The records of delivery: a POST with its attempts, a callback with its queue, the counters."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from conversations.simulator import wire
from conversations.simulator.config import Json
from conversations.simulator.disorder import FOREIGN_SECRET
from conversations.simulator.updates import Update

KEPT_LATENCIES: Final = 20_000
SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(slots=True, kw_only=True)
class Post:
    """One POST and what became of it. `kind` is normal, duplicate, replay or the name of a forgery."""

    id: int
    url: str
    secret: str
    body: bytes
    updates: list[Update]
    created_at: float
    kind: str = "normal"
    attempts: list[tuple[float, int, float]] = field(default_factory=list)
    state: str = "queued"

    def headers(self) -> dict[str, str]:
        """Return the headers, wrong ones for a forgery."""
        if self.kind == "foreign_signature":
            return wire.headers(FOREIGN_SECRET, self.body)
        headers = wire.headers(self.secret, self.body)
        if self.kind == "missing_signature":
            del headers["X-Hub-Signature-256"], headers["X-Hub-Signature"]
        elif self.kind == "bad_signature":
            headers["X-Hub-Signature-256"] = wire.signature(self.secret, self.body + b" ")
        return headers

    def tell(self, *, delivered: bool) -> None:
        """Tell whoever waits for the updates inside."""
        for update in self.updates:
            told = update.on_ack if delivered else update.on_refused
            if told is not None:
                told()

    def as_json(self, *, with_body: bool = False) -> Json:
        """Return the record of the delivery log; attempts are (simulated time, status or 0, milliseconds)."""
        record: Json = {
            "id": self.id,
            "url": self.url,
            "kind": self.kind,
            "state": self.state,
            "size": len(self.body),
            "created_at": round(self.created_at, 3),
            "attempts": [{"at": round(at, 3), "status": code, "ms": round(ms, 1)} for at, code, ms in self.attempts],
        }
        if with_body:
            record["body"] = self.body.decode("ascii")
        return record


@dataclass(slots=True)
class Tally:
    """Counters of deliveries."""

    counts: Counter[str] = field(default_factory=Counter)
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_LATENCIES))

    def percentiles(self) -> Json:
        """Return acknowledgement latencies in milliseconds, of the last 20,000 POSTs."""
        values = sorted(self.latencies)
        if not values:
            return {"count": 0}
        picked = {name: values[min(len(values) - 1, int(len(values) * share))] for name, share in SHARES.items()}
        return {
            "count": len(values),
            **{name: round(value, 1) for name, value in picked.items()},
            "max": round(values[-1], 1),
        }


@dataclass(slots=True, eq=False)
class Callback:
    """A URL of the business with its secret, its queue and its state."""

    url: str
    secret: str
    verify_token: str
    verified: bool = False
    queue: deque[Update] = field(default_factory=deque)
    first_at: float = 0.0
    in_flight: int = 0
    timer: asyncio.TimerHandle | None = None
